using k8s.Models;
using TokenOperator.Api;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Tests.Monitoring;

[Collection(MetersGroup.Name)]
public sealed class OAuthTokenMetricsTests : IAsyncLifetime
{
    private const string Labels = """{name="marcus-gmail",namespace="mail",provider="google"}""";

    private ScrapedOperator _operator = null!;

    public async Task InitializeAsync() => _operator = await ScrapedOperator.StartAsync();

    public Task DisposeAsync() => _operator.DisposeAsync().AsTask();

    [Fact]
    public async Task Each_OAuthToken_has_its_gauges_by_namespace_name_and_provider_and_never_by_account()
    {
        _operator.Set(Entity(status: Status("ReauthorizationRequired", stalled: true)));

        var samples = await _operator.ScrapeAsync();

        samples.Should().Contain(
        [
            $"tokenoperator_oauthtoken_ready{Labels} 1",
            $"tokenoperator_oauthtoken_expiry_timestamp_seconds{Labels} 1777640400",
            $"tokenoperator_oauthtoken_next_refresh_timestamp_seconds{Labels} 1777639500",
            $"tokenoperator_oauthtoken_last_success_timestamp_seconds{Labels} 1777636800",
            $"tokenoperator_oauthtoken_consent_expiry_timestamp_seconds{Labels} 1778241599",
            $"tokenoperator_oauthtoken_needs_human{Labels} 1",
            $"tokenoperator_oauthtoken_persisted{Labels} 1",
            $"tokenoperator_oauthtoken_failures{Labels} 3",
            $"tokenoperator_oauthtoken_suspended{Labels} 0",
            $$"""tokenoperator_oauthtoken_problem{name="marcus-gmail",namespace="mail",provider="google",reason="ReauthorizationRequired"} 1""",
        ]);
        string.Join('\n', samples).Should().NotContain("the-account");
    }

    [Fact]
    public async Task The_metrics_name_the_service() =>
        (await _operator.ScrapeAsync("target_info")).Should().ContainSingle().Which.Should().Contain("service_name=\"token-operator\"").And.NotContain("unknown_service");

    [Fact]
    public async Task Ready_becomes_0_at_the_expiry_without_a_new_status()
    {
        _operator.Set(Entity(status: Status(problem: null)));
        (await _operator.ScrapeAsync()).Should().Contain($"tokenoperator_oauthtoken_ready{Labels} 1");

        _operator.Time.Advance(TimeSpan.FromHours(1));

        (await _operator.ScrapeAsync()).Should().Contain($"tokenoperator_oauthtoken_ready{Labels} 0");
    }

    [Fact]
    public async Task Deleted_objects_and_past_problems_leave_no_series()
    {
        _operator.Set(Entity(status: Status("RateLimited")), Entity("other", Status("RateLimited")));
        (await _operator.ScrapeAsync()).Should().Contain(sample => sample.Contains("other")).And.Contain(sample => sample.Contains("RateLimited"));

        var going = Entity("going", Status("RateLimited"));
        going.Metadata.DeletionTimestamp = _operator.Time.GetUtcNow().UtcDateTime;
        _operator.Set(Entity(status: Status(problem: null)), going);

        (await _operator.ScrapeAsync()).Should().OnlyContain(sample => sample.Contains("marcus-gmail") && !sample.Contains("RateLimited"));
    }

    [Fact]
    public async Task An_object_without_a_status_is_exported_as_not_ready()
    {
        _operator.Set(Entity(status: null));

        (await _operator.ScrapeAsync()).Should().Contain($"tokenoperator_oauthtoken_ready{Labels} 0").And.NotContain(sample => sample.Contains("timestamp"));
    }

    [Fact]
    public async Task Each_object_has_its_own_series_however_many_were_created_and_deleted()
    {
        for (var round = 0; round < 5; round++)
        {
            _operator.Set([.. Enumerable.Range(0, 1200).Select(i => Entity($"token-{round}-{i}", Status(problem: null)))]);
            await Eventually.IsTrueAsync(
                () => Ready(_operator.ScrapeAsync().GetAwaiter().GetResult()) == 1200, $"all of round {round} are there");
        }

        static int Ready(IReadOnlyList<string> samples) => samples.Count(sample => sample.StartsWith("tokenoperator_oauthtoken_ready{name=\"token-", StringComparison.Ordinal));
    }

    private static V1Beta1OAuthToken Entity(string name = "marcus-gmail", EntityStatus? status = null) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "mail", Uid = name },
        Spec = new EntitySpec { Provider = "google", Account = "the-account" },
        Status = status!,
    };

    private static EntityStatus Status(string? problem, bool stalled = false) => new()
    {
        ExpiresAt = "2026-05-01T13:00:00Z",
        NextRefreshTime = "2026-05-01T12:45:00Z",
        LastRefreshTime = "2026-05-01T12:00:00Z",
        ConsentExpiresAt = "2026-05-08T11:59:59Z",
        Failures = problem is null ? 0 : 3,
        Conditions =
        [
            Make(ConditionTypes.Ready, true, problem), Make(ConditionTypes.Persisted, true, problem),
            Make(ConditionTypes.Reconciling, problem is not null && !stalled, problem), Make(ConditionTypes.Stalled, stalled, problem),
        ],
    };

    private static Condition Make(string type, bool status, string? reason) => new()
    {
        Type = type,
        Status = status ? "True" : "False",
        Reason = reason ?? "Refreshed",
        Message = "",
        LastTransitionTime = "2026-05-01T12:00:00Z",
    };
}
