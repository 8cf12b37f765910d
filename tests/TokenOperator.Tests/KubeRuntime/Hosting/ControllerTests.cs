using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.Controllers;
using KubeRuntime.Hosting;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Hosting;

/// <summary>The behaviour that the author of a controller sees, with all parts of the runtime running.</summary>
public sealed class ControllerTests : IAsyncLifetime
{
    private static readonly NamespacedName Lamp = new("shop", "lamp");
    private TestOperator _operator = null!;

    private FakeStore Store => _operator.Store;

    private Script Script => _operator.Script;

    public async Task InitializeAsync()
    {
        _operator = await TestOperator.StartAsync();
        await _operator.UntilLeadingAsync();
    }

    public async Task DisposeAsync() => await _operator.DisposeAsync();

    [Fact]
    public async Task Existing_objects_are_reconciled_without_a_request_for_each()
    {
        for (var i = 0; i < 200; i++)
            Store.Create("gadgets", Gadget.Manifest($"g{i}"));

        await using var second = await TestOperator.StartAsync(_operator.Server);
        _operator.Server.Requests.Clear();
        await second.UntilAsync("reconcile", 200);

        // A list and a watch of each kind, and a look at the stored versions of the custom one.
        _operator.Server.Requests.Should().OnlyContain(r => r.Method == "GET").And.HaveCountLessThanOrEqualTo(5);
        _operator.Server.Requests.Count(r => r.Path.Contains("/customresourcedefinitions/")).Should().BeLessThanOrEqualTo(1);
    }

    [Fact]
    public async Task A_change_of_the_spec_triggers_a_reconcile_and_a_change_of_the_status_does_not()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        await _operator.UntilAsync("reconcile lamp small");

        Store.Update("gadgets", "shop", "lamp", o => o["status"] = new JsonObject { ["phase"] = "Done" });
        await Eventually.IsTrueAsync(() => _operator.Cache.Get(Lamp)?.Status.Phase == "Done", "the status is seen");
        Store.Update("gadgets", "shop", "lamp", o => o["spec"]!["size"] = "tiny");
        await _operator.UntilAsync("reconcile lamp tiny");

        Script.Seen.Should().Equal("reconcile lamp small", "reconcile lamp tiny");
    }

    [Theory]
    [InlineData("labels")]
    [InlineData("annotations")]
    public async Task A_change_of_labels_or_annotations_triggers_a_reconcile(string field)
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        await _operator.UntilAsync("reconcile lamp");

        Store.Update("gadgets", "shop", "lamp", o => o["metadata"]![field] = new JsonObject { ["a"] = "b" });

        await _operator.UntilAsync("reconcile lamp", 2);
    }

    [Fact]
    public async Task A_failure_is_retried_and_an_exception_is_a_failure()
    {
        Script.Reconcile = (g, _) => Script.Count("reconcile") switch
        {
            1 => Task.FromResult(ReconciliationResult<Gadget>.Failure(g, "not yet")),
            2 => throw new InvalidOperationException("a fault"),
            _ => Task.FromResult(ReconciliationResult<Gadget>.Success(g)),
        };

        Store.Create("gadgets", Gadget.Manifest("lamp"));

        await _operator.UntilAsync("reconcile lamp", 3);
    }

    [Fact]
    public async Task A_success_can_ask_for_another_reconcile()
    {
        Script.Reconcile = (g, _) => Task.FromResult(ReconciliationResult<Gadget>.Success(
            g, Script.Count("reconcile") < 3 ? TimeSpan.FromMilliseconds(20) : null));

        Store.Create("gadgets", Gadget.Manifest("lamp"));

        await _operator.UntilAsync("reconcile lamp", 3);
    }

    [Fact]
    public async Task A_reconcile_is_cancelled_at_its_timeout_and_retried()
    {
        await using var hasty = await TestOperator.StartAsync(configure: o => o.ReconcileTimeout = TimeSpan.FromMilliseconds(50));
        hasty.Script.Reconcile = async (g, ct) =>
        {
            if (hasty.Script.Count("reconcile") == 1)
                await Task.Delay(Timeout.Infinite, ct);
            return ReconciliationResult<Gadget>.Success(g);
        };

        hasty.Store.Create("gadgets", Gadget.Manifest("lamp"));

        await hasty.UntilAsync("reconcile lamp", 2);
    }

    [Fact]
    public async Task A_deletion_is_reported_with_the_last_known_state_until_the_controller_succeeds()
    {
        Script.Delete = g => Script.Count("deleted") == 1
            ? ReconciliationResult<Gadget>.Failure(g, "not yet")
            : ReconciliationResult<Gadget>.Success(g);
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        await _operator.UntilAsync("reconcile lamp");

        Store.Delete("gadgets", "shop", "lamp");

        await _operator.UntilAsync("deleted lamp small", 2);
        Script.Seen.Should().Equal("reconcile lamp small", "deleted lamp small", "deleted lamp small");
    }

    [Fact]
    public async Task A_deletion_and_a_creation_of_the_same_name_are_reported_in_order()
    {
        var gate = new TaskCompletionSource();
        Script.Reconcile = async (g, _) =>
        {
            await gate.Task;
            return ReconciliationResult<Gadget>.Success(g);
        };
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        await _operator.UntilAsync("reconcile lamp small");

        // Both happen while the key is processed, so it is handed out only once more.
        Store.Delete("gadgets", "shop", "lamp");
        Store.Create("gadgets", Gadget.Manifest("lamp", "tiny"));
        await Eventually.IsTrueAsync(() => _operator.Cache.Get(Lamp)?.Spec.Size == "tiny", "the new one is seen");
        gate.SetResult();

        await _operator.UntilAsync("reconcile lamp tiny");
        Script.Seen.Should().Equal("reconcile lamp small", "deleted lamp small", "reconcile lamp tiny");
    }

    [Fact]
    public async Task A_missed_deletion_is_reported_after_the_next_list()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        Store.Create("gadgets", Gadget.Manifest("sofa"));
        await _operator.UntilAsync("reconcile", 2);

        Store.WhileNobodyLooks(() =>
        {
            Store.Delete("gadgets", "shop", "lamp");
            Store.Delete("gadgets", "shop", "sofa");
            Store.Create("gadgets", Gadget.Manifest("sofa", "tiny"));
        });
        Store.EndWatches();

        await _operator.UntilAsync("deleted lamp small");
        await _operator.UntilAsync("deleted sofa small");
        await _operator.UntilAsync("reconcile sofa tiny");
    }

    [Fact]
    public async Task A_change_of_a_watched_object_reconciles_its_entity()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        await _operator.UntilAsync("reconcile lamp");

        Store.Create("secrets", Secret("bulb"));

        await _operator.UntilAsync("reconcile lamp", 2);
        _operator.Parts.Get(new("shop", "bulb"))!.Owner.Should().Be("lamp");
        _operator.Server.Requests.Should().Contain(r => r.Path == "/api/v1/secrets" && r.Accept.Contains("PartialObjectMetadataList") && r.Query.Contains("labelSelector=gadget"));
    }

    [Fact]
    public async Task A_write_by_an_entity_reconciles_other_entities_and_not_itself()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        Store.Create("gadgets", Gadget.Manifest("sofa"));
        await _operator.UntilAsync("reconcile", 2);

        _operator.Parts.Observe(new Part(new("shop", "cord"), "1000000", "lamp"), by: Lamp);
        _operator.Parts.Observe(new Part(new("shop", "leg"), "1000000", "sofa"), by: Lamp);

        await _operator.UntilAsync("reconcile sofa", 2);
        Script.Count("reconcile lamp").Should().Be(1);
    }

    [Fact]
    public async Task Many_objects_are_reconciled_in_parallel_up_to_the_limit()
    {
        var inWork = 0;
        var gate = new TaskCompletionSource();
        Script.Reconcile = async (g, _) =>
        {
            Interlocked.Increment(ref inWork);
            await gate.Task;
            return ReconciliationResult<Gadget>.Success(g);
        };

        for (var i = 0; i < 30; i++)
            Store.Create("gadgets", Gadget.Manifest($"g{i}"));
        await Eventually.IsTrueAsync(() => inWork == new OperatorOptions().Concurrency, "all workers are busy");
        await Eventually.IsTrueAsync(() => _operator.Cache.List().Count == 30, "the watch continues in the meantime");
        gate.SetResult();

        await _operator.UntilAsync("reconcile", 30);
    }

    [Fact]
    public void A_type_cannot_have_two_caches()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        var add = () => builder.Services.AddKubernetesOperator()
            .AddController<GadgetController, Gadget>()
            .AddController<GadgetController, Gadget>();

        add.Should().Throw<InvalidOperationException>().WithMessage("Gadget is cached already*");
    }

    private static JsonObject Secret(string name) => new()
    {
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "shop", ["labels"] = new JsonObject { ["gadget"] = "lamp" } },
    };
}
