using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Tests.Providers.OAuth2;

/// <summary>Creates a provider that sends real requests, and owns what it uses.</summary>
internal sealed class TestProvider : IDisposable
{
    private readonly TokenEndpointClient _endpoints;
    private readonly ProviderMetrics _metrics = new(new Meters(), TimeProvider.System);

    public TestProvider(ProviderDocument document, TimeProvider? time = null)
    {
        _endpoints = new TokenEndpointClient(time ?? TimeProvider.System);
        Provider = new OAuth2TokenProvider(document, _endpoints, new WorkloadIdentityFile(null), time ?? TimeProvider.System, _metrics, NullLogger<OAuth2TokenProvider>.Instance);
    }

    public OAuth2TokenProvider Provider { get; }

    public void Dispose()
    {
        _endpoints.Dispose();
        _metrics.Dispose();
    }
}
