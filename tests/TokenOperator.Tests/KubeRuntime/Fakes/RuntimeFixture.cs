using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Observability;
using KubeRuntime.Watching;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Tests.Postgres;

namespace TokenOperator.Tests.KubeRuntime.Fakes;

/// <summary>A fake API server and a client of it, on a fake clock.</summary>
internal sealed class RuntimeFixture : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];

    private RuntimeFixture(FakeApiServer server)
    {
        Server = server;
        Connection = KubernetesClientFactory.Create(server.Configuration());
        Client = new ResourceClient(new ApiTransport(Connection, new ApiJson(new DefaultJsonTypeInfoResolver()), Metrics, Time), "tester");
    }

    public FakeApiServer Server { get; }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public ListLogger Log { get; } = new();

    public RuntimeMetrics Metrics { get; } = new(new Meters());

    public ApiConnection Connection { get; }

    public ResourceClient Client { get; }

    public CancellationToken Stop => _stop.Token;

    public static async Task<RuntimeFixture> StartAsync() => new(await FakeApiServer.StartAsync());

    /// <summary>An object of the fake API server as a watch of metadata reads it.</summary>
    public static PartialObjectMetadata Metadata(JsonObject item) =>
        item.Deserialize(new ApiJson(new DefaultJsonTypeInfoResolver()).Info<PartialObjectMetadata>()) ?? throw new InvalidOperationException("The object is null.");

    public void Run(Func<CancellationToken, Task> run) => _running.Add(run(_stop.Token));

    /// <summary>A cache of gadgets with a running reflector.</summary>
    public ResourceCache<Gadget> WatchGadgets(params string[] namespaces)
    {
        string[] scopes = namespaces.Length == 0 ? [""] : namespaces;
        var cache = new ResourceCache<Gadget>(scopes, new CacheOptions<Gadget>().AddIndex("size", g => g.Spec.Size is { } size ? [size] : []));
        foreach (var ns in scopes)
            Run(Reflector(cache, ns).RunAsync);
        return cache;
    }

    public Reflector<Gadget, Gadget> Reflector(ResourceCache<Gadget> cache, string ns) =>
        new(Client, new ResourceScope(Gadget.ResourceKind, ns, null), g => g, cache, Time, new Random(1), Log);

    public async Task<ResourceCache<Gadget>> WatchGadgetsUntilSyncedAsync()
    {
        var cache = WatchGadgets();
        await cache.Synced.WaitAsync(TimeSpan.FromSeconds(20));
        await Eventually.IsTrueAsync(() => Server.Store.WatchCount == 1, "the watch is open");
        return cache;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running).WaitAsync(TimeSpan.FromSeconds(20));
        Connection.Dispose();
        await Server.DisposeAsync();
        Metrics.Dispose();
        _stop.Dispose();
    }
}
