using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Grants;

/// <summary>All grants without a consent at one provider.</summary>
internal sealed class MachineGrants(ProviderDocument document, IGrantTransport transport, WorkloadIdentityFile file, TimeProvider time)
{
    /// <summary>Why the provider cannot serve the grant: the end of a sentence. Null if it can.</summary>
    public string? FindUnsupported(Grant grant) => (document.Protocol, grant) switch
    {
        (ProviderProtocol.GitHubApp, not Grant.GitHubApp) => $"provider {document.Name} issues only tokens of GitHub Apps (GitHubApp)",
        (ProviderProtocol.OAuth2, Grant.GitHubApp) => $"provider {document.Name} has no GitHub Apps; github-app has",
        (_, Grant.WorkloadIdentity { ClientId: not null }) when !document.WorkloadIdentity.AllowsClientAssertion =>
            $"the document of provider {document.Name} does not allow the operator's token as a client assertion (workloadIdentity.clientAssertion)",
        (_, Grant.WorkloadIdentity { ClientId: null }) when document.WorkloadIdentity is { ExchangeEndpoint: null } or { CredentialsEndpoint: null } =>
            $"the document of provider {document.Name} has no addresses to exchange the operator's token at (workloadIdentity.exchangeEndpoint and credentialsEndpoint)",
        _ => null,
    };

    /// <summary>Asks. Every response and every failure is a value, and none says that someone must consent.</summary>
    public async Task<TokenResponse> RequestAsync(GrantRequest request)
    {
        var context = new GrantContext(document, transport, time);
        var response = request.Grant switch
        {
            Grant.ClientCredentials grant => await ClientCredentialsGrant.RequestAsync(context, request, grant),
            Grant.JwtBearer grant => await JwtBearerGrant.RequestAsync(context, request, grant),
            Grant.GitHubApp grant => await GitHubAppGrant.RequestAsync(context, request, grant),
            Grant.WorkloadIdentity grant => await WorkloadIdentityGrant.RequestAsync(context, request, grant, file),
            _ => throw new ArgumentException($"{request.Grant.Name} is not a grant without a consent.", nameof(request)),
        };
        return response switch
        {
            // Some servers send one. The grant itself is the way to the next token, so nothing else is stored.
            TokenResponse.Granted granted => granted with { RefreshToken = null, RefreshTokenExpiresIn = null },
            TokenResponse.Failed failed => failed with { Kind = KindOf(failed.Kind, request), RefreshToken = null },
            _ => response,
        };
    }

    /// <summary>Ends an access token at a provider that does not speak OAuth 2.0.</summary>
    public async Task<RevocationResponse> RevokeAsync(TokenSet token) =>
        token.AccessToken is { } accessToken ? await GitHubAppGrant.RevokeAsync(new GrantContext(document, transport, time), accessToken) : new RevocationResponse(true, "");

    /// <summary>There is no consent that could have ended, and a client that is not there cannot be rejected.</summary>
    internal static FailureKind KindOf(FailureKind kind, GrantRequest request) => kind switch
    {
        FailureKind.ReauthorizationRequired or FailureKind.SessionPolicyReauth or FailureKind.RequestRejected => FailureKind.GrantRejected,
        FailureKind.ClientRejected when request.Client is null => request.Key is null ? FailureKind.GrantRejected : FailureKind.KeyRejected,
        _ => kind,
    };
}
