using Microsoft.Extensions.Logging;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.Providers.OAuth2;

/// <summary>Makes providers that speak OAuth 2.0.</summary>
public sealed class OAuth2TokenProviderFactory(
    TokenEndpointClient endpoints, WorkloadIdentityFile workloadIdentity, TimeProvider time, ProviderMetrics metrics, ILogger<OAuth2TokenProvider> logger) : ITokenProviderFactory
{
    /// <inheritdoc/>
    public ITokenProvider Create(ProviderDocument document) => new OAuth2TokenProvider(document, endpoints, workloadIdentity, time, metrics, logger);
}
