using System.Text.Json.Nodes;
using KubeRuntime.Controllers;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Hosting;

public sealed class StorageMigrationTests : IAsyncLifetime, IDisposable
{
    private const string Definition = "gadgets.test.dev";
    private static readonly string[] Written = ["g0", "g1", "g2", "misfit"];
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);
    private readonly CancellationTokenSource _term = new();
    private RuntimeFixture _fixture = null!;
    private StorageMigration<Gadget> _migration = null!;

    public async Task InitializeAsync()
    {
        _fixture = await RuntimeFixture.StartAsync();
        _migration = new(_fixture.Client, _fixture.Time, _fixture.Log);
    }

    public async Task DisposeAsync()
    {
        (await _migration.DrainAsync(TimeSpan.FromSeconds(20))).Should().BeTrue();
        await _fixture.DisposeAsync();
    }

    public void Dispose()
    {
        _migration.Dispose();
        _term.Dispose();
    }

    [Fact]
    public async Task A_definition_with_one_stored_version_costs_one_request()
    {
        Define("v1");
        AddGadgets(3);

        await _migration.RunAsync(_term.Token).WaitAsync(TimeSpan.FromSeconds(20));

        _fixture.Server.Requests.Select(request => $"{request.Method} {request.Path}")
            .Should().Equal($"GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/{Definition}");
        Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task Each_object_is_written_once_without_a_change_and_then_the_definition_names_the_storage_version_alone()
    {
        Define("v1alpha1", "v1");
        AddGadgets(3);
        _fixture.Server.Store.Create("gadgets", Gadget.Misfit("misfit"));

        await MigrateAsync();

        var patches = Patches();
        patches.SkipLast(1).Select(patch => (patch.Path, patch.Body)).Should().BeEquivalentTo(
            Written.Select(name => ($"/apis/test.dev/v1/namespaces/shop/gadgets/{name}/status", "[]")));
        patches[^1].Path.Should().Be($"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{Definition}/status");
        Lines.Should().HaveCount(2);
        Lines[0].Should().Contain("gadgets.test.dev").And.Contain("v1alpha1").And.Contain("4 of them");
    }

    [Fact]
    public async Task A_kind_whose_status_is_not_a_subresource_is_written_as_a_whole()
    {
        Define(change: version => version.Remove("subresources"), stored: ["v1alpha1", "v1"]);
        AddGadgets(1);

        await MigrateAsync();

        Patches()[0].Path.Should().Be("/apis/test.dev/v1/namespaces/shop/gadgets/g0");
    }

    [Fact]
    public async Task No_more_than_ten_objects_are_written_in_a_second_and_none_before_all_API_servers_know_the_definition()
    {
        Define("v1alpha1", "v1");
        AddGadgets(30);
        var started = _fixture.Time.GetUtcNow();
        var firstAt = DateTimeOffset.MaxValue;
        _fixture.Server.Intercept = (_, request) =>
        {
            if (request.Method == "PATCH" && _fixture.Time.GetUtcNow() < firstAt)
                firstAt = _fixture.Time.GetUtcNow();
            return Task.FromResult(false);
        };

        await MigrateAsync();

        (firstAt - started).Should().BeGreaterThanOrEqualTo(StorageMigration<Gadget>.SettleTime);
        (_fixture.Time.GetUtcNow() - firstAt).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(2.9));
    }

    [Theory]
    [InlineData("GET", "customresourcedefinitions")]
    [InlineData("GET", "gadgets")]
    [InlineData("PATCH", "gadgets")]
    [InlineData("PATCH", "customresourcedefinitions")]
    public async Task A_missing_right_is_named_once_and_nothing_is_retried(string method, string resource)
    {
        Define("v1alpha1", "v1");
        AddGadgets(2);
        var denied = 0;
        _fixture.Server.Intercept = async (context, request) =>
        {
            if (request.Method != method || !$"{request.Path}/".Contains($"/{resource}/", StringComparison.Ordinal))
                return false;
            denied++;
            await FakeApiServer.RefuseAsync(context, 403, "Forbidden", "the test denies it");
            return true;
        };

        var run = _migration.RunAsync(_term.Token);
        await Eventually.IsTrueAsync(() => run.IsCompletedSuccessfully, "it has ended", _fixture.Time, Step);

        denied.Should().Be(1);
        Lines[^1].Should().Contain($"{method.ToLowerInvariant()} {resource}".Replace("get gadgets", "list gadgets")).And.Contain("the test denies it");
        Stored().Should().Equal("v1alpha1", "v1");
        _migration.IsAlive.Should().BeTrue();
    }

    [Fact]
    public async Task An_object_that_cannot_be_written_keeps_the_definition_as_it_is_and_is_alone_written_again_after_ten_minutes()
    {
        Define("v1alpha1", "v1");
        AddGadgets(3);
        RefuseUntilRetried("PATCH", "/g1/", 422);

        await MigrateAsync(step: TimeSpan.FromSeconds(5));

        Patches().Select(patch => patch.Path.Split('/')[^2]).Should().Equal(["g0", "g1", "g2", "g1", Definition]);
        Lines[1].Should().Contain("1 of 3").And.Contain("refused by the test").And.Contain("10 min");
        Lines[2].Should().Contain("writing 1 of them");
    }

    [Fact]
    public async Task A_failure_of_the_API_server_is_retried_after_ten_minutes()
    {
        Define("v1alpha1", "v1");
        RefuseUntilRetried("GET", "customresourcedefinitions", 500);

        await MigrateAsync(step: TimeSpan.FromSeconds(5));

        Lines[0].Should().Contain("refused by the test");
        (_fixture.Time.GetUtcNow() - _fixture.Time.Start).Should().BeGreaterThanOrEqualTo(StorageMigration<Gadget>.RetryPeriod);
    }

    [Fact]
    public async Task An_object_that_someone_else_writes_at_the_same_time_is_written_again_immediately_and_one_that_is_gone_is_left()
    {
        Define("v1alpha1", "v1");
        AddGadgets(2);
        var conflicts = 0;
        _fixture.Server.Intercept = async (context, request) =>
        {
            if (request.Method != "PATCH" || !request.Path.Contains("/gadgets/", StringComparison.Ordinal))
                return false;
            if (request.Path.Contains("/g1/", StringComparison.Ordinal))
                _fixture.Server.Store.Delete("gadgets", "shop", "g1");
            else if (conflicts++ == 0)
                await FakeApiServer.RefuseAsync(context, 409, "Conflict", "the object has been modified");
            else
                return false;
            return context.Response.HasStarted;
        };

        await MigrateAsync();

        Patches().Select(patch => patch.Path.Split('/')[^2]).Should().Equal("g0", "g0", "g1", Definition);
        Lines.Should().HaveCount(2);
    }

    [Fact]
    public async Task A_definition_that_changes_meanwhile_is_read_again_and_its_objects_are_written_in_its_new_version()
    {
        Define("v1alpha1", "v1");
        AddGadgets(2);
        var changed = false;
        _fixture.Server.Intercept = (_, request) =>
        {
            if (request.Method == "PATCH" && request.Path.Contains("customresourcedefinitions", StringComparison.Ordinal) && !changed)
            {
                changed = true;
                _fixture.Server.Store.Update("customresourcedefinitions", "", Definition, definition =>
                {
                    definition["spec"]!["versions"]!.AsArray()[0]!["storage"] = false;
                    definition["spec"]!["versions"]!.AsArray().Add(Version("v2", isStorage: true));
                    definition["status"]!["storedVersions"]!.AsArray().Add("v2");
                });
            }

            return Task.FromResult(false);
        };

        await MigrateAsync("v2");

        Patches().Select(patch => patch.Path.Split('/')[^2]).Should().Equal("g0", "g1", Definition, "g0", "g1", Definition);
    }

    [Fact]
    public async Task A_stop_ends_it_at_once()
    {
        Define("v1alpha1", "v1");
        AddGadgets(100);
        _migration.Start(_term.Token);
        await Eventually.IsTrueAsync(() => Patches().Count > 3, "it writes", _fixture.Time, Step);

        (await _migration.DrainAsync(TimeSpan.FromSeconds(20))).Should().BeTrue();

        var count = Patches().Count;
        _fixture.Time.Advance(TimeSpan.FromHours(1));
        Patches().Should().HaveCount(count).And.HaveCountLessThan(100);
        Stored().Should().Equal("v1alpha1", "v1");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Only_an_operator_of_all_namespaces_looks_at_the_definition_when_it_leads(bool all)
    {
        Define("v1");
        await using var running = await TestOperator.StartAsync(_fixture.Server, options =>
        {
            if (!all)
                options.Namespaces.Add("shop");
        });
        AddGadgets(1);
        await running.UntilAsync("reconcile g0");
        await Eventually.IsTrueAsync(() => !all || Looks().Any(), "it looked");

        Looks().Should().HaveCount(all ? 1 : 0);
    }

    private List<string> Lines => [.. _fixture.Log.Lines];

    private async Task MigrateAsync(string version = "v1", TimeSpan? step = null)
    {
        _migration.Start(_term.Token);
        await Eventually.IsTrueAsync(() => Stored() is [var stored] && stored == version && Lines.Any(line => line.Contains("are stored as")), "it is done", _fixture.Time, step ?? Step);
    }

    private void Define(params string[] stored) => Define(null, stored);

    private void Define(Action<JsonObject>? change, string[] stored)
    {
        var current = Version("v1", isStorage: true);
        change?.Invoke(current);
        _fixture.Server.Store.Create("customresourcedefinitions", new JsonObject
        {
            ["apiVersion"] = "apiextensions.k8s.io/v1",
            ["kind"] = "CustomResourceDefinition",
            ["metadata"] = new JsonObject { ["name"] = Definition },
            ["spec"] = new JsonObject { ["versions"] = new JsonArray(current, Version("v1alpha1", isStorage: false)) },
            ["status"] = new JsonObject { ["storedVersions"] = new JsonArray([.. stored.Select(version => (JsonNode)version)]) },
        });
    }

    private static JsonObject Version(string name, bool isStorage) => new()
    {
        ["name"] = name,
        ["served"] = true,
        ["storage"] = isStorage,
        ["subresources"] = new JsonObject { ["status"] = new JsonObject() },
        ["schema"] = new JsonObject(),
    };

    private void AddGadgets(int count)
    {
        for (var i = 0; i < count; i++)
            _fixture.Server.Store.Create("gadgets", Gadget.Manifest($"g{i}"));
    }

    private void RefuseUntilRetried(string method, string path, int code) => _fixture.Server.Intercept = async (context, request) =>
    {
        if (request.Method != method || !request.Path.Contains(path, StringComparison.Ordinal))
            return false;
        _fixture.Server.Intercept = null;
        await FakeApiServer.RefuseAsync(context, code, "", "refused by the test");
        return true;
    };

    private List<SeenRequest> Patches() => [.. _fixture.Server.Requests.Where(request => request.Method == "PATCH")];

    private IEnumerable<SeenRequest> Looks() => _fixture.Server.Requests.Where(request => request.Path.Contains("customresourcedefinitions", StringComparison.Ordinal));

    private List<string> Stored() =>
        [.. _fixture.Server.Store.Get("customresourcedefinitions", "", Definition)!["status"]!["storedVersions"]!.AsArray().Select(version => (string)version!)];
}
