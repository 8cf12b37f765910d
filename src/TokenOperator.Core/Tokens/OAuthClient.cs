namespace TokenOperator.Core.Tokens;

/// <summary>The OAuth client, which is the application that requests tokens: RFC 6749 section 2.</summary>
/// <param name="ClientId">The public identifier.</param>
/// <param name="ClientSecret">The secret, which every request to the token endpoint contains.</param>
public sealed record OAuthClient(string ClientId, SecretValue ClientSecret)
{
    /// <summary>Changes with the identifier and with the secret.</summary>
    public string Fingerprint { get; } = Tokens.Fingerprint.Of(ClientId, ClientSecret.Reveal());
}
