namespace TokenOperator.Core.Tokens;

/// <summary>The OAuth client (the application) on whose behalf a provider is asked: RFC 6749 section 2.</summary>
/// <param name="ClientId">Public identifier.</param>
/// <param name="ClientSecret">Its secret; the token endpoint is always asked with it.</param>
public sealed record OAuthClient(string ClientId, SecretValue ClientSecret)
{
    /// <summary>Changes whenever the identifier or the secret does.</summary>
    public string Fingerprint { get; } = Tokens.Fingerprint.Of(ClientId, ClientSecret.Reveal());
}
