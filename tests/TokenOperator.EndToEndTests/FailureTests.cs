using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Failures of providers: what users see, and how accounts recover.</summary>
[Collection(FaultGroup.Name)]
public sealed class FailureTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync() => _fixture = await cluster.SharedFixtureAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task A_dead_refresh_token_needs_a_person_and_a_new_seed_fixes_it()
    {
        var dead = _fixture.Tokens.AddAccount("dead");
        dead.IsRevoked = true;
        await _fixture.WriteSeedAsync("dead", dead.RefreshToken);
        await _fixture.ApplyAsync("dead");
        var view = await _fixture.SeesAsync("dead", "Ready", "False", "ReauthorizationRequired");
        view.Status("Stalled").Should().Be("True");
        view.Message("Ready").Should().Contain($"{_fixture.Namespace}/dead-seed").And.Contain("token.json").And.NotContain(dead.RefreshToken);
        _fixture.Tokens.AskedFor(dead.RefreshToken).Should().Be(1, "the same request would fail again");

        var alive = _fixture.Tokens.AddAccount("dead", "brand-new-refresh-token");
        await _fixture.WriteSeedAsync("dead", alive.RefreshToken);
        view = await _fixture.ReadyAsync("dead");
        view.Status("Stalled").Should().Be("False");
        view["failures"].Should().Be("0");
        await Eventually.SeesAsync(() => _fixture.EventsAsync("dead"), events => events.Contains("ReauthorizationRequired") && events.Contains("Recovered"));
        (await _fixture.StoredTokenAsync("dead"))!.RefreshToken!.Reveal().Should().Be(alive.RefreshToken);
    }

    [Fact]
    public async Task A_transient_failure_is_retried_automatically()
    {
        var grant = _fixture.Tokens.AddAccount("wobbly");
        var release = new TaskCompletionSource();
        _fixture.Tokens.Next(grant.RefreshToken, ScriptedAnswer.ServerError(), ScriptedAnswer.Html(403) with { Until = release.Task });
        await _fixture.WriteSeedAsync("wobbly", grant.RefreshToken);
        await _fixture.ApplyAsync("wobbly");
        await _fixture.SeesAsync("wobbly", "Reconciling", "True");
        release.SetResult();
        (await _fixture.ReadyAsync("wobbly"))["failures"].Should().Be("0");
        _fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(3);
    }

    [Fact]
    public async Task A_failing_refresh_leaves_Ready_True_and_shows_in_Refreshed_and_an_annotation_skips_the_backoff()
    {
        var grant = await _fixture.AddAccountAsync("stumbling");
        await _fixture.ReadyAsync("stumbling");
        _fixture.Tokens.Always(grant.RefreshToken, ScriptedAnswer.RateLimited(TimeSpan.FromMinutes(30)));
        await _fixture.RequestRefreshAsync("stumbling", "1");
        var view = await _fixture.SeesAsync("stumbling", "Refreshed", "False", "RateLimited");
        view.Status("Ready").Should().Be("True");
        view["failures"].Should().Be("1");

        _fixture.Tokens.Always(grant.RefreshToken, null);
        await _fixture.RequestRefreshAsync("stumbling", "2");
        await _fixture.SeesAsync("stumbling", "Refreshed", "True");
        _fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(3);
    }

    [Theory]
    [InlineData("session", "SessionPolicyReauth", "True")]
    [InlineData("admin", "AdminPolicyBlocked", "True")]
    [InlineData("scope", "RequestRejected", "True")]
    [InlineData("empty", "InvalidResponse", "False")]
    [InlineData("html", "InvalidResponse", "False")]
    [InlineData("braces", "InvalidResponse", "False")]
    [InlineData("endless", "InvalidResponse", "False")]
    [InlineData("lifeless", "InvalidResponse", "False")]
    [InlineData("negative", "InvalidResponse", "False")]
    [InlineData("absurd", "InvalidResponse", "False")]
    [InlineData("redirect", "InvalidResponse", "False")]
    [InlineData("cut", "ProviderUnavailable", "False")]
    public async Task Each_answer_has_its_reason(string kind, string reason, string stalled)
    {
        var grant = _fixture.Tokens.AddAccount($"answer-{kind}");
        _fixture.Tokens.Always(grant.RefreshToken, kind switch
        {
            "session" => ScriptedAnswer.InvalidRapt,
            "admin" => ScriptedAnswer.Error(400, "admin_policy_enforced"),
            "scope" => ScriptedAnswer.Error(400, "invalid_scope"),
            "empty" => ScriptedAnswer.Json(""),
            "html" => ScriptedAnswer.Html(200),
            "braces" => ScriptedAnswer.Json("{}"),
            "endless" => ScriptedAnswer.Json(new string(' ', 10_000_000)),
            "lifeless" => ScriptedAnswer.Json("""{"access_token":"a"}"""),
            "negative" => ScriptedAnswer.Json("""{"access_token":"a","expires_in":-5}"""),
            "absurd" => ScriptedAnswer.Json("""{"access_token":"a","expires_in":99999999999999}"""),
            "redirect" => ScriptedAnswer.Redirect(307, new Uri(_fixture.Tokens.Address, "/elsewhere")),
            _ => ScriptedAnswer.Cut,
        });
        await _fixture.WriteSeedAsync($"answer-{kind}", grant.RefreshToken);
        await _fixture.ApplyAsync($"answer-{kind}");
        var view = await _fixture.SeesAsync($"answer-{kind}", "Ready", "False", reason);
        view.Status("Stalled").Should().Be(stalled);
        _fixture.Tokens.Requests.Should().NotContain(r => r.Path == "/elsewhere");
        (await _fixture.StoredTokenAsync($"answer-{kind}"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
        await _fixture.DeleteAsync($"answer-{kind}");
    }

    [Fact]
    public async Task A_refresh_token_of_another_client_stops_only_its_own_account_and_a_new_seed_is_tried_at_once()
    {
        foreach (var (bad, good, answer, reason) in new[]
        {
            ("foreign-1", "native-1", ScriptedAnswer.Error(401, "unauthorized_client", "Unauthorized"), "RequestRejected"),
            ("foreign-2", "native-2", ScriptedAnswer.InvalidClient, "ClientRejected"),
        })
        {
            var works = await _fixture.AddAccountAsync(good);
            await _fixture.ReadyAsync(good);
            var grant = _fixture.Tokens.AddAccount(bad);
            _fixture.Tokens.Always(grant.RefreshToken, answer);
            await _fixture.WriteSeedAsync(bad, grant.RefreshToken);
            await _fixture.ApplyAsync(bad);
            await _fixture.SeesAsync(bad, "Stalled", "True", reason);

            var asked = _fixture.Tokens.AskedFor(works.RefreshToken);
            (await _fixture.RefreshAsync(good, "beside-the-other")).Status("Stalled").Should().Be("False");
            _fixture.Tokens.AskedFor(works.RefreshToken).Should().BeGreaterThan(asked);
            await _fixture.WriteSeedAsync(bad, _fixture.Tokens.AddAccount(bad, $"right-{bad}").RefreshToken);
            await _fixture.ReadyAsync(bad);
        }
    }

    [Fact]
    public async Task A_rejected_client_is_reported_for_all_its_accounts_and_a_new_client_Secret_resumes_them()
    {
        const string wrong = """{"installed":{"client_id":"wrong-client","client_secret":"wrong"}}""";
        await _fixture.WriteSecretAsync("wrong-client", "credentials.json", wrong);
        var names = new[] { "tenant-1", "tenant-2", "tenant-3" };
        var grants = names.Select(name => _fixture.Tokens.AddAccount(name)).ToList();
        foreach (var grant in grants)
        {
            _fixture.Tokens.Always(grant.RefreshToken, ScriptedAnswer.InvalidClient);
            await _fixture.WriteSeedAsync(grant.Account, grant.RefreshToken);
            await _fixture.ApplyAsync(grant.Account, spec => spec["clientSecretRef"]!["name"] = "wrong-client");
            await _fixture.SeesAsync(grant.Account, "Ready", "False", "ClientRejected");
        }

        grants.Should().OnlyContain(grant => _fixture.Tokens.AskedFor(grant.RefreshToken) == 1, "a seed that has not been tried is tried at once");
        foreach (var grant in grants)
            _fixture.Tokens.Always(grant.RefreshToken, null);
        await _fixture.WriteSecretAsync("wrong-client", "credentials.json", wrong.Replace("\"wrong\"", "\"right\""));
        foreach (var name in names)
            await _fixture.ReadyAsync(name);
    }

    [Fact]
    public async Task A_token_with_missing_scopes_is_published_and_not_Ready()
    {
        await _fixture.AddAccountAsync("narrow", spec => spec["scopes"] = new System.Text.Json.Nodes.JsonArray("https://www.googleapis.com/auth/calendar"));
        var view = await _fixture.SeesAsync("narrow", "Ready", "False", "ScopesMissing");
        view.Message("Ready").Should().Contain("calendar");
        (await _fixture.SecretAsync("narrow")).Should().NotBeNull();
    }
}
