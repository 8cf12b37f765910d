using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Grants;

/// <summary>The client asks for itself (RFC 6749 section 4.4), with its audience (Auth0) or its resource (RFC 8707).</summary>
internal static class ClientCredentialsGrant
{
    /// <summary>Asks once.</summary>
    public static Task<TokenResponse> RequestAsync(GrantContext context, GrantRequest request, Grant.ClientCredentials grant) => context.PostAsync(
        context.Document.TokenEndpoint,
        request.Client,
        context.Document.Errors,
        [],
        [
            ("grant_type", grant.GrantType),
            (context.Document.Scopes.Parameter, context.Document.Scopes.Join(request.Scopes)),
            ("audience", grant.Audience),
            ("resource", grant.Resource),
            .. grant.Parameters.Select(parameter => (parameter.Key, (string?)parameter.Value)),
        ]);
}
