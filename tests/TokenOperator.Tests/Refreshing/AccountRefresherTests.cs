using KubeRuntime;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class AccountRefresherTests : IDisposable
{
    private static readonly OAuthClient Client = new("client-1", new SecretValue("secret"));

    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Namespaces = ["mail"],
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-1"), Scopes = ["old-scope"] },
    };

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly RefreshingFixture _fixture;

    public AccountRefresherTests() => _fixture = new RefreshingFixture(Row, _time, new RequestRate(1, 2));

    public void Dispose() => _fixture.Dispose();

    private static TokenResponse.Granted Granted(string? refreshToken = null, string[]? scopes = null) => ScriptedProvider.Granted(refreshToken, scopes);

    private Task<RefreshOutcome> AttemptAsync(AccountRecord? seen = null) => _fixture.RefreshAsync(seen ?? Row, Client);

    private async Task<AccountRecord?> RefreshAsync(AccountRecord? seen = null) => (await AttemptAsync(seen)).Record();

    [Fact]
    public async Task A_claim_outlasts_the_slowest_answer_of_the_provider()
    {
        _fixture.Provider.Timeout = TimeSpan.FromSeconds(300);
        await RefreshAsync();
        _fixture.Store.LastClaim!.Duration.Should().Be(TimeSpan.FromSeconds(330));
    }

    [Fact]
    public async Task A_refresh_claims_asks_once_and_commits_and_does_nothing_else()
    {
        _fixture.Provider.Answer = Granted();
        var after = await RefreshAsync();
        _fixture.Store.Calls.Should().Equal("claim", "commit");
        _fixture.Provider.Asked.Should().Equal("refresh-1");
        after!.Token.AccessToken!.Reveal().Should().Be("access-1");
        after.Token.ExpiresAt.Should().Be(_time.GetUtcNow().AddHours(1));
        after.Token.IssuedAt.Should().Be(_time.GetUtcNow());
    }

    [Fact]
    public async Task A_refresh_token_and_scopes_missing_from_the_reply_are_kept_and_new_ones_replace_them()
    {
        _fixture.Provider.Answer = Granted();
        var kept = (await RefreshAsync())!;
        kept.Token.RefreshToken!.Reveal().Should().Be("refresh-1");
        kept.Token.Scopes.Should().Equal("old-scope");

        _fixture.Provider.Answer = Granted("refresh-2", ["new-scope"]);
        var replaced = (await RefreshAsync(kept))!;
        replaced.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        replaced.Token.Scopes.Should().Equal("new-scope");
    }

    [Fact]
    public async Task The_end_of_the_consent_is_kept_until_a_response_or_a_new_refresh_token_replaces_it()
    {
        _fixture.Provider.Answer = Granted() with { RefreshTokenExpiresIn = TimeSpan.FromSeconds(604799) };
        var limited = (await RefreshAsync())!;
        limited.Token.RefreshTokenExpiresAt.Should().Be(_time.GetUtcNow().AddSeconds(604799));
        _fixture.Provider.Answer = Granted();
        var kept = (await RefreshAsync(limited))!;
        kept.Token.RefreshTokenExpiresAt.Should().Be(limited.Token.RefreshTokenExpiresAt);
        _fixture.Provider.Answer = Granted("refresh-2");
        (await RefreshAsync(kept))!.Token.RefreshTokenExpiresAt.Should().BeNull();
    }

    [Fact]
    public async Task A_token_that_someone_else_refreshed_meanwhile_is_used_and_the_provider_is_not_asked()
    {
        _fixture.Store.Row = Row with { Generation = 8, Token = Row.Token with { AccessToken = new SecretValue("theirs") } };
        (await RefreshAsync())!.Token.AccessToken!.Reveal().Should().Be("theirs");
        _fixture.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_refresh_records_the_host_that_answered_and_from_then_on_no_other_host_is_asked_without_permission()
    {
        var refreshed = (await RefreshAsync())!;
        refreshed.Token.TokenHost.Should().Be("provider.example");

        var moved = _fixture.Provider.Document with { TokenEndpoint = new Uri("https://moved.example:8443/token") };
        _fixture.Provider.Document = moved;
        _fixture.Store.Calls.Clear();
        (await AttemptAsync(refreshed)).Should().BeOfType<RefreshOutcome.Superseded>().Which.IsSent.Should().BeFalse();
        _fixture.Provider.Asked.Should().ContainSingle();
        _fixture.Store.Calls.Should().Equal("claim", "release");

        _fixture.Provider.Document = moved with { MovesFrom = "provider.example" };
        (await RefreshAsync(refreshed))!.Token.TokenHost.Should().Be("moved.example:8443");
        _fixture.Provider.Asked.Should().HaveCount(2);
        _fixture.Provider.Document = moved;
        (await RefreshAsync(_fixture.Store.Row)).Should().NotBeNull();
        _fixture.Provider.Asked.Should().HaveCount(3, "the account is at the new host now");
    }

    [Fact]
    public async Task The_host_in_the_claimed_row_decides_and_not_the_one_that_was_seen_before()
    {
        _fixture.Store.Row = Row with { Token = Row.Token with { TokenHost = "elsewhere.example" } };

        (await AttemptAsync(Row)).Should().BeOfType<RefreshOutcome.Superseded>().Which.Record!.Token.TokenHost.Should().Be("elsewhere.example");

        _fixture.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_refresh_without_a_claim_stays_with_the_recorded_host_too()
    {
        _fixture.Provider.RotatesRefreshTokens = false;
        _fixture.Store.IsAway = true;

        (await AttemptAsync(Row with { Token = Row.Token with { TokenHost = "elsewhere.example" } })).Should().BeOfType<RefreshOutcome.Withdrawn>();
        _fixture.Provider.Asked.Should().BeEmpty();
        (await RefreshAsync())!.Token.TokenHost.Should().Be("provider.example");
    }

    [Fact]
    public async Task A_failure_that_brings_a_new_refresh_token_records_the_host_and_any_other_failure_keeps_it()
    {
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "busy");
        (await RefreshAsync())!.Token.TokenHost.Should().BeNull();

        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "busy") { RefreshToken = new SecretValue("refresh-2") };
        (await RefreshAsync(_fixture.Store.Row))!.Token.TokenHost.Should().Be("provider.example");
    }

    [Fact]
    public async Task An_open_claim_of_another_process_is_respected()
    {
        _fixture.Store.IsClaimedElsewhere = true;
        (await AttemptAsync()).Should().BeOfType<RefreshOutcome.ClaimHeld>();
        _fixture.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_process_that_no_longer_leads_does_not_ask()
    {
        _fixture.Leadership.IsLeader = false;
        (await AttemptAsync()).Should().BeOfType<RefreshOutcome.LeadershipLost>();
        _fixture.Provider.Asked.Should().BeEmpty();
        _fixture.Store.Calls.Should().Equal("claim", "release");
    }

    [Fact]
    public async Task After_an_application_wrote_a_new_refresh_token_the_provider_is_not_asked_with_the_old_one()
    {
        _fixture.Store.Row = Row with { Token = Row.Token with { RefreshToken = new SecretValue("written by an app") } };
        (await RefreshAsync())!.Token.RefreshToken!.Reveal().Should().Be("written by an app");
        _fixture.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task While_the_claim_cannot_be_written_the_provider_is_not_asked()
    {
        _fixture.Store.IsAway = true;
        (await AttemptAsync()).Should().BeOfType<RefreshOutcome.NotStored>().Which.Lookup.Should().BeOfType<AccountLookup.Unavailable>();
        _fixture.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_token_that_cannot_be_committed_is_returned_and_committed_later()
    {
        _fixture.Provider.Answer = Granted("refresh-2");
        _fixture.Store.BeforeCommit = () => _fixture.Store.IsAway = true;
        var after = (await RefreshAsync())!;
        after.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        _fixture.Accounts.IsPending(Row.Key).Should().BeTrue();

        _fixture.Store.BeforeCommit = null;
        _fixture.Store.IsAway = false;
        await _fixture.Synchronizer.FlushAsync(CancellationToken.None);
        _fixture.Accounts.PendingCount.Should().Be(0);
        _fixture.Store.Row!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
    }

    [Fact]
    public async Task A_token_whose_claim_is_gone_is_committed_later_even_if_the_row_cannot_be_read_now()
    {
        _fixture.Provider.Answer = Granted("refresh-2");
        (_fixture.Store.ForgetsClaims, _fixture.Store.IsAway, _fixture.Store.FaultyCall) = (true, true, "find");
        (await RefreshAsync())!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");

        _fixture.Store.IsAway = false;
        await _fixture.Synchronizer.FlushAsync(CancellationToken.None);
        _fixture.Store.Row!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
    }

    [Fact]
    public async Task A_row_that_someone_else_claimed_is_not_refreshed_when_Postgres_then_becomes_unavailable()
    {
        _fixture.Provider.RotatesRefreshTokens = false;
        (_fixture.Store.IsClaimedElsewhere, _fixture.Store.IsAway, _fixture.Store.FaultyCall) = (true, true, "find");
        (await AttemptAsync()).Should().BeOfType<RefreshOutcome.NotStored>();
        _fixture.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_newer_row_takes_precedence_over_a_late_commit()
    {
        _fixture.Provider.Answer = Granted("refresh-2");
        _fixture.Store.BeforeCommit = () => _fixture.Store.Row = Row with { Generation = 9, Token = Row.Token with { AccessToken = new SecretValue("newer") } };
        (await RefreshAsync())!.Token.AccessToken!.Reveal().Should().Be("newer");
        _fixture.Store.Row!.Generation.Should().Be(9);
    }

    [Fact]
    public async Task A_failure_is_recorded_with_its_count_and_the_time_of_the_next_attempt()
    {
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.RateLimited, "429", TimeSpan.FromMinutes(7));
        var once = (await RefreshAsync())!;
        _time.Advance(TimeSpan.FromMinutes(7));
        var twice = (await RefreshAsync(once))!;
        twice.Failure.Should().BeEquivalentTo(new { Kind = FailureKind.RateLimited, Count = 2, At = _time.GetUtcNow(), RetryAt = _time.GetUtcNow().AddMinutes(7), InputsFingerprint = "inputs" });
        _fixture.Store.Row!.Token.RefreshToken.Should().NotBeNull("no response deletes a refresh token");
    }

    [Fact]
    public async Task A_success_clears_the_failures()
    {
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "503");
        var failed = (await RefreshAsync())!;
        _fixture.Provider.Answer = Granted();
        (await RefreshAsync(failed))!.Failure.Should().BeNull();
    }

    [Fact]
    public async Task A_rejected_client_is_remembered_until_it_is_accepted()
    {
        _fixture.Provider.Answer = Granted();
        var works = (await RefreshAsync())!;
        _fixture.Rejected.Reject(works with { Key = new AccountKey("google", "other"), Token = works.Token with { RefreshToken = new SecretValue("of another account") } }, Client);
        _fixture.Rejected.IsHeld("google", Client.Fingerprint).Should().BeFalse();
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ClientRejected, "invalid_client");
        var failed = (await RefreshAsync(works))!;
        _fixture.Rejected.IsHeld("google", Client.Fingerprint).Should().BeTrue();
        _fixture.Provider.Answer = Granted();
        await RefreshAsync(failed);
        _fixture.Rejected.IsHeld("google", Client.Fingerprint).Should().BeFalse();
    }

    [Fact]
    public async Task A_client_is_held_and_accepted_by_the_accounts_of_a_grant_without_a_consent_too()
    {
        _fixture.Provider.Answer = Granted();
        var works = (await AskAsync(Row))!;
        _fixture.Rejected.Reject(works with { Key = new AccountKey("google", "other"), Token = works.Token with { GrantInputs = "inputs-2" } }, Client);
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ClientRejected, "invalid_client");
        var failed = (await AskAsync(works))!;
        _fixture.Rejected.IsHeld("google", Client.Fingerprint).Should().BeTrue();
        _fixture.Provider.Answer = Granted();
        await AskAsync(failed);
        _fixture.Rejected.IsHeld("google", Client.Fingerprint).Should().BeFalse();

        async Task<AccountRecord?> AskAsync(AccountRecord seen) => (await _fixture.Refresher.RefreshAsync(
            _fixture.Provider, new RefreshRequest(new NamespacedName("mail", "marcus"), seen, Client, "inputs", default) { Grant = new Grant.ClientCredentials(), GrantInputs = "inputs-1" }, CancellationToken.None)).Record();
    }

    [Theory]
    [InlineData(false, false, 1, 2)]
    [InlineData(true, false, 2, 60)]
    [InlineData(false, true, 8, 16)]
    public async Task A_dead_token_is_tried_again_within_minutes_as_the_provider_allows(bool rotates, bool isRequested, int first, int second)
    {
        _fixture.Provider.RotatesRefreshTokens = rotates;
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ReauthorizationRequired, "invalid_grant");
        var once = (await _fixture.RefreshAsync(Row, Client, isRequested)).Record()!;
        (once.Failure!.RetryAt - once.Failure.At).TotalMinutes.Should().BeInRange(first, first * 1.1);
        var twice = (await RefreshAsync(once))!;
        (twice.Failure!.RetryAt - twice.Failure.At).TotalMinutes.Should().BeInRange(second, second * 1.21);
        twice.Failure.Count.Should().Be(2);
        twice.Token.RefreshToken!.Reveal().Should().Be("refresh-1");
    }

    [Fact]
    public async Task An_outage_before_a_dead_token_does_not_count_against_it()
    {
        _fixture.Provider.RotatesRefreshTokens = false;
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "503");
        var row = Row;
        for (var round = 0; round < 10; round++)
            row = (await RefreshAsync(row))!;
        row.Failure!.Count.Should().Be(10);
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ReauthorizationRequired, "invalid_grant");
        (await RefreshAsync(row))!.Failure.Should().BeEquivalentTo(new { Kind = FailureKind.ReauthorizationRequired, Count = 1 });
    }

    [Fact]
    public async Task A_rotated_refresh_token_in_an_otherwise_useless_reply_is_kept()
    {
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.InvalidResponse, "no access_token", RefreshToken: new SecretValue("refresh-2"));
        var after = (await RefreshAsync())!;
        _fixture.Store.Row!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        after.Failure!.Kind.Should().Be(FailureKind.InvalidResponse);
    }

    [Fact]
    public async Task A_rejected_token_that_someone_else_has_replaced_is_no_failure()
    {
        var release = new TaskCompletionSource();
        _fixture.Provider.Until = release.Task;
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ReauthorizationRequired, "invalid_grant");
        var attempt = AttemptAsync();
        await Eventually.IsTrueAsync(() => _fixture.Provider.Asked.Count == 1);
        _fixture.Store.Row = Row with { Token = Row.Token with { RefreshToken = new SecretValue("of the winner") } };
        release.SetResult();

        var outcome = (await attempt).Should().BeOfType<RefreshOutcome.Superseded>().Subject;

        outcome.IsSent.Should().BeTrue("the request counts against the rate");
        (outcome.Record!.Token.RefreshToken!.Reveal(), outcome.Record.Failure).Should().Be(("of the winner", null));
        _fixture.Store.Calls.Should().Contain("release").And.NotContain("fail");
    }

    [Fact]
    public async Task The_least_delay_of_a_rule_is_kept()
    {
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.RateLimited, "50196") { MinDelay = TimeSpan.FromHours(30) };
        var failed = (await RefreshAsync())!;
        failed.Failure!.RetryAt.Should().Be(_time.GetUtcNow().AddHours(30));
        RefreshPolicy.RetryAt(failed.Failure, _time.GetUtcNow()).Should().Be(failed.Failure.RetryAt);
    }

    [Theory]
    [InlineData(ReplayEffect.RevokesGrant, 0, 50)]
    [InlineData(ReplayEffect.RevokesGrant, 10, 0)]
    [InlineData(ReplayEffect.Error, 0, 0)]
    [InlineData(ReplayEffect.Same, 0, 0)]
    [InlineData(null, 0, 50)]
    [InlineData(null, 10, 0)]
    [InlineData(null, 0, 0, RotationMode.Sometimes)]
    public async Task A_lost_answer_is_asked_for_again_at_once_only_if_that_cannot_end_the_grant(ReplayEffect? effect, int graceMinutes, int waitMinutes, RotationMode mode = RotationMode.Always)
    {
        _fixture.Provider.Document = _fixture.Provider.Document with
        {
            Rotation = new RotationRules { Mode = mode, OnReplay = effect, Grace = TimeSpan.FromMinutes(graceMinutes) },
        };
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "no reply") { IsUnanswered = true };
        var living = Row with { Token = Row.Token with { AccessToken = new SecretValue("access"), ExpiresAt = _time.GetUtcNow().AddMinutes(50) } };
        _fixture.Store.Row = living;

        var failed = (await RefreshAsync(living))!;

        (failed.Failure!.RetryAt - _time.GetUtcNow()).TotalMinutes.Should().BeInRange(waitMinutes, waitMinutes + 0.1);
    }

    [Fact]
    public async Task The_grace_of_a_lost_answer_counts_from_the_request_and_not_from_the_end_of_the_wait()
    {
        var living = WithLivingToken(TimeSpan.FromSeconds(30));
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "no reply") { IsUnanswered = true };
        var release = new TaskCompletionSource();
        _fixture.Provider.Until = release.Task;

        var attempt = RefreshAsync(living);
        await Eventually.IsTrueAsync(() => _fixture.Provider.Asked.Count == 1);
        _time.Advance(TimeSpan.FromSeconds(30));
        release.SetResult();

        (await attempt)!.Failure!.RetryAt.Should().Be(living.Token.ExpiresAt!.Value);
    }

    public static TheoryData<string, TokenResponse.Failed> LaterFailures => new()
    {
        { "cannot connect", new(FailureKind.ProviderUnavailable, "refused") },
        { "503", new(FailureKind.ProviderUnavailable, "503") { RetryAfter = TimeSpan.FromMinutes(6) } },
        { "lost again", new(FailureKind.ProviderUnavailable, "no reply") { IsUnanswered = true } },
        { "429", new(FailureKind.RateLimited, "429") { MinDelay = TimeSpan.FromMinutes(6) } },
        { "unknown", new(FailureKind.InvalidResponse, "HTTP 400: something_new") { HasUnknownCode = true } },
        { "rejected", new(FailureKind.ReauthorizationRequired, "invalid_grant") },
        { "client rejected", new(FailureKind.ClientRejected, "invalid_client") },
    };

    [Theory]
    [MemberData(nameof(LaterFailures))]
    public async Task After_a_lost_answer_no_later_failure_makes_the_operator_ask_again_when_the_grace_period_is_over(string which, TokenResponse.Failed later)
    {
        var row = await LoseAnAnswerAsync(TimeSpan.FromMinutes(10));
        var lostAt = _time.GetUtcNow();
        (row.Failure!.RetryAt - lostAt).Should().BeLessThan(TimeSpan.FromMinutes(1), "a second request within the grace period does no harm");

        _time.Advance(TimeSpan.FromMinutes(9.9));
        _fixture.Provider.Answer = later;
        row = (await RefreshAsync(row))!;

        row.Failure!.Kind.Should().Be(later.Kind, which);
        row.Failure.UnansweredSince.Should().Be(lostAt);
        (row.Failure.RetryAt < lostAt.AddMinutes(10) || row.Failure.RetryAt == row.Token.ExpiresAt).Should().BeTrue($"the next attempt is at {row.Failure.RetryAt}");
    }

    [Fact]
    public async Task A_new_refresh_token_and_a_success_end_the_doubt_of_a_lost_answer()
    {
        var row = await LoseAnAnswerAsync(TimeSpan.FromMinutes(10));
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.InvalidResponse, "no access token") { RefreshToken = new SecretValue("refresh-2") };
        (await RefreshAsync(row))!.Failure!.UnansweredSince.Should().BeNull();

        row = await LoseAnAnswerAsync(TimeSpan.FromMinutes(10));
        _fixture.Provider.Answer = Granted();
        row = (await RefreshAsync(row))!;
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "503") { RetryAfter = TimeSpan.FromMinutes(20) };
        row = (await RefreshAsync(row))!;
        (row.Failure!.UnansweredSince, row.Failure.RetryAt).Should().Be((null, _time.GetUtcNow().AddMinutes(20)));
    }

    [Fact]
    public async Task A_refresh_that_another_process_was_killed_in_counts_as_one_without_an_answer()
    {
        var claimedAt = _time.GetUtcNow().AddMinutes(-9);
        var row = WithLivingToken(TimeSpan.FromMinutes(10)) with { OpenClaim = new OpenClaim("lease", "dead process", IsOver: true) { At = claimedAt } };
        _fixture.Store.Row = row;
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "503") { RetryAfter = TimeSpan.FromMinutes(2) };

        row = (await RefreshAsync(row))!;

        (row.Failure!.UnansweredSince, row.Failure.RetryAt).Should().Be((claimedAt, row.Token.ExpiresAt!.Value));
    }

    /// <summary>A row with a token for 50 minutes, whose provider ends the grant when a refresh token is used after its grace period.</summary>
    private AccountRecord WithLivingToken(TimeSpan grace)
    {
        _fixture.Provider.Document = _fixture.Provider.Document with
        {
            Rotation = new RotationRules { Mode = RotationMode.Always, OnReplay = ReplayEffect.RevokesGrant, Grace = grace },
        };
        return _fixture.Store.Row = Row with { Generation = _fixture.Store.Row!.Generation, Token = Row.Token with { AccessToken = new SecretValue("access"), ExpiresAt = _time.GetUtcNow().AddMinutes(50) } };
    }

    private async Task<AccountRecord> LoseAnAnswerAsync(TimeSpan grace)
    {
        var row = WithLivingToken(grace);
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "no reply") { IsUnanswered = true };
        return (await RefreshAsync(row))!;
    }

    [Fact]
    public async Task An_unknown_answer_needs_someone_after_a_day_without_success_whatever_came_in_between()
    {
        var unknown = new TokenResponse.Failed(FailureKind.InvalidResponse, "HTTP 400: something_new") { HasUnknownCode = true };
        _fixture.Provider.Answer = unknown;
        var row = (await RefreshAsync(Row))!;
        RefreshPolicy.NeedsHuman(row).Should().BeFalse();
        _time.Advance(TimeSpan.FromHours(23));
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "no reply");
        row = (await RefreshAsync(row))!;
        RefreshPolicy.NeedsHuman(row).Should().BeFalse();
        _time.Advance(TimeSpan.FromHours(2));
        _fixture.Provider.Answer = unknown;
        row = (await RefreshAsync(row))!;

        RefreshPolicy.NeedsHuman(row).Should().BeTrue();
        RefreshPolicy.TakesNewToken(row).Should().BeTrue("a new seed and a consent must work then");
        _fixture.Provider.Answer = Granted();
        (await RefreshAsync(row))!.Failure.Should().BeNull();
    }

    [Fact]
    public async Task A_token_that_never_expires_and_still_works_is_stored_with_the_time_of_the_check()
    {
        var endless = Row with { Token = new TokenSet { AccessToken = new SecretValue("access"), NeverExpires = true } };
        _fixture.Store.Row = endless;
        _fixture.Provider.Answer = new TokenResponse.StillValid();

        var after = (await RefreshAsync(endless))!;

        after.Token.Should().BeEquivalentTo(endless.Token with { CheckedAt = _time.GetUtcNow() });
        _fixture.Store.Calls.Should().Equal("claim", "commit");
    }

    [Fact]
    public async Task The_end_of_the_consent_counts_from_the_consent_and_exports_are_carried_over()
    {
        var consented = _time.GetUtcNow().AddDays(-300);
        _fixture.Provider.Document = _fixture.Provider.Document with
        {
            RefreshToken = new RefreshTokenLifetime(TimeSpan.FromDays(90), TimeSpan.FromDays(365)),
            Export = new Dictionary<string, ExportSource> { ["instance_url"] = new(ExportPlace.Response, "instance_url"), ["realm"] = new(ExportPlace.Callback, "realmId") },
        };
        var row = Row with { Token = Row.Token with { ConsentedAt = consented, Exports = new Dictionary<string, string> { ["realm"] = "4620", ["instance_url"] = "old", ["gone"] = "x" } } };
        _fixture.Store.Row = row;
        _fixture.Provider.Answer = Granted() with { Exports = new Dictionary<string, string> { ["instance_url"] = "https://na1.example" } };

        var after = (await RefreshAsync(row))!.Token;

        (after.ConsentedAt, after.RefreshTokenExpiresAt).Should().Be((consented, consented.AddDays(365)));
        after.Exports.Should().BeEquivalentTo(new Dictionary<string, string> { ["realm"] = "4620", ["instance_url"] = "https://na1.example" });
    }

    [Fact]
    public async Task Concurrent_callers_share_one_refresh()
    {
        var release = new TaskCompletionSource();
        _fixture.Provider.Answer = Granted();
        _fixture.Provider.Until = release.Task;
        var all = Enumerable.Range(0, 20).Select(_ => RefreshAsync()).ToArray();
        release.SetResult();
        (await Task.WhenAll(all)).Should().OnlyContain(r => r!.Generation == 8);
        _fixture.Provider.Asked.Should().ContainSingle();
    }

    [Fact]
    public async Task The_rows_are_read_once_in_a_term_and_again_in_the_next()
    {
        var readers = Enumerable.Range(0, 10).Select(_ => _fixture.Accounts.FindAsync(Row.Key, "mail", CancellationToken.None)).ToArray();
        readers.Should().OnlyContain(reader => !reader.IsCompleted, "the rows of the term are not read yet");
        (await _fixture.Synchronizer.LoadAsync(CancellationToken.None)).Should().BeNull();
        (await Task.WhenAll(readers)).Should().OnlyContain(found => found is AccountLookup.Found);
        _fixture.Store.Calls.Should().Equal("migrate", "list");
        _fixture.Leadership.Renew();
        _fixture.Accounts.IsLoadDue.Should().BeTrue();
        await _fixture.Synchronizer.LoadAsync(CancellationToken.None);
        await _fixture.Accounts.FindAsync(Row.Key, "mail", CancellationToken.None);
        _fixture.Store.Calls.Should().Equal("migrate", "list", "migrate", "list");
    }

    [Fact]
    public async Task A_lookup_never_migrates_and_fails_immediately_if_Postgres_is_unavailable()
    {
        _fixture.Store.IsAway = true;
        await _fixture.Synchronizer.LoadAsync(CancellationToken.None);
        _fixture.Store.Calls.Clear();
        (await _fixture.Accounts.FindAsync(Row.Key, "mail", CancellationToken.None)).Should().BeOfType<AccountLookup.Unavailable>();
        _fixture.Store.Calls.Should().BeEmpty();

        _fixture.Store.IsAway = false;
        await _fixture.Synchronizer.LoadAsync(CancellationToken.None);
        (await _fixture.Accounts.FindAsync(Row.Key, "mail", CancellationToken.None)).Should().BeOfType<AccountLookup.Found>();
    }
}
