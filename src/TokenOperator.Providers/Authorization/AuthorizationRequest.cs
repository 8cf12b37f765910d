// The messages that go through a browser. Pure values.
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Authorization;

/// <summary>A request for a person's consent (RFC 6749 section 4.1.1).</summary>
public sealed record AuthorizationRequest
{
    /// <summary>The application that asks.</summary>
    public required string ClientId { get; init; }

    /// <summary>The address that the browser returns to.</summary>
    public required Uri RedirectUri { get; init; }

    /// <summary>What the token must allow.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>Comes back with the response (RFC 6749 section 10.12).</summary>
    public required string State { get; init; }

    /// <summary>Used for this request only.</summary>
    public required Pkce Pkce { get; init; }

    /// <summary>The account for the provider to preselect, or null. The person can still choose another (OpenID Connect Core section 3.1.2.1).</summary>
    public string? LoginHint { get; init; }

    /// <summary>The address to open.</summary>
    /// <param name="endpoint">The authorization endpoint; it may have a query.</param>
    /// <param name="provider">How the provider writes scopes, and what it expects beside the parameters of the standard.</param>
    internal Uri ToUri(Uri endpoint, ProviderDocument provider)
    {
        var scopes = Scopes.Concat(provider.Scopes.Consent).Distinct(StringComparer.Ordinal).ToList();
        var challenge = provider.Authorization.Pkce == PkceUse.Off ? null : Pkce.Challenge;
        var parameters = provider.Authorization.Parameters.Apply(
            ("response_type", "code"),
            ("client_id", ClientId),
            ("redirect_uri", RedirectUri.AbsoluteUri),
            (provider.Scopes.Parameter, scopes.Count > 0 ? string.Join(provider.Scopes.Separator, scopes) : null),
            ("state", State),
            ("code_challenge", challenge),
            ("code_challenge_method", challenge is null ? null : "S256"),
            ("login_hint", LoginHint));
        var query = string.Join('&', parameters.Select(parameter => $"{Uri.EscapeDataString(parameter.Key)}={Uri.EscapeDataString(parameter.Value)}"));
        return new Uri($"{endpoint.AbsoluteUri}{(endpoint.Query.Length > 0 ? '&' : '?')}{query}");
    }
}

/// <summary>Proof Key for Code Exchange (RFC 7636): an authorization code is useless to someone who intercepts it.</summary>
/// <param name="Verifier">Leaves this process only in the exchange of the code.</param>
public sealed record Pkce(SecretValue Verifier)
{
    /// <summary>By the method S256 (RFC 7636 section 4.2).</summary>
    public string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier.Reveal())));

    /// <summary>A random verifier.</summary>
    public static Pkce New() => new(new SecretValue(RandomText.New()));
}
