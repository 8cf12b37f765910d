using System.Security.Cryptography;

namespace TokenOperator.Core.Tokens;

/// <summary>The kinds of keys that sign assertions.</summary>
public enum PrivateKeyKind
{
    /// <summary>For RS256.</summary>
    Rsa,

    /// <summary>On the curve P-256, for ES256.</summary>
    EllipticCurve,
}

/// <summary>A private key that can be used, and what its file says about it.</summary>
/// <param name="Pem">The key, unencrypted.</param>
/// <param name="Kind">Its kind.</param>
public sealed record PrivateKey(SecretValue Pem, PrivateKeyKind Kind)
{
    /// <summary>The address of the service account that the file belongs to; null if the file is not a key of a Google service account.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>The numeric ID of that service account, which an administrator of Google Workspace enters to delegate; or null.</summary>
    public string? ServiceAccountId { get; init; }

    /// <summary>The ID of the key; or null.</summary>
    public string? KeyId { get; init; }

    /// <summary>The key, to sign with. Dispose of it.</summary>
    public AsymmetricAlgorithm Open()
    {
        AsymmetricAlgorithm key = Kind == PrivateKeyKind.Rsa ? RSA.Create() : ECDsa.Create();
        key.ImportFromPem(Pem.Reveal());
        return key;
    }

    /// <summary>The secret part of the file, without the lines that say what it is: their words occur in ordinary messages.</summary>
    public SecretValue Secret { get; } = new(string.Concat(Pem.Reveal().Split('\n', StringSplitOptions.TrimEntries).Where(line => !line.StartsWith("-----", StringComparison.Ordinal))));

    /// <summary>Changes with the key.</summary>
    public string Fingerprint { get; } = Tokens.Fingerprint.Of(Pem.Reveal());
}
