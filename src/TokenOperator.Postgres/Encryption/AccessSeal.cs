using System.Globalization;
using System.Security.Cryptography;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// Shows that an operator with the keys wrote which namespaces may use an account: the column <c>access_seal</c>, with the name of the key, the version
/// of the access and the authentication code, separated by colons.
/// </summary>
/// <param name="KeyId">The name of the key.</param>
/// <param name="Version">Increases with every change of the access.</param>
/// <param name="Code">The authentication code of the account, its access list, and the version.</param>
internal sealed record AccessSeal(string KeyId, long Version, byte[] Code)
{
    /// <summary>What to do about a row whose access was changed without the keys.</summary>
    public const string Advice =
        "Find out who writes to the table. To take the account away from every namespace, run token-operator accounts release PROVIDER ACCOUNT, "
        + "and then accounts allow for each that may use it. If you trust what the row says, run token-operator keys encrypt.";

    // The name of the columns and not of the database, so that a backup can be used after it is restored elsewhere.
    private const string Place = "oauth_tokens.access";

    private const int CodeSize = 32;

    /// <summary>The seal of this access.</summary>
    public static string Write(DataKey dataKey, AccountKey key, AccountAccess access, long version) =>
        string.Create(CultureInfo.InvariantCulture, $"{dataKey.Id}:{version}:{Convert.ToBase64String(dataKey.Authenticate(SealedData(dataKey.Id, key, access, version)))}");

    /// <summary>The parts of a stored seal; null when it does not have the form that this version writes.</summary>
    public static AccessSeal? Parse(string stored)
    {
        var code = new byte[CodeSize];
        return stored.Split(':') is [var keyId, var version, var text] && KeyFolder.IsName(keyId)
            && long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && Convert.TryFromBase64String(text, code, out var length) && length == CodeSize
                ? new AccessSeal(keyId, number, code)
                : null;
    }

    /// <summary>True when this is the seal of <paramref name="access"/> under <paramref name="dataKey"/>.</summary>
    public bool IsOf(DataKey dataKey, AccountKey key, AccountAccess access) =>
        CryptographicOperations.FixedTimeEquals(Code, dataKey.Authenticate(SealedData(dataKey.Id, key, access, Version)));

    /// <summary>Each list follows its length, so that a name cannot move from one list to the next.</summary>
    private static byte[] SealedData(string keyId, AccountKey key, AccountAccess access, long version) => SealedText.Join(
    [
        Place, key.Provider, key.Account, keyId, Number(version),
        Number(access.Namespaces.Count), .. access.Namespaces,
        Number(access.Denied.Count), .. access.Denied,
        Number(access.Uids.Count), .. access.Uids,
    ]);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
