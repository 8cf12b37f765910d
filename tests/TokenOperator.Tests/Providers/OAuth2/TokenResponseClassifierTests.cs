using System.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Tests.Providers.OAuth2;

public sealed class TokenResponseClassifierTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly SecretValue RefreshToken = new("1//marked-refresh-token");
    private static readonly SecretValue ClientSecret = new("GOCSPX-marked/client+secret");

    [Theory]
    [InlineData(400, """{"error":"invalid_grant","error_description":"Token has been expired or revoked."}""", FailureKind.ReauthorizationRequired)]
    [InlineData(400, """{"error":"invalid_grant","error_description":"Bad Request"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(400, """{"error":"invalid_grant"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(400, """{"error":"invalid_grant","error_subtype":"invalid_rapt"}""", FailureKind.SessionPolicyReauth)]
    [InlineData(400, """{"error":"invalid_grant","error_subtype":"rapt_required"}""", FailureKind.SessionPolicyReauth)]
    [InlineData(400, """{"error":"admin_policy_enforced"}""", FailureKind.AdminPolicyBlocked)]
    [InlineData(401, """{"error":"invalid_client"}""", FailureKind.ClientRejected)]
    [InlineData(401, """{"error":"deleted_client"}""", FailureKind.ClientRejected)]
    [InlineData(401, """{"error":"disabled_client"}""", FailureKind.ClientRejected)]
    [InlineData(401, """{"error":"unauthorized_client"}""", FailureKind.RequestRejected)]
    [InlineData(400, """{"error":"INVALID_CLIENT"}""", FailureKind.ClientRejected)]
    [InlineData(403, """{"error":"rate_limit_exceeded"}""", FailureKind.RateLimited)]
    [InlineData(403, """{"error":"rateLimitExceeded"}""", FailureKind.RateLimited)]
    [InlineData(403, """{"error":"userRateLimitExceeded"}""", FailureKind.RateLimited)]
    [InlineData(400, """{"error":"too_many_requests"}""", FailureKind.RateLimited)]
    [InlineData(403, """{"error":"slow_down"}""", FailureKind.RateLimited)]
    [InlineData(200, """{"error":"ratelimited"}""", FailureKind.RateLimited)]
    [InlineData(403, """{"error":{"code":403,"status":"RESOURCE_EXHAUSTED"}}""", FailureKind.RateLimited)]
    [InlineData(401, """{"error":"token_expired"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(401, """{"error":"login_required"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(403, """{"error":"access_denied"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(400, """{"error":"interaction_required"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(403, """{"error":"consent_required"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(401, """{"error":"invalid_token"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(401, """{"error":"token_revoked"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(403, """{"error":"accountDisabled"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(403, """{"error":"org_internal"}""", FailureKind.AdminPolicyBlocked)]
    [InlineData(503, """{"error":"access_denied"}""", FailureKind.ProviderUnavailable)]
    [InlineData(401, """{"error":"something_new"}""", FailureKind.InvalidResponse)]
    [InlineData(401, "{}", FailureKind.InvalidResponse)]
    [InlineData(400, """{"error":"invalid_request"}""", FailureKind.RequestRejected)]
    [InlineData(400, """{"error":"invalid_scope"}""", FailureKind.RequestRejected)]
    [InlineData(400, """{"error":"unsupported_grant_type"}""", FailureKind.RequestRejected)]
    [InlineData(400, """{"error":"server_error"}""", FailureKind.ProviderUnavailable)]
    [InlineData(400, """{"error":"temporarily_unavailable"}""", FailureKind.ProviderUnavailable)]
    [InlineData(400, """{"error":"internal_failure"}""", FailureKind.ProviderUnavailable)]
    [InlineData(408, "", FailureKind.ProviderUnavailable)]
    [InlineData(429, "", FailureKind.RateLimited)]
    [InlineData(429, """{"error":"invalid_grant"}""", FailureKind.RateLimited)]
    [InlineData(403, "<html>", FailureKind.RateLimited)]
    [InlineData(500, """{"error":"internal_failure"}""", FailureKind.ProviderUnavailable)]
    [InlineData(502, "<html>", FailureKind.ProviderUnavailable)]
    [InlineData(503, """{"error":"invalid_grant"}""", FailureKind.ProviderUnavailable)]
    [InlineData(504, "", FailureKind.ProviderUnavailable)]
    [InlineData(200, """{"error":"invalid_grant"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(200, "", FailureKind.InvalidResponse)]
    [InlineData(200, "<html>", FailureKind.InvalidResponse)]
    [InlineData(200, "{}", FailureKind.InvalidResponse)]
    [InlineData(200, "[]", FailureKind.InvalidResponse)]
    [InlineData(200, "null", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"","expires_in":3599}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":5,"expires_in":3599}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a\nb","expires_in":3599}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"\ud800","expires_in":3599}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":null}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":"soon"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":0}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":-1}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":1}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":1e-7}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":1e-300}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":"4.999"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":"-1e9"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":"NaN"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":"Infinity"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":1e28}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":315360001}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"access_token":"a","expires_in":1e400}""", FailureKind.InvalidResponse)]
    [InlineData(204, "", FailureKind.InvalidResponse)]
    [InlineData(302, "", FailureKind.InvalidResponse)]
    [InlineData(307, """{"error":"invalid_grant"}""", FailureKind.InvalidResponse)]
    [InlineData(400, "", FailureKind.InvalidResponse)]
    [InlineData(400, """{"error":"something_new"}""", FailureKind.InvalidResponse)]
    [InlineData(400, """{"error":{"code":400}}""", FailureKind.InvalidResponse)]
    [InlineData(404, "<html>", FailureKind.InvalidResponse)]
    public void Each_error_response_is_classified(int status, string body, FailureKind kind)
    {
        var failed = Classify(status, body).Should().BeOfType<TokenResponse.Failed>().Subject;

        failed.Kind.Should().Be(kind);
        failed.Detail.Should().StartWith($"HTTP {status}: ");
    }

    [Theory]
    [InlineData("""{"access_token":"a","expires_in":3599,"scope":"x y","token_type":"bearer"}""", 3599)]
    [InlineData("""{"access_token":"a","expires_in":"3599","scope":["x","y"]}""", 3599)]
    [InlineData("""{"access_token":"a","expires_in":5.5,"scope":" x  y ","token_type":7,"refresh_token":""}""", 5.5)]
    [InlineData("""{"access_token":"a","expires_in":315360000,"scope":"x y","refresh_token":null,"unknown":{}}""", 315360000)]
    public void A_token_is_granted_in_every_notation(string body, double seconds)
    {
        Classify(200, body).Should().BeEquivalentTo(
            new TokenResponse.Granted(new("a"), TimeSpan.FromSeconds(seconds), "Bearer", ["x", "y"], null, null));
    }

    [Fact]
    public void A_new_refresh_token_and_its_lifetime_are_read()
    {
        var granted = (TokenResponse.Granted)Classify(200, """{"access_token":"a","expires_in":60,"refresh_token":"new","refresh_token_expires_in":604799}""");

        granted.RefreshToken!.Reveal().Should().Be("new");
        granted.RefreshTokenExpiresIn.Should().Be(TimeSpan.FromSeconds(604799));
        granted.Scopes.Should().BeNull("the reply names none");
    }

    [Fact]
    public void A_new_refresh_token_in_a_useless_reply_is_returned()
    {
        var failed = (TokenResponse.Failed)Classify(200, """{"access_token":"a","refresh_token":"new-refresh-token"}""");

        failed.RefreshToken!.Reveal().Should().Be("new-refresh-token");
    }

    [Fact]
    public void A_new_refresh_token_that_comes_with_a_lifetime_that_is_too_short_is_returned() =>
        ((TokenResponse.Failed)Classify(200, """{"access_token":"a","expires_in":1,"refresh_token":"new-refresh-token"}""")).RefreshToken!.Reveal().Should().Be("new-refresh-token");

    [Fact]
    public void An_unknown_code_is_shown()
    {
        ((TokenResponse.Failed)Classify(403, """{"error":"something_new","error_description":"ask them"}""")).Detail.Should().Be("HTTP 403: something_new: ask them");
        ((TokenResponse.Failed)Classify(403, """{"error":{"code":403,"status":"SOMETHING_NEW"}}""")).Detail.Should().Be("HTTP 403: SOMETHING_NEW");
    }

    [Theory]
    [InlineData(20, 20)]
    [InlineData(86400, 3600)]
    public void Retry_After_is_returned_up_to_an_hour(int asked, int given)
    {
        var reply = TokenEndpointReply.Read(TestDocuments.Google, new RawReply(503, TimeSpan.FromSeconds(asked), null, default));

        ((TokenResponse.Failed)TokenResponseClassifier.Classify(TestDocuments.Google, reply, Now)).RetryAfter.Should().Be(TimeSpan.FromSeconds(given));
    }

    [Fact]
    public void The_detail_contains_the_servers_error()
    {
        var failed = (TokenResponse.Failed)Classify(400, """{"error":"invalid_grant","error_subtype":"invalid_rapt","error_description":"reauth related error"}""");

        failed.Detail.Should().Be("HTTP 400: invalid_grant (invalid_rapt): reauth related error");
    }

    [Theory]
    [InlineData("1//marked-refresh-token is dead")]
    [InlineData("token 1%2F%2Fmarked-refresh-token is dead")]
    [InlineData("token 1//marked-refr... is dead")]
    [InlineData("GOCSPX-MARKED/client+secret")]
    [InlineData("GOCSPX-marked%2Fclient%2Bsecret")]
    public void A_description_with_a_secret_or_part_of_one_is_not_shown_but_the_code_is(string description)
    {
        var failed = (TokenResponse.Failed)Classify(400, $$"""{"error":"invalid_grant","error_description":"{{description}}","id_token":"x"}""");

        failed.Detail.Should().Be($"HTTP 400: invalid_grant: {Redactor.Hidden}");
    }

    [Fact]
    public void A_code_that_is_a_secret_is_not_shown() =>
        ((TokenResponse.Failed)Classify(400, """{"error":"1//marked-refresh-token"}""")).Detail.Should().NotContainEquivalentOf("marked");

    [Theory]
    [InlineData("Bearer", "Bearer")]
    [InlineData("bEARER", "Bearer")]
    [InlineData("DPoP", "DPoP")]
    [InlineData("urn:ietf:params:oauth:token-type:x", "urn:ietf:params:oauth:token-type:x")]
    [InlineData("two words", "Bearer")]
    [InlineData("a\u001b[31m", "Bearer")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789", "Bearer")]
    public void A_type_that_is_no_type_of_RFC_6749_counts_as_Bearer(string type, string expected) =>
        ((TokenResponse.Granted)Classify(200, new System.Text.Json.Nodes.JsonObject { ["access_token"] = "a", ["expires_in"] = 3600, ["token_type"] = type }.ToJsonString()))
            .TokenType.Should().Be(expected);

    [Fact]
    public void Scopes_and_a_type_that_repeat_part_of_a_secret_are_dropped()
    {
        var granted = new TokenResponse.Granted(new SecretValue("access-1"), TimeSpan.FromHours(1), "marked-refresh", ["mail.read", "x-1//marked-refresh-token", "nekot-hserfer"], null, null);

        granted.WithoutEchoes(RefreshToken, null).Should().BeEquivalentTo(granted with { TokenType = "Bearer", Scopes = ["mail.read"] });
        (granted with { Scopes = ["marked-refresh"] }).WithoutEchoes(RefreshToken).Scopes.Should().BeNull();
    }

    [Fact]
    public void A_detail_is_always_printable_and_short()
    {
        var failed = (TokenResponse.Failed)Classify(400, """{"error":"a\u0000\u001b[31m\u202e\ud83d\ude00\r\nb","error_description":"LONG"}""".Replace("LONG", new string('x', 5000)));

        failed.Detail.Should().StartWith("HTTP 400: a [31m b: xxx").And.HaveLength(300).And.EndWith("...");
    }

    [Theory]
    [InlineData(200, "{}", true)]
    [InlineData(200, "", true)]
    [InlineData(400, """{"error":"invalid_token"}""", true)]
    [InlineData(200, """{"ok":false,"error":"token_revoked"}""", true)]
    [InlineData(400, """{"error":"account_inactive"}""", true)]
    [InlineData(401, """{"error":"invalid_token"}""", false)]
    [InlineData(400, """{"error":"token_expired"}""", false)]
    [InlineData(400, """{"error":"invalid_request"}""", false)]
    [InlineData(503, "", false)]
    [InlineData(302, "", false)]
    public void An_invalid_token_counts_as_revoked(int status, string body, bool revoked)
    {
        var answer = TokenResponseClassifier.ClassifyRevocation(TokenEndpointReply.Read(TestDocuments.Google, new RawReply(status, null, "application/json", Encoding.UTF8.GetBytes(body))));

        answer.Revoked.Should().Be(revoked);
        answer.Detail.Length.Should().BeInRange(revoked ? 0 : 1, revoked ? 0 : 300);
    }

    [Fact]
    public void No_reply_means_that_the_provider_is_unavailable_and_shows_no_secret()
    {
        var none = new TokenEndpointResult.NoReply("the request to provider.example failed: 1//marked-refresh-token");

        TokenResponseClassifier.Classify(TestDocuments.Google, none, Now, RefreshToken).Should().Be(new TokenResponse.Failed(FailureKind.ProviderUnavailable, Redactor.Hidden));
        TokenResponseClassifier.ClassifyRevocation(none, RefreshToken).Should().Be(new RevocationResponse(false, Redactor.Hidden));
    }

    [Fact]
    public void No_more_scopes_are_read_than_a_status_can_show()
    {
        var scopes = string.Join(' ', Enumerable.Range(0, 5000).Select(number => $"s{number}"));
        Classify(200, $$"""{"access_token":"a","expires_in":3599,"scope":"{{scopes}}"}""").Should().BeOfType<TokenResponse.Granted>()
            .Which.Scopes.Should().HaveCount(TokenEndpointReply.MaxScopes);
    }

    private static TokenResponse Classify(int status, string body) =>
        TokenResponseClassifier.Classify(TestDocuments.Google, TokenEndpointReply.Read(TestDocuments.Google, new RawReply(status, null, "application/json", Encoding.UTF8.GetBytes(body))), Now, RefreshToken, ClientSecret);
}
