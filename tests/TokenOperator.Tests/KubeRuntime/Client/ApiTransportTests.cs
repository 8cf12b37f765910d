using System.Text.Json.Serialization.Metadata;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Observability;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Client;

public sealed class ApiTransportTests
{
    [Fact]
    public async Task A_connection_that_breaks_as_soon_as_it_opens_means_that_the_API_server_is_unavailable()
    {
        using var connection = new ApiConnection(new Uri("https://api.example"), new HttpClient(new BrokenConnection()), credentials: null);
        using var metrics = new RuntimeMetrics(new Meters());
        var client = new ResourceClient(
            new ApiTransport(connection, new ApiJson(new DefaultJsonTypeInfoResolver()), metrics, TimeProvider.System), "tester");

        var get = () => client.GetAsync<Gadget>(Gadget.ResourceKind, new NamespacedName("shop", "lamp"), CancellationToken.None);

        (await get.Should().ThrowAsync<ApiUnavailableException>()).WithMessage("*gadgets*shop/lamp*https://api.example/ cannot be reached*");
    }
}
