using System.Collections.Concurrent;
using System.Text.Json.Serialization.Metadata;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Controllers;
using KubeRuntime.Hosting;
using KubeRuntime.LeaderElection;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Hosting;

/// <summary>What the controller and the finalizer of a test do, and the calls they received.</summary>
internal sealed class Script
{
    public Func<Gadget, CancellationToken, Task<ReconciliationResult<Gadget>>> Reconcile { get; set; } = (g, _) => Task.FromResult(ReconciliationResult<Gadget>.Success(g));

    public Func<Gadget, ReconciliationResult<Gadget>> Finalize { get; set; } = g => ReconciliationResult<Gadget>.Success(g);

    public Func<Gadget, ReconciliationResult<Gadget>> Delete { get; set; } = g => ReconciliationResult<Gadget>.Success(g);

    public ConcurrentQueue<string> Seen { get; } = new();

    public int Count(string what) => Seen.Count(s => s.StartsWith(what, StringComparison.Ordinal));
}

internal sealed class GadgetController(Script script) : IEntityController<Gadget>
{
    public Task<ReconciliationResult<Gadget>> ReconcileAsync(Gadget entity, CancellationToken cancellationToken)
    {
        script.Seen.Enqueue($"reconcile {entity.Metadata.Name} {entity.Spec.Size}");
        return script.Reconcile(entity, cancellationToken);
    }

    public Task<ReconciliationResult<Gadget>> DeletedAsync(Gadget entity, CancellationToken cancellationToken)
    {
        script.Seen.Enqueue($"deleted {entity.Metadata.Name} {entity.Spec.Size}");
        return Task.FromResult(script.Delete(entity));
    }
}

/// <summary>A finalizer that large gadgets require.</summary>
internal sealed class GadgetFinalizer(Script script) : IEntityFinalizer<Gadget>
{
    public bool IsWanted(Gadget entity) => entity.Spec.Size == "large";

    public Task<ReconciliationResult<Gadget>> FinalizeAsync(Gadget entity, CancellationToken cancellationToken)
    {
        script.Seen.Enqueue($"finalize {entity.Metadata.Name}");
        return Task.FromResult(script.Finalize(entity));
    }
}

/// <summary>An operator against the fake API server, on the clock of the machine.</summary>
internal sealed class TestOperator : IAsyncDisposable
{
    public const string FinalizerName = "test.dev/clean-up";
    private readonly bool _ownsServer;

    private TestOperator(FakeApiServer server, bool ownsServer, IHost host, Script script)
    {
        _ownsServer = ownsServer;
        (Server, Host, Script) = (server, host, script);
    }

    public FakeApiServer Server { get; }

    public FakeStore Store => Server.Store;

    public IHost Host { get; }

    public Script Script { get; }

    public IResourceCache<Gadget> Cache => Host.Services.GetRequiredService<IResourceCache<Gadget>>();

    public IResourceCache<Part> Parts => Host.Services.GetRequiredService<IResourceCache<Part>>();

    public IReconcileQueue<Gadget> Queue => Host.Services.GetRequiredService<IReconcileQueue<Gadget>>();

    public ILeadership Leadership => Host.Services.GetRequiredService<ILeadership>();

    public OperatorHealth Health => Host.Services.GetRequiredService<OperatorHealth>();

    public static async Task<TestOperator> StartAsync(
        FakeApiServer? server = null, Action<OperatorOptions>? configure = null, Script? script = null, IDrain? drain = null)
    {
        var isOwn = server is null;
        server ??= await FakeApiServer.StartAsync();
        script ??= new Script();
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLogging();
        builder.Services.AddSingleton(script);
        builder.Services.AddSingleton(server.Configuration());
        if (drain is not null)
            builder.Services.AddSingleton(drain);
        builder.Services
            .AddKubernetesOperator(o =>
            {
                o.Name = "demo";
                o.Json.Add(new DefaultJsonTypeInfoResolver());
                o.LeaderElection.Enabled = false;
                configure?.Invoke(o);
            })
            .AddController<GadgetController, Gadget>(o => o.AddIndex("size", g => [g.Spec.Size ?? ""]))
            .AddFinalizer<GadgetFinalizer, Gadget>(FinalizerName)
            .AddWatch<PartialObjectMetadata, Part, Gadget>(
                ResourceKind.Of<V1Secret>(),
                Part.From,
                (old, now, _) => [new NamespacedName((now ?? old)!.Key.Namespace, (now ?? old)!.Owner)],
                labelSelector: "gadget");
        var host = builder.Build();
        var started = new TestOperator(server, isOwn, host, script);
        await host.StartAsync();
        return started;
    }

    public async Task UntilLeadingAsync() =>
        await Eventually.IsTrueAsync(() => Leadership.IsLeading && Health.CachesSynced && Store.WatchCount >= 2, "the operator leads");

    public async Task UntilAsync(string seen, int times = 1) =>
        await Eventually.IsTrueAsync(() => Script.Count(seen) >= times, $"\"{seen}\" was seen {times} times; seen: {string.Join(", ", Script.Seen)}");

    public async ValueTask DisposeAsync()
    {
        await Host.StopAsync();
        Host.Dispose();
        if (_ownsServer)
            await Server.DisposeAsync();
    }
}
