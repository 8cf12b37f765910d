using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.Providers.OAuth2;

public sealed class OAuth2TokenProviderTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly OAuthClient Client = new("client-id", new("GOCSPX-marked-client-secret"));

    private readonly FakeTimeProvider _time = new();
    private ScriptedTokenServer _server = null!;
    private TestProvider _test = null!;

    public async Task InitializeAsync()
    {
        _server = await ScriptedTokenServer.StartAsync(new TokenServerBehaviour { Client = (Client.ClientId, Client.ClientSecret!.Reveal()) });
        _test = ProviderFor(_server.TokenEndpoint, _server.RevocationEndpoint);
    }

    public async Task DisposeAsync()
    {
        _test.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_refresh_is_one_post_with_the_four_fields_of_the_specification()
    {
        var grant = _server.AddAccount("marcus");

        var granted = (TokenResponse.Granted)await RefreshAsync(grant.RefreshToken);

        _server.IsValid(granted.AccessToken.Reveal()).Should().BeTrue();
        granted.Should().BeEquivalentTo(
            new TokenResponse.Granted(granted.AccessToken, TimeSpan.FromSeconds(3599), "Bearer", ["https://mail.google.com/"], null, null));
        _server.Requests.Should().ContainSingle().Which.Form.Should().Equal(new Dictionary<string, string>
        {
            ["client_id"] = "client-id",
            ["client_secret"] = Client.ClientSecret!.Reveal(),
            ["grant_type"] = "refresh_token",
            ["refresh_token"] = grant.RefreshToken,
        });
    }

    [Fact]
    public async Task A_rotated_refresh_token_is_returned_and_the_old_one_is_dead()
    {
        _server.Behaviour.RotateRefreshTokens = true;
        var old = _server.AddAccount("marcus").RefreshToken;

        var granted = (TokenResponse.Granted)await RefreshAsync(old);

        granted.RefreshToken!.Reveal().Should().NotBe(old);
        (await RefreshAsync(granted.RefreshToken.Reveal())).Should().BeOfType<TokenResponse.Granted>();
        (await RefreshAsync(old)).Should().BeOfType<TokenResponse.Failed>().Which.Kind.Should().Be(FailureKind.ReauthorizationRequired);
    }

    [Fact]
    public async Task A_cancellation_after_the_request_is_sent_still_returns_the_response()
    {
        var grant = _server.AddAccount("marcus");
        var release = new TaskCompletionSource();
        _server.Next("marcus", ScriptedAnswer.Held(release.Task));
        using var cancel = new CancellationTokenSource();

        var refresh = _test.Provider.RefreshAsync(Request(grant.RefreshToken), cancel.Token);
        await Eventually.IsTrueAsync(() => _server.AskedFor(grant.RefreshToken) == 1);
        await cancel.CancelAsync();
        release.SetResult();

        (await refresh.WaitAsync(Limit)).Should().BeOfType<TokenResponse.Granted>();
    }

    [Fact]
    public async Task A_cancellation_before_the_request_is_sent_ends_it()
    {
        var cancelled = () => _test.Provider.RefreshAsync(Request("1//any"), new CancellationToken(canceled: true));
        await cancelled.Should().ThrowAsync<OperationCanceledException>();

        // A TLS handshake that never ends: connected, but nothing of the request was sent.
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var test = ProviderFor(new Uri($"https://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}/token"));
        using var cancel = new CancellationTokenSource();
        var refresh = test.Provider.RefreshAsync(Request("1//any"), cancel.Token);
        using var connection = await silent.AcceptTcpClientAsync();
        await cancel.CancelAsync();

        var wait = () => refresh.WaitAsync(Limit);
        await wait.Should().ThrowAsync<OperationCanceledException>();
        _server.Requests.Should().BeEmpty();
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_is_not_followed(int status)
    {
        await using var elsewhere = await ScriptedTokenServer.StartAsync();
        _server.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Redirect(status, elsewhere.TokenEndpoint));

        var failed = (TokenResponse.Failed)await RefreshAsync("1//marked-refresh-token");

        failed.Kind.Should().Be(FailureKind.InvalidResponse);
        failed.Detail.Should().Contain("redirect").And.Contain("check tokenEndpoint of the catalogue entry google");
        elsewhere.Requests.Should().BeEmpty();
        _server.Requests.Should().ContainSingle();
    }

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task A_transient_failure_is_requested_once_and_its_Retry_After_is_returned(int status)
    {
        _server.Always(ScriptedTokenServer.Everyone, ScriptedAnswer.RateLimited(TimeSpan.FromSeconds(17)) with { Status = status });

        var failed = (TokenResponse.Failed)await RefreshAsync("1//any");

        failed.RetryAfter.Should().Be(TimeSpan.FromSeconds(17));
        failed.Kind.NeedsHuman().Should().BeFalse();
        _server.Requests.Should().ContainSingle();
    }

    [Fact]
    public async Task Retry_After_as_a_date_counts_from_now()
    {
        var at = _time.GetUtcNow().AddSeconds(40);
        _server.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.ServerError() with { Headers = new Dictionary<string, string> { ["Retry-After"] = at.ToString("R") } });

        ((TokenResponse.Failed)await RefreshAsync("1//any")).RetryAfter.Should().Be(TimeSpan.FromSeconds(40));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(400)]
    [InlineData(504)]
    public async Task An_empty_body_is_a_failed_response(int status)
    {
        _server.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Json("", status));

        (await RefreshAsync("1//any")).Should().BeOfType<TokenResponse.Failed>().Which.Detail.Should().Contain("empty");
    }

    [Theory]
    [InlineData(200, "", true)]
    [InlineData(200, "<html>", true)]
    [InlineData(502, "<html>", true)]
    [InlineData(504, "", true)]
    [InlineData(503, "<html>", false)]
    [InlineData(200, """{"error":"invalid_grant"}""", false)]
    [InlineData(400, """{"error":"invalid_grant"}""", false)]
    public async Task A_gateway_without_an_answer_and_an_answer_that_cannot_be_read_count_as_lost(int status, string body, bool isLost)
    {
        _server.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Json(body, status));

        (await RefreshAsync("1//any")).Should().BeOfType<TokenResponse.Failed>().Which.IsUnanswered.Should().Be(isLost);
    }

    [Fact]
    public async Task A_body_of_ten_megabytes_is_an_invalid_response()
    {
        _server.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Json("{\"access_token\":\"" + new string('x', 10_000_000) + "\"}"));

        var failed = (TokenResponse.Failed)await RefreshAsync("1//any");

        failed.Kind.Should().Be(FailureKind.InvalidResponse);
        failed.Detail.Should().Contain("longer than 65536 bytes");
    }

    [Fact]
    public async Task A_stall_after_the_headers_ends_with_the_timeout()
    {
        _server.AddAccount("marcus", "1//marked-refresh-token");
        _server.Next("marcus", ScriptedAnswer.Stall);

        var refresh = RefreshAsync("1//marked-refresh-token");
        await Eventually.IsTrueAsync(() => _server.Requests.Count == 1);
        _time.Advance(TimeSpan.FromSeconds(29));
        refresh.IsCompleted.Should().BeFalse();
        _time.Advance(TimeSpan.FromSeconds(2));

        var failed = (TokenResponse.Failed)await refresh.WaitAsync(Limit);
        failed.Kind.Should().Be(FailureKind.ProviderUnavailable);
        failed.Detail.Should().EndWith("sent no complete response within 30 s");
    }

    [Fact]
    public async Task A_timeout_after_the_reply_was_read_does_not_discard_the_token()
    {
        var grant = _server.AddAccount("marcus");
        var release = new TaskCompletionSource();
        var date = new Dictionary<string, string> { ["Retry-After"] = DateTimeOffset.UtcNow.ToString("R") };
        _server.Next("marcus", ScriptedAnswer.Held(release.Task) with { Headers = date });

        var refresh = RefreshAsync(grant.RefreshToken);
        await Eventually.IsTrueAsync(() => _server.Requests.Count == 1);
        // Comparing the date with the clock is the last thing that happens to a reply, and the clock jumps there.
        _time.AutoAdvanceAmount = TimeSpan.FromSeconds(31);
        release.SetResult();

        (await refresh.WaitAsync(Limit)).Should().BeOfType<TokenResponse.Granted>();
    }

    [Fact]
    public async Task A_cut_connection_and_a_missing_server_are_transient()
    {
        _server.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Cut);
        var cut = (TokenResponse.Failed)await RefreshAsync("1//any");
        await _server.DisposeAsync();
        var absent = (TokenResponse.Failed)await RefreshAsync("1//any");

        cut.Kind.Should().Be(FailureKind.ProviderUnavailable);
        _server.Requests.Should().ContainSingle("a request whose response was lost is not repeated");
        absent.Kind.Should().Be(FailureKind.ProviderUnavailable);
        absent.Detail.Should().Contain("127.0.0.1").And.Contain("Connection refused");
    }

    [Fact]
    public async Task A_server_without_a_valid_TLS_handshake_receives_no_secret()
    {
        using var test = ProviderFor(new Uri($"https://127.0.0.1:{_server.Address.Port}/token"));

        var failed = (TokenResponse.Failed)await test.Provider.RefreshAsync(Request("1//any"), CancellationToken.None).WaitAsync(Limit);

        failed.Kind.Should().Be(FailureKind.ProviderUnavailable);
        _server.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task No_failure_repeats_a_secret_that_the_server_echoes()
    {
        var echo = """{"error":"ERROR","error_description":"1//marked-refresh-token GOCSPX-marked-client-secret ya29.marked-access","access_token":"ya29.marked-access"}""";
        foreach (var status in (int[])[200, 307, 400, 401, 403, 404, 408, 429, 500, 503])
        {
            foreach (var error in (string[])["invalid_grant", "invalid_client", "invalid_request", "marked-refresh-token", "1//marked-refresh-token"])
            {
                _server.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Json(echo.Replace("ERROR", error), status));

                var answer = (TokenResponse.Failed)await RefreshAsync("1//marked-refresh-token");

                answer.ToString().Should().NotContain("marked");
            }
        }
    }

    [Fact]
    public async Task Each_of_many_concurrent_refreshes_gets_its_own_response_over_few_connections()
    {
        var tokens = Enumerable.Range(0, 200).Select(number => _server.AddAccount($"account-{number}").RefreshToken).ToArray();
        _server.Next(tokens[7], ScriptedAnswer.InvalidGrant);
        var answers = new TokenResponse[tokens.Length];

        await Parallel.ForAsync(0, tokens.Length, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (index, _) => answers[index] = await RefreshAsync(tokens[index]));

        answers[7].Should().BeOfType<TokenResponse.Failed>();
        var granted = answers.OfType<TokenResponse.Granted>().Select(answer => answer.AccessToken.Reveal()).ToArray();
        granted.Should().HaveCount(199).And.OnlyHaveUniqueItems();
        _server.ConnectionCount.Should().BeLessThanOrEqualTo(16);
    }

    [Fact]
    public async Task A_token_is_revoked_in_the_body_and_an_invalid_one_counts_as_revoked()
    {
        var grant = _server.AddAccount("marcus");

        (await _test.Provider.RevokeAsync(null, Token(grant.RefreshToken), CancellationToken.None)).Should().Be(new RevocationResponse(true, ""));
        (await _test.Provider.RevokeAsync(null, Token(grant.RefreshToken), CancellationToken.None)).Should().Be(new RevocationResponse(true, ""));
        _server.Requests[0].Form.Should().Equal(new Dictionary<string, string> { ["token"] = grant.RefreshToken });
        (await RefreshAsync(grant.RefreshToken)).Should().BeOfType<TokenResponse.Failed>();

        _server.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.ServerError());
        var failed = await _test.Provider.RevokeAsync(null, Token("1//marked-refresh-token"), CancellationToken.None);
        failed.Revoked.Should().BeFalse();
        failed.Detail.Should().Be("HTTP 503: internal_failure");
    }

    [Fact]
    public async Task A_provider_without_a_revocation_endpoint_is_reported_as_such()
    {
        using var test = ProviderFor(_server.TokenEndpoint);

        (await test.Provider.RevokeAsync(null, Token("1//any"), CancellationToken.None)).Detail.Should().Contain("revocation.endpoint of the catalogue entry google");
    }

    private Task<TokenResponse> RefreshAsync(string refreshToken) => _test.Provider.RefreshAsync(Request(refreshToken), CancellationToken.None);

    private static GrantRequest Request(string refreshToken) => new(Client, Token(refreshToken));

    private static TokenSet Token(string refreshToken) => new() { RefreshToken = new(refreshToken) };

    private TestProvider ProviderFor(Uri tokenEndpoint, Uri? revocationEndpoint = null) => new(
        TestDocuments.Google with
        {
            TokenEndpoint = tokenEndpoint,
            Revocation = revocationEndpoint is null ? null : TestDocuments.Google.Revocation! with { Endpoint = revocationEndpoint },
        },
        _time);
}
