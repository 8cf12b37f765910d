using System.Text.Json.Nodes;
using KubeRuntime.Controllers;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Hosting;

public sealed class FinalizerTests : IAsyncLifetime
{
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
    public async Task A_required_finalizer_is_on_the_object_before_it_is_reconciled()
    {
        string[] seen = [];
        Script.Reconcile = (g, _) =>
        {
            seen = [.. FinalizersOf("lamp")];
            return Task.FromResult(ReconciliationResult<Gadget>.Success(g));
        };

        Store.Create("gadgets", Gadget.Manifest("lamp", "large"));
        await _operator.UntilAsync("reconcile lamp");

        seen.Should().Equal(TestOperator.FinalizerName);
        Script.Count("reconcile").Should().Be(1, "its own write does not trigger a reconcile");
    }

    [Fact]
    public async Task A_required_finalizer_that_was_removed_is_added_again()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp", "large"));
        await _operator.UntilAsync("reconcile lamp");

        Store.Update("gadgets", "shop", "lamp", o => o["metadata"]!["finalizers"] = new JsonArray());

        await Eventually.IsTrueAsync(() => FinalizersOf("lamp").Length == 1, "it is back");
    }

    [Fact]
    public async Task A_finalizer_that_is_not_required_is_not_added_and_is_removed_if_present()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        Store.Create("gadgets", Gadget.Manifest("sofa", "small", "shop", "other.dev/first", TestOperator.FinalizerName));
        await _operator.UntilAsync("reconcile", 2);

        FinalizersOf("lamp").Should().BeEmpty();
        FinalizersOf("sofa").Should().Equal("other.dev/first");
    }

    [Fact]
    public async Task A_deleted_object_is_removed_when_its_finalizer_has_succeeded()
    {
        Script.Finalize = g => Script.Count("finalize") == 1
            ? ReconciliationResult<Gadget>.Failure(g, "not yet")
            : ReconciliationResult<Gadget>.Success(g);
        Store.Create("gadgets", Gadget.Manifest("lamp", "large"));
        await _operator.UntilAsync("reconcile lamp");

        Store.Delete("gadgets", "shop", "lamp");
        await _operator.UntilAsync("deleted lamp");

        Script.Seen.Should().Equal("reconcile lamp large", "finalize lamp", "finalize lamp", "deleted lamp large");
        Store.Get("gadgets", "shop", "lamp").Should().BeNull();
    }

    [Fact]
    public async Task Finalizers_of_other_controllers_are_neither_awaited_nor_changed()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp", "large", "shop", "other.dev/first", TestOperator.FinalizerName, "other.dev/last"));
        await _operator.UntilAsync("reconcile lamp");

        Store.Delete("gadgets", "shop", "lamp");
        await Eventually.IsTrueAsync(() => !FinalizersOf("lamp").Contains(TestOperator.FinalizerName), "ours is done");

        FinalizersOf("lamp").Should().Equal("other.dev/first", "other.dev/last");
        Script.Count("finalize").Should().Be(1);
    }

    [Fact]
    public async Task An_object_that_changed_meanwhile_is_read_again_before_its_finalizers_are_written()
    {
        var isFirst = true;
        _operator.Server.Intercept = (_, seen) =>
        {
            if (seen.Method != "PATCH" || !isFirst)
                return Task.FromResult(false);
            isFirst = false;
            Store.Update("gadgets", "shop", "lamp", o => o["metadata"]!["finalizers"] = new JsonArray("other.dev/new"));
            return Task.FromResult(false);
        };

        Store.Create("gadgets", Gadget.Manifest("lamp", "large"));
        await _operator.UntilAsync("reconcile lamp");

        FinalizersOf("lamp").Should().Equal("other.dev/new", TestOperator.FinalizerName);
    }

    private string[] FinalizersOf(string name) =>
        Store.Get("gadgets", "shop", name)?["metadata"]?["finalizers"] is JsonArray found ? [.. found.Select(f => (string)f!)] : [];
}
