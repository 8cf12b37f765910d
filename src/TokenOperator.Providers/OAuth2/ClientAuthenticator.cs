using System.Net.Http.Headers;
using System.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Grants;

namespace TokenOperator.Providers.OAuth2;

/// <summary>What a request proves the client with.</summary>
/// <param name="Parameters">Parameters of the request.</param>
/// <param name="Header">The header field Authorization, or null.</param>
/// <param name="Proof">The secret or the assertion in it; null for a public client.</param>
internal sealed record ClientProof(IReadOnlyList<(string Name, string? Value)> Parameters, AuthenticationHeaderValue? Header, SecretValue? Proof);

/// <summary>Authenticates a client as the document says. It never tries a second method, because a second request can use up a refresh token.</summary>
internal static class ClientAuthenticator
{
    /// <summary>Auth0 accepts no more than 5 minutes between the beginning and the end of an assertion.</summary>
    private static readonly TimeSpan AssertionLifetime = TimeSpan.FromMinutes(2);

    /// <summary>How far in the past an assertion begins, because clocks differ.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    /// <summary>The proof, or null.</summary>
    /// <param name="provider">Says how the client authenticates.</param>
    /// <param name="client">The client.</param>
    /// <param name="now">The time of an assertion.</param>
    /// <param name="error">Why the result is null; safe to show.</param>
    public static ClientProof? Prove(ProviderDocument provider, OAuthClient client, DateTimeOffset now, out string? error)
    {
        error = null;
        var rules = provider.ClientAuthentication;
        if (rules.Method == ClientAuthenticationMethod.None)
            return new ClientProof([("client_id", client.ClientId)], null, null);
        if (rules.Method is ClientAuthenticationMethod.PrivateKeyJwt or ClientAuthenticationMethod.Certificate)
            return Sign(provider, client, now, out error) is { } assertion
                ? new ClientProof([("client_id", client.ClientId), ("client_assertion_type", JwtAssertion.ClientAssertionType), ("client_assertion", assertion.Reveal())], null, assertion)
                : null;
        if (client.ClientSecret is not { } secret)
        {
            error = "the client has no secret, and this provider expects one. Add it to the client Secret";
            return null;
        }

        return rules.Method switch
        {
            ClientAuthenticationMethod.Basic => new ClientProof([], Basic(rules, client.ClientId, secret.Reveal()), secret),
            ClientAuthenticationMethod.SecretAsUser => new ClientProof([], Basic(rules, secret.Reveal(), ""), secret),
            _ => new ClientProof([("client_id", client.ClientId), ("client_secret", secret.Reveal())], null, secret),
        };
    }

    // RFC 6749 section 2.3.1 percent-encodes both parts first; RFC 7617 takes them as they are.
    private static AuthenticationHeaderValue Basic(ClientAuthentication rules, string user, string password)
    {
        string Encoded(string text) => rules.EncodesBasic ? Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal) : text;
        return new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Encoded(user)}:{Encoded(password)}")));
    }

    /// <summary>RFC 7523 section 3.</summary>
    private static SecretValue? Sign(ProviderDocument provider, OAuthClient client, DateTimeOffset now, out string? error)
    {
        var rules = provider.ClientAuthentication;
        error = "the client has no private key that fits, and this provider expects one. Add it to the client Secret";
        if (client.Key is not { } key || !JwtAssertion.Fits(key.PrivateKey.Kind, rules.Algorithm))
            return null;
        if (rules.Method == ClientAuthenticationMethod.Certificate && key.CertificateHash is null)
        {
            error = "the client has no certificate, and this provider expects one. Add it to the client Secret";
            return null;
        }

        error = null;
        var start = (now - ClockSkew).ToUnixTimeSeconds();
        return JwtAssertion.Create(
            key.PrivateKey,
            rules.Algorithm,
            rules.Typ,
            rules.Method == ClientAuthenticationMethod.Certificate ? key.CertificateHash : null,
            ("iss", client.ClientId),
            ("sub", client.ClientId),
            ("aud", rules.Audience ?? provider.TokenEndpoint.OriginalString),
            ("iat", start),
            ("nbf", start),
            ("exp", (now + AssertionLifetime).ToUnixTimeSeconds()),
            ("jti", Guid.NewGuid().ToString()));
    }
}
