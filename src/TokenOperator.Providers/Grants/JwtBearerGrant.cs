using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Grants;

/// <summary>An assertion signed by a private key (RFC 7523 section 2.1): Google service accounts, Salesforce, DocuSign, Box.</summary>
internal static class JwtBearerGrant
{
    /// <summary>The value of <c>grant_type</c>.</summary>
    public const string GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";

    /// <summary>A server whose clock is behind rejects an assertion from the future.</summary>
    public static readonly TimeSpan Backdating = TimeSpan.FromSeconds(30);

    /// <summary>Asks once.</summary>
    public static async Task<TokenResponse> RequestAsync(GrantContext context, GrantRequest request, Grant.JwtBearer grant)
    {
        var key = request.Key!;
        if (!JwtAssertion.Fits(key.Kind, grant.Algorithm))
            return new TokenResponse.Failed(FailureKind.GrantRejected, $"nothing was sent: the algorithm {grant.Algorithm} does not fit the private key, which needs {(key.Kind == PrivateKeyKind.Rsa ? "RS256" : "ES256")}");
        if ((grant.Issuer ?? key.ServiceAccount) is not { } issuer)
            return new TokenResponse.Failed(FailureKind.GrantRejected, "nothing was sent: spec.jwtBearer.issuer is not set, and the key is not the JSON key of a service account, which would name one");

        var assertion = JwtAssertion.Create(key with { KeyId = grant.KeyId ?? key.KeyId }, grant.Algorithm, ClientAuthentication.DefaultTyp, null, Claims(context, issuer, grant.Subject, grant.Audience, request.Scopes, grant.Claims));
        var response = await PostAsync(context, assertion, request.Client, [key.Secret]);
        return response is TokenResponse.Failed { Kind: FailureKind.NotDelegated } failed && key.ServiceAccountId is { } id
            ? failed with { Detail = $"{failed.Detail.TrimEnd('.')}; the numeric client ID is {id}" }
            : response;
    }

    /// <summary>The claims of an assertion.</summary>
    public static IEnumerable<(string Name, object? Value)> Claims(
        GrantContext context, string issuer, string? subject, string? audience, IReadOnlyList<string> scopes, IReadOnlyDictionary<string, string> others) =>
    [
        ("iss", issuer),
        ("sub", subject),
        ("aud", audience ?? context.Document.TokenEndpoint.OriginalString),
        ("scope", scopes.Count > 0 ? string.Join(' ', scopes) : null),
        ("iat", (context.Now - Backdating).ToUnixTimeSeconds()),
        ("exp", (context.Now + context.Document.Assertion.Lifetime).ToUnixTimeSeconds()),
        ("jti", Guid.NewGuid().ToString()),
        .. others.Select(claim => (claim.Key, (object?)claim.Value)),
    ];

    /// <summary>Exchanges an assertion.</summary>
    public static Task<TokenResponse> PostAsync(GrantContext context, SecretValue assertion, OAuthClient? client, IEnumerable<SecretValue?> secrets)
    {
        var document = context.Document;
        var rules = document.Errors with { Rules = [.. document.Assertion.ErrorRules, .. document.Errors.Rules] };
        return context.PostAsync(document.TokenEndpoint, client, rules, [.. secrets, assertion], ("grant_type", GrantType), ("assertion", assertion.Reveal()));
    }
}
