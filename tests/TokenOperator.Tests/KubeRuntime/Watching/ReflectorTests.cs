using System.Globalization;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Watching;

public sealed class ReflectorTests : IAsyncLifetime
{
    private static readonly NamespacedName Lamp = new("shop", "lamp");
    private RuntimeFixture _fixture = null!;

    private FakeStore Store => _fixture.Server.Store;

    private SeenRequest[] Watches => [.. _fixture.Server.Requests.Where(r => r.IsWatch)];

    private SeenRequest[] Lists => [.. _fixture.Server.Requests.Where(r => !r.IsWatch)];

    /// <summary>How long the reflector said that it waits after each failure.</summary>
    private TimeSpan[] Waits =>
    [
        .. _fixture.Log.Lines.ToArray().Where(line => line.Contains("; retrying in ", StringComparison.Ordinal))
            .Select(line => TimeSpan.Parse(line.Split("; retrying in ")[1].Split(": ")[0], CultureInfo.InvariantCulture)),
    ];

    public async Task InitializeAsync() => _fixture = await RuntimeFixture.StartAsync();

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task Existing_objects_are_listed_and_changes_are_followed()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();
        cache.Get(Lamp)!.Spec.Size.Should().Be("small");

        Store.Update("gadgets", "shop", "lamp", o => o["spec"]!["size"] = "large");
        await Eventually.IsTrueAsync(() => cache.Get(Lamp)?.Spec.Size == "large", "the change arrives");
        cache.ByIndex("size", "large").Should().ContainSingle();
        cache.ByIndex("size", "small").Should().BeEmpty();

        Store.Delete("gadgets", "shop", "lamp");
        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is null, "the deletion arrives");
        Lists.Should().ContainSingle().Which.Query.Should().Contain("resourceVersion=0").And.NotContain("limit", "the server answers from its cache");
    }

    [Fact]
    public async Task A_list_that_is_too_long_for_one_page_is_read_in_small_pages()
    {
        var large = new string('x', 1024 * 1024);
        var names = Enumerable.Range(0, (int)(ResourceClient.MaxCachedBytes / large.Length) + 1).Select(i => $"gadget-{i}").ToList();
        foreach (var name in names)
            Store.Create("gadgets", Gadget.Manifest(name, large));
        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();

        cache.List().Select(gadget => gadget.Metadata.Name).Should().BeEquivalentTo(names);
        Lists[0].Query.Should().Contain("resourceVersion=0");
        Lists[1..].Should().NotBeEmpty().And.OnlyContain(list => list.Query.Contains("limit=") && !list.Query.Contains("resourceVersion"));
    }

    [Fact]
    public async Task A_list_that_does_not_arrive_in_one_page_is_read_in_small_pages()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        var cache = new ResourceCache<Gadget>([""], new CacheOptions<Gadget>());
        _fixture.Server.Intercept = (context, seen) =>
        {
            var isCached = seen.Query.Contains("resourceVersion=0", StringComparison.Ordinal);
            if (isCached)
                context.Abort();
            return Task.FromResult(isCached);
        };

        _fixture.Run(_fixture.Reflector(cache, "").RunAsync);
        await Eventually.IsTrueAsync(() => cache.IsSynced, "it is listed in pages", _fixture.Time, TimeSpan.FromMilliseconds(200));

        cache.Get(Lamp).Should().NotBeNull();
        Lists[^1].Query.Should().Contain("limit=").And.NotContain("resourceVersion");
    }

    [Theory]
    [InlineData(403, "Forbidden")]
    [InlineData(404, "NotFound")]
    public async Task An_optional_kind_that_the_server_does_not_list_counts_as_filled_and_is_tried_again_later(int status, string reason)
    {
        var isThere = false;
        _fixture.Server.Intercept = async (context, _) =>
        {
            if (!isThere)
                await FakeApiServer.RefuseAsync(context, status, reason, "no gadgets here");
            return !isThere;
        };
        var cache = new ResourceCache<Gadget>([""], new CacheOptions<Gadget>().Optional());
        _fixture.Run(_fixture.Reflector(cache, "").RunAsync);
        await cache.Synced.WaitAsync(TimeSpan.FromSeconds(20));
        Lists.Should().ContainSingle();

        await Eventually.IsTrueAsync(() => Lists.Length >= 2, "it is asked again", _fixture.Time, TimeSpan.FromMinutes(2));
        _fixture.Log.Lines.Where(line => line.Contains("works without", StringComparison.Ordinal)).Should().ContainSingle();

        Store.Create("gadgets", Gadget.Manifest("lamp"));
        isThere = true;
        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is not null, "the object arrives", _fixture.Time, TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task After_the_server_ends_a_watch_the_next_one_continues_from_the_same_version()
    {
        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is not null, "the object arrives");
        var version = Store.Version;

        Store.EndWatches();
        await Eventually.IsTrueAsync(() => Watches.Length == 2, "it is watched again");

        Watches[1].Query.Should().Contain($"resourceVersion={version}");
        Lists.Should().ContainSingle();
    }

    [Fact]
    public async Task A_bookmark_advances_the_version_that_the_next_watch_continues_from()
    {
        await _fixture.WatchGadgetsUntilSyncedAsync();
        Watches[0].Query.Should().Contain("allowWatchBookmarks=true");

        Store.Tell("gadgets", FakeStore.Line("BOOKMARK", """{"kind":"Gadget","apiVersion":"test.dev/v1","metadata":{"resourceVersion":"4711"}}"""));
        Store.EndWatches();
        await Eventually.IsTrueAsync(() => Watches.Length == 2, "it is watched again");

        Watches[1].Query.Should().Contain("resourceVersion=4711");
    }

    [Fact]
    public async Task An_expired_version_leads_to_a_new_list_that_finds_missed_deletions()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        Store.Create("gadgets", Gadget.Manifest("sofa"));
        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();
        var gone = new List<NamespacedName>();
        cache.Subscribe(change => { if (change.New is null) gone.Add(change.Key); });

        Store.WhileNobodyLooks(() =>
        {
            Store.Delete("gadgets", "shop", "lamp");
            Store.Create("gadgets", Gadget.Manifest("desk"));
        });
        // After a watch of this length, the next one continues from its version.
        _fixture.Time.Advance(TimeSpan.FromSeconds(1));
        Store.EndWatches();
        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is null, "the deletion is found", _fixture.Time, TimeSpan.FromMilliseconds(200));

        cache.List().Select(g => g.Metadata.Name).Should().BeEquivalentTo("sofa", "desk");
        gone.Should().Equal(Lamp);
        Lists[^1].Query.Should().NotContain("resourceVersion");
    }

    [Fact]
    public async Task A_410_inside_a_watch_leads_to_a_new_list()
    {
        await _fixture.WatchGadgetsUntilSyncedAsync();

        Store.Tell("gadgets", FakeStore.Line("ERROR", """{"kind":"Status","metadata":{},"status":"Failure","code":410,"reason":"Expired","message":"too old"}"""));
        await Eventually.IsTrueAsync(() => Lists.Length == 2, "it is listed again", _fixture.Time, TimeSpan.FromMilliseconds(200));

        Lists[1].Query.Should().NotContain("resourceVersion");
    }

    [Fact]
    public async Task A_version_that_the_server_does_not_have_yet_leads_to_a_new_list()
    {
        await _fixture.WatchGadgetsUntilSyncedAsync();

        // The answer of Kubernetes 1.20 and later.
        Store.Tell("gadgets", FakeStore.Line("ERROR", """{"kind":"Status","metadata":{},"status":"Failure","code":504,"reason":"Timeout","message":"Timeout: Too large resource version: 9, current: 7","details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1}}"""));
        await Eventually.IsTrueAsync(() => Lists.Length == 2, "it is listed again", _fixture.Time, TimeSpan.FromMilliseconds(200));

        Lists[1].Query.Should().NotContain("resourceVersion");
    }

    [Fact]
    public async Task A_silent_watch_that_does_not_end_is_replaced()
    {
        await _fixture.WatchGadgetsUntilSyncedAsync();

        // The server promises to end it after 5 to 10 minutes and does not.
        _fixture.Time.Advance(TimeSpan.FromMinutes(10) + TimeSpan.FromSeconds(15));
        await Eventually.IsTrueAsync(() => Watches.Length == 2, "it is watched again");

        Lists.Should().ContainSingle();
    }

    [Fact]
    public async Task A_watch_that_ends_immediately_is_not_restarted_in_a_tight_loop()
    {
        _fixture.Server.Intercept = async (context, seen) =>
        {
            if (seen.IsWatch)
                await context.Response.StartAsync();
            return seen.IsWatch;
        };
        _fixture.WatchGadgets();
        await Eventually.IsTrueAsync(() => Watches.Length == 1, "it was watched");

        // In small steps: otherwise a watch would seem to have lasted.
        await Eventually.IsTrueAsync(() => Watches.Length == 4, "it was watched four times", _fixture.Time, TimeSpan.FromMilliseconds(10));

        // 0.8 + 1.6 + 2 s at least.
        (_fixture.Time.GetUtcNow() - _fixture.Time.Start).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(4.4));
    }

    [Fact]
    public async Task After_90_s_without_an_API_server_a_change_is_seen_within_10_s_of_its_return()
    {
        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();
        _fixture.Server.Intercept = (context, _) =>
        {
            context.Abort();
            return Task.FromResult(true);
        };
        // After a watch of this length, the next one continues from its version.
        _fixture.Time.Advance(TimeSpan.FromSeconds(1));
        Store.EndWatches();
        await Eventually.IsTrueAsync(() => Total(Waits) >= TimeSpan.FromSeconds(90), "the API server is away", _fixture.Time, TimeSpan.FromMilliseconds(500));

        Store.WhileNobodyLooks(() => Store.Create("gadgets", Gadget.Manifest("lamp")));
        var earlier = Waits.Length - 1;
        _fixture.Server.Intercept = null;
        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is not null, "the change is seen", _fixture.Time, TimeSpan.FromMilliseconds(500));

        _fixture.Log.Lines.Should().Contain(line => line.Contains("410", StringComparison.Ordinal), "the version is gone");
        Total(Waits[earlier..]).Should().BeLessThan(TimeSpan.FromSeconds(10));
        Waits[^1].Should().BeLessThan(TimeSpan.FromSeconds(1.6), "a 410 does not repeat the longest wait");
        Waits[..earlier].Should().OnlyContain(wait => wait >= TimeSpan.FromMilliseconds(800) && wait <= TimeSpan.FromSeconds(4))
            .And.OnlyHaveUniqueItems("reflectors do not all ask at once");
    }

    [Fact]
    public async Task A_version_that_stays_expired_is_not_asked_for_in_a_tight_loop()
    {
        _fixture.Server.Intercept = async (context, seen) =>
        {
            if (seen.IsWatch)
                await FakeApiServer.RefuseAsync(context, 410, "Expired", "too old");
            return seen.IsWatch;
        };
        _fixture.WatchGadgets();

        await Eventually.IsTrueAsync(() => Waits.Length == 5, "it failed five times", _fixture.Time, TimeSpan.FromMilliseconds(100));

        Waits[2..].Should().OnlyContain(wait => wait >= TimeSpan.FromSeconds(1.6));
    }

    [Fact]
    public async Task A_list_that_fails_is_retried_until_it_succeeds()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        _fixture.Server.Intercept = async (context, _) =>
        {
            if (_fixture.Server.Requests.Count > 3)
                return false;
            await FakeApiServer.RefuseAsync(context, 500, "InternalError", "not yet");
            return true;
        };
        var cache = _fixture.WatchGadgets();

        await Eventually.IsTrueAsync(() => cache.Synced.IsCompleted, "the cache is synced", _fixture.Time, TimeSpan.FromMilliseconds(500));

        cache.Get(Lamp).Should().NotBeNull();
    }

    [Fact]
    public async Task An_empty_list_without_items_is_an_empty_list()
    {
        _fixture.Server.Intercept = async (context, seen) =>
        {
            if (!seen.IsWatch)
                await FakeApiServer.AnswerAsync(context, 200, """{"kind":"List","metadata":{"resourceVersion":"7"},"items":null}""");
            return !seen.IsWatch;
        };

        var cache = _fixture.WatchGadgets();

        await Eventually.IsTrueAsync(() => cache.Synced.IsCompleted, "the cache is synced");
    }

    [Fact]
    public async Task A_watch_skips_an_object_that_does_not_fit_its_class_and_continues()
    {
        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();

        Store.Create("gadgets", Gadget.Misfit("odd"));
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is not null, "the next one arrives");

        cache.List().Should().ContainSingle();
        Watches.Should().ContainSingle();
    }

    [Fact]
    public async Task A_list_skips_an_object_that_does_not_fit_its_class()
    {
        Store.Create("gadgets", Gadget.Misfit("odd"));
        Store.Create("gadgets", Gadget.Manifest("lamp"));

        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();

        cache.List().Should().ContainSingle().Which.Metadata.Name.Should().Be("lamp");
        _fixture.Log.Lines.Should().ContainSingle(line => line.StartsWith("shop/odd of gadgets.test.dev does not fit its class", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Each_object_of_a_list_is_reduced_before_the_next_page_is_read()
    {
        for (var i = 0; i < 300; i++)
            Store.Create("gadgets", Gadget.Manifest($"g{i:000}"));
        var (reduced, atNextPage) = (0, 0);
        var cache = new ResourceCache<Gadget>([""], new CacheOptions<Gadget>().KeepOnly(gadget =>
        {
            reduced++;
            return gadget;
        }));
        _fixture.Server.Intercept = async (context, seen) =>
        {
            if (seen.Query.Contains("continue=", StringComparison.Ordinal))
                atNextPage = reduced;
            if (!seen.Query.Contains("resourceVersion=0", StringComparison.Ordinal))
                return false;
            await FakeApiServer.AnswerAsync(context, 410, """{"kind":"Status","metadata":{},"status":"Failure","code":410,"reason":"Expired"}""");
            return true;
        };

        _fixture.Run(_fixture.Reflector(cache, "").RunAsync);
        await Eventually.IsTrueAsync(() => cache.IsSynced, "it is listed in pages", _fixture.Time, TimeSpan.FromMilliseconds(200));

        atNextPage.Should().Be(250);
        cache.List().Should().HaveCount(300);
    }

    [Fact]
    public async Task A_relist_makes_no_second_copy_of_what_has_not_changed()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        var reduced = new List<string>();
        var cache = new ResourceCache<Gadget>([""], new CacheOptions<Gadget>().KeepOnly(gadget =>
        {
            reduced.Add(gadget.Metadata.Name);
            return gadget;
        }));
        _fixture.Run(_fixture.Reflector(cache, "").RunAsync);
        await Eventually.IsTrueAsync(() => Store.WatchCount == 1, "the watch is open");
        reduced.Clear();
        Store.WhileNobodyLooks(() => Store.Create("gadgets", Gadget.Manifest("sofa")));

        _fixture.Time.Advance(TimeSpan.FromSeconds(1));
        Store.EndWatches();
        await Eventually.IsTrueAsync(() => cache.List().Count == 2, "the new one is found", _fixture.Time, TimeSpan.FromMilliseconds(200));

        reduced.Should().OnlyContain(name => name == "sofa");
    }

    [Fact]
    public async Task An_object_that_no_longer_fits_its_class_keeps_its_last_readable_state()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();
        Store.WhileNobodyLooks(() =>
        {
            Store.Update("gadgets", "shop", "lamp", o => o["spec"] = Gadget.Misfit("lamp")["spec"]!.DeepClone());
            Store.Create("gadgets", Gadget.Manifest("sofa"));
        });

        _fixture.Time.Advance(TimeSpan.FromSeconds(1));
        Store.EndWatches();
        await Eventually.IsTrueAsync(() => cache.List().Count == 2, "the new one is found", _fixture.Time, TimeSpan.FromMilliseconds(200));

        cache.Get(Lamp)!.Spec.Size.Should().Be("small");
    }

    [Fact]
    public async Task Each_namespace_has_its_own_watch_and_the_cache_is_synced_when_all_are()
    {
        var isOpen = false;
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        Store.Create("gadgets", Gadget.Manifest("lamp", ns: "depot"));
        Store.Create("gadgets", Gadget.Manifest("lamp", ns: "elsewhere"));
        _fixture.Server.Intercept = async (context, seen) =>
        {
            var isBarred = !isOpen && seen.Path.Contains("/depot/", StringComparison.Ordinal);
            if (isBarred)
                await FakeApiServer.RefuseAsync(context, 403, "Forbidden", "no");
            return isBarred;
        };
        var cache = _fixture.WatchGadgets("shop", "depot");
        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is not null, "the first namespace is listed");
        cache.Synced.IsCompleted.Should().BeFalse();

        isOpen = true;
        await Eventually.IsTrueAsync(() => cache.Synced.IsCompleted, "the second is", _fixture.Time, TimeSpan.FromSeconds(1));

        cache.List().Select(g => g.Metadata.NamespaceProperty).Should().BeEquivalentTo("shop", "depot");
    }

    [Fact]
    public async Task A_watch_that_ends_immediately_is_followed_by_a_list_that_finds_missed_changes()
    {
        var cache = _fixture.WatchGadgets();
        _fixture.Server.Intercept = async (context, seen) =>
        {
            if (seen.IsWatch)
                await context.Response.StartAsync();
            return seen.IsWatch;
        };
        await Eventually.IsTrueAsync(() => cache.Synced.IsCompleted, "the cache is synced");
        Store.Create("gadgets", Gadget.Manifest("lamp"));

        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is not null, "the object is found", _fixture.Time, TimeSpan.FromMilliseconds(10));
    }

    [Fact]
    public async Task The_list_every_half_hour_finds_what_a_watch_missed()
    {
        Store.Create("gadgets", Gadget.Manifest("lamp"));
        var cache = await _fixture.WatchGadgetsUntilSyncedAsync();
        Store.WhileNobodyLooks(() => Store.Delete("gadgets", "shop", "lamp"));
        // After this event nothing seems to be missing.
        Store.Create("gadgets", Gadget.Manifest("sofa"));
        await Eventually.IsTrueAsync(() => cache.List().Count == 2, "the next event arrives");

        var watches = Watches.Length;
        _fixture.Time.Advance(TimeSpan.FromMinutes(20));
        await Eventually.IsTrueAsync(() => Watches.Length > watches, "another watch starts");
        Lists.Should().ContainSingle();
        _fixture.Time.Advance(TimeSpan.FromMinutes(20));
        await Eventually.IsTrueAsync(() => cache.Get(Lamp) is null, "the deletion is found");
    }

    private static TimeSpan Total(IEnumerable<TimeSpan> waits) => waits.Aggregate(TimeSpan.Zero, (sum, wait) => sum + wait);
}
