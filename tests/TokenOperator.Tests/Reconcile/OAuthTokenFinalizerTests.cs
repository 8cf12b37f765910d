using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Controllers;
using KubeRuntime.Events;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Refreshing;
using TokenOperator.Tests.KubeRuntime.Fakes;
using TokenOperator.Tests.Postgres;
using TokenOperator.Tests.Providers;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.Reconcile;

public sealed class OAuthTokenFinalizerTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromHours(1);

    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Namespaces = ["mail"],
        NamespaceUids = ["mail/uid-of-mail"],
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-1") },
    };

    private readonly RefreshingFixture _refreshing = new(Row, TimeProvider.System);
    private readonly ResourceCache<V1Beta1OAuthToken> _entities = NewCache();
    private readonly CalledObjects<V1Beta1OAuthToken> _queue = new();
    private readonly ListLogger _log = new();
    private RuntimeFixture? _runtime;
    private OAuthTokenFinalizer? _finalizer;

    private OAuthTokenFinalizer Finalizer => _finalizer ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync()
    {
        _runtime = await RuntimeFixture.StartAsync();
        var events = new EventPublisher(_runtime.Client, "tests", "tests", _runtime.Time, new Random(1), _runtime.Metrics, NullLogger<EventPublisher>.Instance);
        var reporter = new DeletionReporter(
            new StatusPublisher(_runtime.Client, _entities, events, _refreshing.Leadership), events, Limit, _runtime.Time, _log);
        _finalizer = new OAuthTokenFinalizer(
            new AccountDeleter(_refreshing.Store, _refreshing.Accounts, _refreshing.Leadership), _refreshing.Scheduler, TestRegistry.Of(_refreshing.Provider),
            new InputReader(_runtime.Client, new ResourceCache<SecretInfo>([""], new CacheOptions<SecretInfo>())),
            new NamespaceReader(_runtime.Client, _entities, _runtime.Time, NullLogger<NamespaceReader>.Instance), _entities, _queue, reporter);
    }

    public async Task DisposeAsync() => await (_runtime?.DisposeAsync() ?? ValueTask.CompletedTask);

    public void Dispose() => _refreshing.Dispose();

    [Theory]
    [InlineData("Delete", true)]
    [InlineData("Revoke", true)]
    [InlineData("Retain", false)]
    [InlineData(null, false)]
    public void Only_an_object_whose_deletionPolicy_asks_for_it_gets_the_finalizer(string? policy, bool isWanted) =>
        Finalizer.IsWanted(Object(policy)).Should().Be(isWanted);

    [Fact]
    public async Task Delete_deletes_the_row_and_does_not_ask_the_provider()
    {
        Done(await FinalizeAsync(Object("Delete"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Equal("find", "claim", "delete");
        _refreshing.Provider.Revoked.Should().BeEmpty();
    }

    [Fact]
    public async Task Delete_deletes_the_row_of_the_account_that_the_object_used_although_its_spec_names_another_one()
    {
        var changed = Object("Delete", account: "anna");
        changed.Status = new V1Beta1OAuthToken.EntityStatus { Provider = "google", Account = "marcus" };

        Done(await FinalizeAsync(changed)).Should().BeTrue();

        _refreshing.Store.Calls.Should().Equal("find", "claim", "delete");
    }

    [Fact]
    public async Task The_client_of_another_provider_is_not_sent_to_the_provider_that_issued_the_token()
    {
        var changed = Object("Revoke", provider: "microsoft");
        changed.Status = new V1Beta1OAuthToken.EntityStatus { Provider = "google", Account = "marcus" };

        var result = await FinalizeAsync(changed);

        result.IsSuccess.Should().BeFalse();
        result.ErrorMessage.Should().Contain("spec.provider was google and cannot change. Change it back").And.Contain("google/marcus");
        _refreshing.Provider.Revoked.Should().BeEmpty();
        _refreshing.Store.Row.Should().NotBeNull();
    }

    [Fact]
    public async Task An_object_that_has_used_an_account_waits_while_its_spec_is_not_valid()
    {
        var invalid = Object("Delete");
        invalid.Spec = invalid.Spec with { SecretName = "client" };
        Done(await FinalizeAsync(invalid)).Should().BeTrue("it never had a row");
        invalid.Status = new V1Beta1OAuthToken.EntityStatus { Provider = "google", Account = "marcus" };

        var result = await FinalizeAsync(invalid);

        result.IsSuccess.Should().BeFalse();
        result.ErrorMessage.Should().Contain("spec.secretName is \"client\"");
    }

    [Fact]
    public async Task An_object_whose_spec_names_another_account_still_keeps_the_row_of_the_account_that_it_has_used()
    {
        var changed = Object("Retain", "other", account: "anna");
        changed.Status = new V1Beta1OAuthToken.EntityStatus { Provider = "google", Account = "marcus" };
        _entities.Observe(changed);

        await FinalizeAsync(Object("Delete"));

        _refreshing.Store.Calls.Should().NotContain("delete");
    }

    [Fact]
    public async Task A_refresh_token_is_not_revoked_at_a_host_to_which_nobody_allowed_to_move_the_account()
    {
        _refreshing.Store.Row = Row with { Token = Row.Token with { TokenHost = "old.example" } };
        await FinalizeAsync(Object("Revoke"));
        await Eventually.IsTrueAsync(() => _queue.Queued.Count == 1, "the object is queued again");
        var result = await FinalizeAsync(Object("Revoke"));

        result.IsSuccess.Should().BeFalse();
        result.ErrorMessage.Should().Contain("last refreshed at old.example").And.Contain("now at provider.example");
        _refreshing.Provider.Revoked.Should().BeEmpty();
        _refreshing.Store.Row.Should().NotBeNull();

        _refreshing.Provider.Document = _refreshing.Provider.Document with { MovesFrom = "old.example" };
        await FinalizeAsync(Object("Revoke"));
        await Eventually.IsTrueAsync(() => _queue.Queued.Count == 2, "the object is queued again");
        Done(await FinalizeAsync(Object("Revoke"))).Should().BeTrue();
        _refreshing.Provider.Revoked.Should().Equal("refresh-1");
    }

    [Fact]
    public async Task A_spec_that_was_never_valid_or_names_no_provider_does_not_keep_its_object()
    {
        Done(await FinalizeAsync(Object("Delete", account: ""))).Should().BeTrue();
        _refreshing.Store.Calls.Should().BeEmpty();
        _refreshing.Store.Row = null;
        Done(await FinalizeAsync(Object("Delete", provider: "unknown"))).Should().BeTrue();
        Done(await FinalizeAsync(Object("Revoke", provider: "unknown"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Equal("find", "find");
    }

    [Fact]
    public async Task The_row_of_a_provider_that_is_gone_is_deleted_and_a_grant_that_cannot_be_revoked_keeps_its_object()
    {
        _refreshing.Store.Row = Row with { Key = new AccountKey("unknown", "marcus") };

        var kept = await FinalizeAsync(Object("Revoke", provider: "unknown"));
        kept.IsSuccess.Should().BeFalse();
        kept.ErrorMessage.Should().Contain("unknown").And.Contain("not revoked");
        _refreshing.Store.Calls.Should().NotContain("delete");

        Done(await FinalizeAsync(Object("Delete", provider: "unknown"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Contain("delete");
    }

    [Fact]
    public async Task The_row_stays_while_another_object_uses_it()
    {
        _entities.Observe(Object("Delete", name: "other"));
        Done(await FinalizeAsync(Object("Delete"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Equal("find");
    }

    [Fact]
    public async Task An_object_of_a_namespace_that_may_not_use_the_account_neither_keeps_nor_deletes_the_row()
    {
        _entities.Observe(Object("Delete", name: "other", ns: "foreign"));
        Done(await FinalizeAsync(Object("Delete", ns: "foreign"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Equal("find");
        Done(await FinalizeAsync(Object("Delete"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Contain("delete");
    }

    [Fact]
    public async Task An_object_in_a_namespace_that_was_created_again_neither_keeps_nor_deletes_the_row_of_the_earlier_one()
    {
        Runtime.Server.NamespaceUid = _ => "another";
        Done(await FinalizeAsync(Object("Delete"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Equal("find");

        _refreshing.Store.Row = Row with { Namespaces = ["mail", "web"], NamespaceUids = ["mail/uid-of-mail", "web/uid-of-web"] };
        Runtime.Server.NamespaceUid = ns => ns == "web" ? "another" : $"uid-of-{ns}";
        _entities.Observe(Object("Delete", name: "other", ns: "web"));
        Done(await FinalizeAsync(Object("Delete"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Contain("delete");
    }

    [Fact]
    public async Task Without_the_right_to_read_the_namespace_the_object_stays_with_its_row()
    {
        Runtime.Server.NamespaceUid = _ => null;
        var result = await FinalizeAsync(Object("Delete"));
        result.IsSuccess.Should().BeFalse();
        result.ErrorMessage.Should().Contain("may not read the namespace mail");
        _refreshing.Store.Calls.Should().Equal("find");

        _refreshing.Store.Row = Row with { NamespaceUids = [] };
        Done(await FinalizeAsync(Object("Delete"))).Should().BeTrue("nothing is recorded");
        _refreshing.Store.Calls.Should().Contain("delete");
    }

    [Fact]
    public async Task A_row_that_is_being_refreshed_is_deleted_after_the_refresh()
    {
        using (await _refreshing.Accounts.LockAsync(Row.Key, CancellationToken.None))
            (await FinalizeAsync(Object("Delete"))).Should().Match<ReconciliationResult<V1Beta1OAuthToken>>(result => !result.IsSuccess && result.RequeueAfter < TimeSpan.FromSeconds(5));
        Done(await FinalizeAsync(Object("Delete"))).Should().BeTrue();
    }

    [Fact]
    public async Task While_Postgres_is_unavailable_the_object_stays_and_the_message_says_why_and_what_to_do()
    {
        _refreshing.Store.IsAway = true;
        var result = await FinalizeAsync(Object("Delete"));
        result.IsSuccess.Should().BeFalse();
        result.ErrorMessage.Should().Contain("is away").And.Contain("\"deletionPolicy\":\"Retain\"");
        result.RequeueAfter.Should().NotBeNull();
    }

    [Fact]
    public async Task Revoke_waits_for_the_provider_outside_the_worker_and_then_deletes_the_row()
    {
        var answer = new TaskCompletionSource();
        _refreshing.Provider.Until = answer.Task;
        var pending = await FinalizeAsync(Object("Revoke"));
        Done(pending).Should().BeFalse();
        pending.IsSuccess.Should().BeTrue("nothing has failed");
        Done(await FinalizeAsync(Object("Revoke"))).Should().BeFalse();
        await Eventually.IsTrueAsync(() => _refreshing.Provider.Revoked.Count == 1, "the provider is asked");
        _refreshing.Provider.Revoked.Should().Equal("refresh-1");

        answer.SetResult();
        await Eventually.IsTrueAsync(() => _queue.Queued.Count == 1, "the object is queued again");
        Done(await FinalizeAsync(Object("Revoke"))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Equal("find", "claim", "delete");
    }

    [Fact]
    public async Task A_grant_that_the_provider_does_not_revoke_keeps_the_row_and_the_object()
    {
        _refreshing.Provider.Revocation = new RevocationResponse(false, "HTTP 503");
        await FinalizeAsync(Object("Revoke"));
        await Eventually.IsTrueAsync(() => _queue.Queued.Count == 1, "the object is queued again");
        var result = await FinalizeAsync(Object("Revoke"));
        result.IsSuccess.Should().BeFalse();
        result.ErrorMessage.Should().Contain("did not revoke the grant of google/marcus (HTTP 503)");
        _refreshing.Store.Calls.Should().Equal("find", "claim", "release");
    }

    [Fact]
    public async Task A_policy_that_is_changed_to_Retain_while_the_object_is_being_deleted_keeps_the_row()
    {
        _refreshing.Provider.Revocation = new RevocationResponse(false, "HTTP 503");
        await FinalizeAsync(Object("Revoke"));
        await Eventually.IsTrueAsync(() => _queue.Queued.Count == 1, "the object is queued again");
        Done(await FinalizeAsync(Object("Retain"))).Should().BeTrue();
        Done(await FinalizeAsync(Object(null))).Should().BeTrue();
        _refreshing.Store.Calls.Should().Equal("find", "claim", "release");
    }

    [Theory]
    [InlineData("Retain", "find")]
    [InlineData("Delete", "find", "claim", "delete")]
    public async Task A_policy_that_is_changed_while_a_revocation_waits_for_its_turn_is_followed(string policy, params string[] calls)
    {
        _refreshing.Store.AfterRead = () =>
        {
            _entities.Observe(Object(policy));
            return Task.CompletedTask;
        };
        await FinalizeAsync(Object("Revoke"));
        await Eventually.IsTrueAsync(() => _queue.Queued.Count == 1, "the object is queued again");
        _refreshing.Store.Calls.Should().Equal(calls);
        _refreshing.Provider.Revoked.Should().BeEmpty();
    }

    [Theory]
    [InlineData("Delete", "is away")]
    [InlineData("Revoke", "did not revoke the grant of google/marcus (HTTP 503)")]
    public async Task A_deletion_that_cannot_be_carried_out_stands_in_the_status_with_its_cause_and_the_way_out(string policy, string cause)
    {
        var entity = Add(policy);
        Break(policy);

        (await TryAsync(entity)).IsSuccess.Should().BeFalse();

        var status = Written();
        foreach (var type in new[] { ConditionTypes.Ready, ConditionTypes.Reconciling })
        {
            var condition = status.Find(type)!;
            (condition.Status, condition.Reason).Should().Be((type == ConditionTypes.Ready ? "False" : "True", Reasons.CleanupFailed));
            condition.Message.Should().Contain(cause).And.Contain($"deletionPolicy {policy}").And.Contain("until 2030-01-01T01:00:00Z")
                .And.Contain("kubectl patch oauthtoken marcus-gmail -n mail --type=merge");
        }

        status.Find(ConditionTypes.Persisted)!.Status.Should().Be("True", "it was so before");
        status.NextRefreshTime.Should().BeNull();
    }

    [Fact]
    public async Task The_status_is_written_once_for_a_cause_that_stays()
    {
        Break("Delete");
        await TryAsync(Add("Delete"));
        await TryAsync(_entities.Get(new NamespacedName("mail", "marcus-gmail"))!);
        Runtime.Server.Requests.Count(request => request.Path.EndsWith("/status", StringComparison.Ordinal)).Should().Be(1);
    }

    [Fact]
    public async Task A_revocation_that_the_provider_does_not_answer_stands_in_the_status()
    {
        var entity = Add("Revoke");
        var answer = new TaskCompletionSource();
        _refreshing.Provider.Until = answer.Task;
        (await FinalizeAsync(entity)).RequeueAfter.Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(5));

        Done(await FinalizeAsync(entity)).Should().BeFalse();

        var ready = Written().Find(ConditionTypes.Ready)!;
        (ready.Status, ready.Reason).Should().Be(("False", Reasons.Deleting));
        ready.Message.Should().Contain("google/marcus").And.Contain("\"deletionPolicy\":\"Retain\"");
        answer.SetResult();
    }

    [Theory]
    [InlineData("Delete", 59, false)]
    [InlineData("Delete", 60, true)]
    [InlineData("Revoke", 59, false)]
    [InlineData("Revoke", 60, true)]
    public async Task After_the_limit_the_object_is_let_go_and_the_row_stays_and_the_log_says_so(string policy, int minutes, bool isDone)
    {
        var entity = Add(policy);
        Break(policy);
        Runtime.Time.Advance(TimeSpan.FromMinutes(minutes));

        Done(await TryAsync(entity)).Should().Be(isDone);

        _refreshing.Store.Calls.Should().NotContain("delete");
        if (isDone)
            _log.Lines.Should().ContainSingle(line => line.Contains("google/marcus is kept"));
        else
            _log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task After_the_limit_an_object_does_not_wait_for_a_provider_that_does_not_answer()
    {
        var entity = Add("Revoke");
        var answer = new TaskCompletionSource();
        _refreshing.Provider.Until = answer.Task;
        await FinalizeAsync(entity);
        await Eventually.IsTrueAsync(() => _refreshing.Provider.Revoked.Count == 1, "the provider is asked");
        Runtime.Time.Advance(Limit - TimeSpan.FromMinutes(1));
        (await FinalizeAsync(entity)).RequeueAfter.Should().Be(TimeSpan.FromMinutes(1), "that is all that is left");
        Runtime.Time.Advance(TimeSpan.FromMinutes(1));

        Done(await FinalizeAsync(entity)).Should().BeTrue();

        _log.Lines.Should().ContainSingle(line => line.Contains("google/marcus is kept") && line.Contains("has not answered"));
        answer.SetResult();
    }

    [Fact]
    public async Task A_revocation_for_an_object_whose_deletion_the_operator_missed_gets_the_time_of_a_slow_refresh()
    {
        var entity = Add("Revoke");
        Runtime.Time.Advance(Limit * 10);
        var answer = new TaskCompletionSource();
        _refreshing.Provider.Until = answer.Task;
        await FinalizeAsync(entity);
        await Eventually.IsTrueAsync(() => _refreshing.Provider.Revoked.Count == 1, "the provider is asked");

        (await FinalizeAsync(entity)).RequeueAfter.Should().Be(ReconcilePolicy.MaxRefreshDuration);
        Runtime.Time.Advance(ReconcilePolicy.MaxRefreshDuration);
        Done(await FinalizeAsync(entity)).Should().BeTrue();
        answer.SetResult();
    }

    [Fact]
    public async Task An_object_whose_deletion_the_operator_missed_is_tried_once_before_it_is_let_go()
    {
        var entity = Add("Delete");
        Runtime.Time.Advance(Limit * 10);
        Done(await FinalizeAsync(entity)).Should().BeTrue();
        _refreshing.Store.Calls.Should().Contain("delete");
        _log.Lines.Should().BeEmpty();
    }

    private RuntimeFixture Runtime => _runtime ?? throw new InvalidOperationException("Not started.");

    /// <summary>Makes the policy one that cannot be carried out.</summary>
    private void Break(string policy)
    {
        _refreshing.Store.IsAway = policy == "Delete";
        _refreshing.Provider.Revocation = new RevocationResponse(false, "HTTP 503");
    }

    private async Task<ReconciliationResult<V1Beta1OAuthToken>> TryAsync(V1Beta1OAuthToken entity)
    {
        var result = await FinalizeAsync(entity);
        if (entity.Spec.DeletionPolicy != "Revoke")
            return result;
        await Eventually.IsTrueAsync(() => _queue.Queued.Count > 0, "the object is queued again");
        return await FinalizeAsync(entity);
    }

    /// <summary>An object that is being deleted, on the server and in the cache.</summary>
    private V1Beta1OAuthToken Add(string policy)
    {
        var body = new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "marcus-gmail", ["namespace"] = "mail", ["finalizers"] = new JsonArray(OAuthTokenFinalizer.Identifier) },
            ["status"] = new JsonObject
            {
                ["nextRefreshTime"] = "2030-01-01T00:30:00Z",
                ["conditions"] = new JsonArray(new JsonObject
                {
                    ["type"] = "Persisted",
                    ["status"] = "True",
                    ["reason"] = "Refreshed",
                    ["message"] = "m",
                    ["lastTransitionTime"] = "2029-01-01T00:00:00Z",
                }),
            },
        };
        var metadata = Runtime.Server.Store.Create("oauthtokens", body)["metadata"]!;
        var entity = Object(policy);
        entity.Metadata.Uid = (string?)metadata["uid"];
        entity.Metadata.ResourceVersion = (string?)metadata["resourceVersion"];
        entity.Metadata.DeletionTimestamp = Runtime.Time.GetUtcNow().UtcDateTime;
        entity.Status = body["status"]!.Deserialize(OAuthTokenJson.Default.EntityStatus)!;
        _entities.Observe(entity);
        return entity;
    }

    private V1Beta1OAuthToken.EntityStatus Written() =>
        Runtime.Server.Store.Get("oauthtokens", "mail", "marcus-gmail")!["status"].Deserialize(OAuthTokenJson.Default.EntityStatus)!;

    private static ResourceCache<V1Beta1OAuthToken> NewCache()
    {
        var options = new CacheOptions<V1Beta1OAuthToken>();
        EntityIndexes.Configure(options);
        return new ResourceCache<V1Beta1OAuthToken>([""], options);
    }

    private static V1Beta1OAuthToken Object(string? policy, string name = "marcus-gmail", string ns = "mail", string provider = "google", string account = "marcus") => new()
    {
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = ns, Uid = $"uid of {ns}/{name}", ResourceVersion = "1" },
        Spec = new V1Beta1OAuthToken.EntitySpec
        {
            Provider = provider,
            Account = account,
            ClientSecretRef = new V1Beta1OAuthToken.SecretKeyRef { Name = "client" },
            DeletionPolicy = policy,
        },
    };

    private static bool Done(ReconciliationResult<V1Beta1OAuthToken> result) => result is { IsSuccess: true, RequeueAfter: null };

    private Task<ReconciliationResult<V1Beta1OAuthToken>> FinalizeAsync(V1Beta1OAuthToken entity) => Finalizer.FinalizeAsync(entity, CancellationToken.None);
}
