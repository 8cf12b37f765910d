using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Events;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.SelfService;
using TokenOperator.Tests.KubeRuntime.Fakes;
using TokenOperator.Tests.Providers;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.Reconcile;

/// <summary>The reconcile as a whole, on a fake API server, a row in memory and a provider that answers as the test says.</summary>
public sealed class OAuthTokenControllerTests : IAsyncLifetime, IDisposable
{
    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Namespaces = ["mail"],
        NamespaceUids = ["mail/uid-of-mail"],
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-1") },
    };

    private readonly ResourceCache<SecretInfo> _secrets = new([""], new CacheOptions<SecretInfo>());
    private RuntimeFixture? _runtime;
    private RefreshingFixture? _refreshing;
    private ResourceCache<V1Beta1OAuthToken>? _entities;

    private RuntimeFixture Runtime => _runtime ?? throw new InvalidOperationException("Not started.");

    private RefreshingFixture Refreshing => _refreshing ?? throw new InvalidOperationException("Not started.");

    private ResourceCache<V1Beta1OAuthToken> Entities => _entities ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync()
    {
        _runtime = await RuntimeFixture.StartAsync();
        _refreshing = new RefreshingFixture(Row, _runtime.Time);
        var options = new CacheOptions<V1Beta1OAuthToken>();
        EntityIndexes.Configure(options);
        _entities = new ResourceCache<V1Beta1OAuthToken>([""], options);
        await _refreshing.Synchronizer.LoadAsync(CancellationToken.None);
    }

    public async Task DisposeAsync() => await Runtime.DisposeAsync();

    public void Dispose() => Refreshing.Dispose();

    [Fact]
    public async Task A_reconcile_that_loses_the_lease_ends_without_a_write_and_is_repeated_if_this_process_still_runs()
    {
        Refreshing.Leadership.IsLeader = false;

        var requeueAfter = await ReconcileAsync(AddObject(spec: new V1Beta1OAuthToken.EntitySpec()));

        requeueAfter.Should().Be(ReconcilePolicy.RetryLeadership, "losing the lease to another process is not a failure");
        Runtime.Server.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task A_fresh_token_is_published_by_one_write_of_the_Secret_and_one_of_the_status()
    {
        Refreshing.Accounts.Set(Row with
        {
            Token = Row.Token with { AccessToken = new SecretValue("access-1"), IssuedAt = Runtime.Time.GetUtcNow(), ExpiresAt = Runtime.Time.GetUtcNow().AddHours(1) },
        });

        var requeueAfter = await ReconcileAsync(AddObject());

        Writes().Should().Equal("PATCH secrets/marcus-gmail", "PATCH oauthtokens/marcus-gmail/status");
        requeueAfter.Should().BeGreaterThan(TimeSpan.FromMinutes(43)).And.BeLessThan(TimeSpan.FromMinutes(46));
        Refreshing.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_refresh_runs_outside_the_reconcile_which_writes_nothing_until_the_provider_has_answered()
    {
        var answer = new TaskCompletionSource();
        Refreshing.Provider.Until = answer.Task;
        AddClientSecret();

        (await ReconcileAsync(AddObject())).Should().Be(ReconcilePolicy.MaxRefreshDuration);
        Refreshing.Provider.Asked.Should().Equal("refresh-1");
        Writes().Should().BeEmpty();

        answer.SetResult();
        Refreshing.Queue.Called.Should().Equal(Row.Key);
        await ReconcileAsync(Entity());
        Writes().Should().Equal("PATCH secrets/marcus-gmail", "PATCH oauthtokens/marcus-gmail/status");
    }

    [Fact]
    public async Task A_refresh_that_an_annotation_requested_is_done_once_and_noted_in_the_status()
    {
        AddClientSecret();
        var entity = AddObject();
        await ReconcileAsync(entity);
        await ReconcileAsync(Entity());
        Refreshing.Provider.Asked.Should().HaveCount(1);

        var asked = Entity();
        asked.Metadata.Annotations = new Dictionary<string, string> { [V1Beta1OAuthToken.RefreshRequestedAnnotation] = "now" };
        await ReconcileAsync(asked);
        await ReconcileAsync(asked);

        Refreshing.Provider.Asked.Should().HaveCount(2);
        Entity().Status.LastHandledRefreshRequest.Should().Be("now");
    }

    [Fact]
    public async Task One_false_answer_that_a_refresh_token_is_dead_neither_stalls_the_object_nor_needs_anyone()
    {
        var now = Runtime.Time.GetUtcNow();
        Refreshing.Store.Row = Row with { Token = Row.Token with { AccessToken = new SecretValue("access-0"), IssuedAt = now, ExpiresAt = now.AddHours(1) } };
        Refreshing.Accounts.Set(Refreshing.Store.Row);
        AddClientSecret();
        await ReconcileAsync(AddObject());
        Refreshing.Provider.Answer = new TokenResponse.Failed(FailureKind.ReauthorizationRequired, "HTTP 400: invalid_grant");
        Runtime.Time.Advance(TimeSpan.FromMinutes(46));
        await ReconcileAsync(Entity());

        var retry = await ReconcileAsync(Entity());
        retry.Should().BeGreaterThan(TimeSpan.FromMinutes(1)).And.BeLessThan(TimeSpan.FromMinutes(3));
        Entity().Status.Find(ConditionTypes.Stalled)!.Status.Should().Be("False");
        Entity().Status.Find(ConditionTypes.Refreshed)!.Should().Match<V1Beta1OAuthToken.Condition>(refreshed => refreshed.Status == "False" && refreshed.Message.Contains("HTTP 400: invalid_grant"));
        Ready().Status.Should().Be("True");

        Refreshing.Provider.Answer = ScriptedProvider.Granted();
        Runtime.Time.Advance(retry!.Value);
        await ReconcileAsync(Entity());
        await ReconcileAsync(Entity());
        Refreshing.Provider.Asked.Should().HaveCount(2);
        Entity().Status.Find(ConditionTypes.Refreshed)!.Status.Should().Be("True");
    }

    [Fact]
    public async Task An_object_whose_annotation_changes_all_the_time_is_refreshed_once_in_an_interval_and_published_meanwhile()
    {
        AddClientSecret();
        AddObject();
        for (var tenth = 0; tenth < 300; tenth++)
        {
            var poked = Entity();
            poked.Metadata.Annotations = new Dictionary<string, string> { [V1Beta1OAuthToken.RefreshRequestedAnnotation] = $"poke-{tenth}" };
            await ReconcileAsync(poked);
            Runtime.Time.Advance(TimeSpan.FromSeconds(0.1));
        }

        Refreshing.Provider.Asked.Should().HaveCountLessThanOrEqualTo(4, "30 seconds have passed");
        Ready().Status.Should().Be("True");
    }

    [Fact]
    public async Task An_object_that_waits_because_its_client_is_rejected_is_tried_when_one_of_the_rejected_objects_is_deleted()
    {
        var now = Runtime.Time.GetUtcNow();
        Refreshing.Store.Row = Row with { LastRefreshAt = now, Token = Row.Token with { AccessToken = new SecretValue("access-0"), IssuedAt = now, ExpiresAt = now.AddHours(1) } };
        Refreshing.Accounts.Set(Refreshing.Store.Row);
        AddClientSecret();
        await ReconcileAsync(AddObject());
        Runtime.Time.Advance(TimeSpan.FromMinutes(46));
        var client = new OAuthClient("client-1", new SecretValue("secret"));
        foreach (var name in new[] { "alice", "bob" })
            Refreshing.Rejected.Reject(Row with { Key = new AccountKey("google", name), LastRefreshAt = now, Token = new TokenSet { RefreshToken = new SecretValue(name), IssuedAt = now } }, client);

        (await ReconcileAsync(Entity())).Should().Be(TimeSpan.FromMinutes(1));
        Refreshing.Provider.Asked.Should().BeEmpty();
        Ready().Should().Match<V1Beta1OAuthToken.Condition>(ready => ready.Status == "True" && ready.Reason == Reasons.ClientRejected);

        var bob = AddObject(new V1Beta1OAuthToken.EntitySpec { Provider = "google", Account = "bob" }, "bob");
        Actor().Forget(bob);
        Refreshing.Queue.Owners.Should().BeEmpty("another object still names the account");
        Refreshing.Queue.Unnamed.Add(new AccountKey("google", "bob"));
        Actor().Forget(bob);
        Refreshing.Queue.Owners.Should().Equal(new NamespacedName("mail", "marcus-gmail"));
        await ReconcileAsync(Entity());
        Refreshing.Provider.Asked.Should().HaveCount(1);
    }

    [Fact]
    public async Task A_refresh_that_waits_for_its_turn_while_its_client_is_rejected_for_others_is_not_done()
    {
        var now = Runtime.Time.GetUtcNow();
        Refreshing.Accounts.Set(Row with { LastRefreshAt = now, Token = Row.Token with { AccessToken = new SecretValue("access-0"), IssuedAt = now, ExpiresAt = now.AddHours(1) } });
        AddClientSecret();
        await ReconcileAsync(AddObject());
        Runtime.Time.Advance(TimeSpan.FromMinutes(46));
        var first = new TaskCompletionSource();
        for (var number = 0; number < RefreshingFixture.Concurrency; number++)
            Refreshing.Scheduler.Run(new AccountKey("google", $"busy-{number}"), "mail", () => first.Task);
        await ReconcileAsync(Entity());
        foreach (var name in new[] { "alice", "bob" })
        {
            Refreshing.Rejected.Reject(
                Row with { Key = new AccountKey("google", name), LastRefreshAt = now, Token = new TokenSet { RefreshToken = new SecretValue(name), IssuedAt = now } }, new OAuthClient("client-1", new SecretValue("secret")));
        }

        first.SetResult();

        Refreshing.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_provider_that_never_answers_delays_neither_the_worker_nor_the_report_that_a_token_has_expired()
    {
        var now = Runtime.Time.GetUtcNow();
        Refreshing.Accounts.Set(Row with { Token = Row.Token with { AccessToken = new SecretValue("access-1"), IssuedAt = now, ExpiresAt = now.AddHours(1) } });
        AddClientSecret();
        await ReconcileAsync(AddObject());
        Refreshing.Provider.Until = new TaskCompletionSource().Task;
        Runtime.Time.Advance(TimeSpan.FromMinutes(46));
        await ReconcileAsync(Entity());
        Refreshing.Provider.Asked.Should().HaveCount(1);
        using var watcher = new ExpiryWatcher(Entities, Refreshing.Accounts, Statuses(), Refreshing.Leadership, Runtime.Time, NullLogger<ExpiryWatcher>.Instance);

        Runtime.Time.Advance(TimeSpan.FromMinutes(14));
        (await watcher.CheckAsync(CancellationToken.None)).Should().Be(TimeSpan.FromSeconds(1), "a worker has a second to do it");
        Ready().Status.Should().Be("True");
        Runtime.Time.Advance(TimeSpan.FromSeconds(1));
        await watcher.CheckAsync(CancellationToken.None);

        Ready().Should().Match<V1Beta1OAuthToken.Condition>(ready => ready.Status == "False" && ready.Reason == Reasons.TokenExpired);
    }

    [Fact]
    public async Task A_status_that_the_API_server_rejects_does_not_keep_other_expired_tokens_Ready()
    {
        AddExpiring("alice");
        AddExpiring("bob");
        Runtime.Server.Intercept = async (context, seen) =>
        {
            if (!seen.Path.Contains("alice", StringComparison.Ordinal))
                return false;
            await FakeApiServer.RefuseAsync(context, 403, "Forbidden", "denied by a policy");
            return true;
        };
        Runtime.Time.Advance(TimeSpan.FromMinutes(2));
        using var watcher = new ExpiryWatcher(Entities, Refreshing.Accounts, Statuses(), Refreshing.Leadership, Runtime.Time, NullLogger<ExpiryWatcher>.Instance);

        (await watcher.CheckAsync(CancellationToken.None)).Should().Be(TimeSpan.FromSeconds(5), "the rejected write is retried");

        Ready("alice").Status.Should().Be("True");
        Ready("bob").Status.Should().Be("False");

        void AddExpiring(string name)
        {
            AddObject(name: name, status: new V1Beta1OAuthToken.EntityStatus
            {
                ExpiresAt = Timestamps.Format(Runtime.Time.GetUtcNow().AddMinutes(1)),
                Conditions = [new V1Beta1OAuthToken.Condition { Type = ConditionTypes.Ready, Status = "True", Reason = Reasons.Refreshed, Message = "", LastTransitionTime = Timestamps.Format(Runtime.Time.GetUtcNow()) }],
            });
        }
    }

    [Fact]
    public async Task A_status_based_on_an_older_version_of_the_object_is_not_written()
    {
        var seen = AddObject();
        await Statuses().PublishAsync(seen, new V1Beta1OAuthToken.EntityStatus { SecretName = "newer" }, CancellationToken.None);

        var write = await Statuses().PublishAsync(seen, new V1Beta1OAuthToken.EntityStatus { SecretName = "older" }, CancellationToken.None);

        write.Should().Be(StatusWrite.Stale);
        Entity().Status.SecretName.Should().Be("newer");
    }

    [Fact]
    public async Task A_new_object_of_the_same_name_and_the_same_requested_refresh_gets_a_refresh_of_its_own()
    {
        AddClientSecret();
        var entity = AddObject();
        entity.Metadata.Annotations = new Dictionary<string, string> { [V1Beta1OAuthToken.RefreshRequestedAnnotation] = "now" };
        await ReconcileAsync(entity);
        Refreshing.Provider.Asked.Should().HaveCount(1);

        Entities.Forget(entity);
        Runtime.Server.Store.Delete("oauthtokens", "mail", "marcus-gmail");
        var next = AddObject();
        next.Metadata.Annotations = entity.Metadata.Annotations;
        await ReconcileAsync(next);

        Refreshing.Provider.Asked.Should().HaveCount(2);
    }

    [Fact]
    public async Task An_object_that_is_suspended_while_its_refresh_waits_for_its_turn_is_not_refreshed()
    {
        AddClientSecret();
        var first = new TaskCompletionSource();
        for (var number = 0; number < RefreshingFixture.Concurrency; number++)
            Refreshing.Scheduler.Run(new AccountKey("google", $"busy-{number}"), "mail", () => first.Task);
        var entity = AddObject();
        await ReconcileAsync(entity);

        Runtime.Server.Store.Update("oauthtokens", "mail", "marcus-gmail", stored => stored["spec"]!["suspend"] = true);
        Entities.Observe(Runtime.Server.Store.Get("oauthtokens", "mail", "marcus-gmail").Deserialize(OAuthTokenJson.Default.V1Beta1OAuthToken)!);
        first.SetResult();

        Refreshing.Provider.Asked.Should().BeEmpty();
        Refreshing.Queue.Owners.Should().Equal(new NamespacedName("mail", "marcus-gmail"));
    }

    [Fact]
    public async Task A_slow_refresh_of_an_object_without_a_token_shows_in_the_status_what_it_waits_for()
    {
        Refreshing.Provider.Until = new TaskCompletionSource().Task;
        AddClientSecret();
        await ReconcileAsync(AddObject());
        Runtime.Time.Advance(TimeSpan.FromSeconds(1));
        Refreshing.Queue.Owners.Should().Equal(new NamespacedName("mail", "marcus-gmail"));

        await ReconcileAsync(Entity());

        Ready().Reason.Should().Be(Reasons.Pending);
        Ready().Message.Should().Contain("is waiting for its provider");
    }

    private V1Beta1OAuthToken AddObject(V1Beta1OAuthToken.EntitySpec? spec = null, string name = "marcus-gmail", V1Beta1OAuthToken.EntityStatus? status = null)
    {
        var entity = new V1Beta1OAuthToken
        {
            ApiVersion = $"{V1Beta1OAuthToken.GroupName}/v1beta1",
            Kind = V1Beta1OAuthToken.KindName,
            Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "mail" },
            Status = status!,
            Spec = spec ?? new V1Beta1OAuthToken.EntitySpec
            {
                Provider = "google",
                Account = "marcus",
                ClientSecretRef = new V1Beta1OAuthToken.SecretKeyRef { Name = "client" },
            },
        };
        var created = Runtime.Server.Store.Create("oauthtokens", JsonSerializer.SerializeToNode(entity, OAuthTokenJson.Default.V1Beta1OAuthToken)!.AsObject());
        Entities.Observe(created.Deserialize(OAuthTokenJson.Default.V1Beta1OAuthToken)!);
        return Entity(name);
    }

    private void AddClientSecret()
    {
        const string file = """{"installed": {"client_id": "client-1", "client_secret": "secret"}}""";
        var secret = Runtime.Server.Store.Create("secrets", new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["metadata"] = new JsonObject { ["name"] = "client", ["namespace"] = "mail" },
            ["data"] = new JsonObject { ["credentials.json"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(file)) },
        });
        _secrets.Observe(SecretInfo.From(RuntimeFixture.Metadata(secret)));
    }

    private V1Beta1OAuthToken Entity(string name = "marcus-gmail") => Entities.Get(new NamespacedName("mail", name)) ?? throw new InvalidOperationException("There is no such object.");

    private V1Beta1OAuthToken.Condition Ready(string name = "marcus-gmail") => Entity(name).Status.Find(ConditionTypes.Ready) ?? throw new InvalidOperationException("The condition was not written.");

    private IEnumerable<string> Writes() => Runtime.Server.Requests.Where(request => request.Method != "GET")
        .Select(request => $"{request.Method} {request.Path[(request.Path.IndexOf("/mail/", StringComparison.Ordinal) + 6)..]}");

    private StatusPublisher Statuses() => new(
        Runtime.Client, Entities, new EventPublisher(Runtime.Client, "tests", "tests", Runtime.Time, new Random(1), Runtime.Metrics, NullLogger<EventPublisher>.Instance), Refreshing.Leadership);

    private ReconcileActor Actor() => new(
        Refreshing.Accounts, Refreshing.Scheduler, Refreshing.Rejected, new SecretPublisher(Runtime.Client, _secrets, Entities, Refreshing.Leadership), Statuses(),
        new AuthorizationLinks(new SelfServiceSettings()), Entities);

    private async Task<TimeSpan?> ReconcileAsync(V1Beta1OAuthToken entity)
    {
        var controller = new OAuthTokenController(
            new ReconcileInputGatherer(
                Refreshing.Accounts, Refreshing.Scheduler, Refreshing.Rejected, TestRegistry.Of(Refreshing.Provider), Refreshing.Leadership,
                new InputReader(Runtime.Client, _secrets), new NamespaceReader(Runtime.Client, Entities, Runtime.Time, NullLogger<NamespaceReader>.Instance),
                new GrantPreconditions(Entities, new WorkloadIdentityAccess(IsConfigured: false, []))),
            Actor(),
            new ReconcileSchedule(Runtime.Time),
            NullLogger<OAuthTokenController>.Instance);
        var result = await controller.ReconcileAsync(entity, CancellationToken.None);
        result.IsSuccess.Should().BeTrue();
        return result.RequeueAfter;
    }
}
