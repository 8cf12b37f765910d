using System.Text;
using System.Text.Json.Nodes;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Checks;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers.Checks;

public sealed class CheckReportTests
{
    private static readonly ProviderDocument Provider = TestDocuments.Read("tokenEndpoint: https://idp.example.com/token");

    private static readonly ObservedFailure InvalidGrant = new(400, "invalid_grant", FailureKind.ReauthorizationRequired, "HTTP 400: invalid_grant");
    private static readonly ObservedFailure InvalidClient = new(401, "invalid_client", FailureKind.ClientRejected, "HTTP 401: invalid_client");

    private static ObservedRefresh.Succeeded Refreshed(ReturnedToken returned, int? seconds = 3600) =>
        new(returned, seconds is { } lifetime ? TimeSpan.FromSeconds(lifetime) : null, null);

    [Theory]
    [InlineData(ReturnedToken.New, ReturnedToken.New, "  mode: always # the document says sometimes")]
    [InlineData(ReturnedToken.New, ReturnedToken.Same, "  mode: sometimes")]
    [InlineData(ReturnedToken.Absent, ReturnedToken.New, "  mode: sometimes")]
    [InlineData(ReturnedToken.New, null, "  mode: sometimes")]
    [InlineData(ReturnedToken.Absent, null, "  mode: sometimes")]
    [InlineData(ReturnedToken.Absent, ReturnedToken.Absent, "  mode: never # the document says sometimes")]
    [InlineData(ReturnedToken.Same, ReturnedToken.Same, "  mode: never # the document says sometimes")]
    public void Two_refreshes_show_whether_the_refresh_token_changes(ReturnedToken first, ReturnedToken? second, string line) =>
        Lines(new CheckObservations { First = Refreshed(first), Second = second is { } token ? Refreshed(token) : null }).Should().Contain(line);

    [Theory]
    [InlineData(false, false, "  onReplay: revokesGrant")]
    [InlineData(false, true, "  onReplay: error")]
    [InlineData(true, true, "  onReplay: same")]
    [InlineData(true, false, "  onReplay: revokesGrant")]
    public void A_replay_shows_what_the_use_of_a_replaced_token_does(bool works, bool isAlive, string line)
    {
        var replay = new ObservedReplay(TimeSpan.FromSeconds(2), works ? Refreshed(ReturnedToken.New) : new ObservedRefresh.Failed(InvalidGrant), isAlive);

        var lines = Lines(new CheckObservations { First = Refreshed(ReturnedToken.New), Second = Refreshed(ReturnedToken.New), Replay = replay });

        lines.Should().Contain(line);
        lines.Contains("  grace: 0s").Should().Be(!works);
    }

    [Fact]
    public void Client_authentication_is_judged_only_where_a_wrong_secret_can_be_told_from_a_wrong_token()
    {
        var others = new[] { new ObservedAuthentication(new ClientAuthentication { Method = ClientAuthenticationMethod.Basic }, InvalidClient) };
        var seen = new CheckObservations { WrongToken = InvalidGrant, WrongSecret = InvalidClient, Authentications = others };

        Lines(seen).Should().ContainInOrder("clientAuthentication:", "  method: post");
        CheckReport.Of(Provider, seen).Findings.Should().Contain("The client authentication basic was refused: HTTP 401: invalid_client.");
        CheckReport.Of(Provider, seen with { WrongSecret = InvalidGrant }).Findings.Should().Contain(finding => finding.Contains("cannot tell"));
        Lines(seen with { WrongSecret = InvalidGrant }).Should().NotContain("clientAuthentication:");
    }

    [Fact]
    public void The_only_other_authentication_that_is_accepted_is_proposed_for_one_that_is_refused()
    {
        ObservedAuthentication[] others =
        [
            new(new ClientAuthentication { Method = ClientAuthenticationMethod.Basic }, InvalidGrant),
            new(new ClientAuthentication { Method = ClientAuthenticationMethod.None }, InvalidClient),
        ];

        Lines(new CheckObservations { WrongToken = InvalidClient, WrongSecret = InvalidClient, Authentications = others }).Should().ContainInOrder("clientAuthentication:", "  method: basic");
    }

    [Theory]
    [InlineData(400, "invalid_request", FailureKind.RequestRejected, "    - {status: 400, code: invalid_request, class: reauthorize}")]
    [InlineData(200, "bad \"token\"", FailureKind.InvalidResponse, "    - {status: 200, code: \"bad \\u0022token\\u0022\", class: reauthorize}")]
    [InlineData(400, null, FailureKind.InvalidResponse, "    - {status: 400, class: reauthorize}")]
    public void A_wrong_token_that_the_document_does_not_know_becomes_a_rule(int status, string? code, FailureKind kind, string line) =>
        Lines(new CheckObservations { WrongToken = new(status, code, kind, "detail") }).Should().Contain(line);

    [Theory]
    [InlineData(400, FailureKind.ReauthorizationRequired)]
    [InlineData(503, FailureKind.ProviderUnavailable)]
    [InlineData(429, FailureKind.RateLimited)]
    [InlineData(0, FailureKind.ProviderUnavailable)]
    public void An_answer_that_is_known_or_says_nothing_becomes_no_rule(int status, FailureKind kind) =>
        Lines(new CheckObservations { WrongToken = new(status, "x", kind, "detail") }).Should().NotContain("errors:");

    [Fact]
    public void A_response_without_a_lifetime_asks_for_a_default()
    {
        Lines(new CheckObservations { First = Refreshed(ReturnedToken.Same, seconds: null) }).Should().Contain("expiry:");
        Lines(new CheckObservations { First = Refreshed(ReturnedToken.Same, seconds: 600) }).Should().NotContain("expiry:");
    }

    [Fact]
    public void Nothing_is_concluded_from_nothing() => CheckReport.Of(Provider, new CheckObservations()).Should().BeEquivalentTo(new CheckReport([], [CheckReport.Extends + "test"]));

    [Fact]
    public void A_discovery_document_is_compared_by_what_it_says()
    {
        var provider = TestDocuments.Read(
            """
            tokenEndpoint: https://idp.example.com/token
            authorizationEndpoint: https://idp.example.com/authorize
            authorization: {pkce: off}
            identity: {issuers: ["https://idp.example.com"]}
            clientAuthentication: {method: basic}
            """);
        var discovery = DiscoveryDocument.Read(Encoding.UTF8.GetBytes(
            """
            {"issuer": "https://idp.example.com", "token_endpoint": "https://idp.example.com/v2/token", "authorization_endpoint": "https://idp.example.com/authorize",
             "device_authorization_endpoint": "https://idp.example.com/device", "code_challenge_methods_supported": ["plain", "S256"],
             "token_endpoint_auth_methods_supported": ["client_secret_post"], "unknown": {"a": 1}}
            """))!;

        DiscoveryDifference.Find(provider, discovery).Select(difference => difference.Field).Should().Equal(
            "tokenEndpoint", "deviceAuthorizationEndpoint", "authorization.pkce", "clientAuthentication.method");
        DiscoveryDifference.Find(provider, new DiscoveryDocument()).Should().BeEmpty("an absent field says nothing");
        Lines(new CheckObservations { Discovery = discovery }, provider).Should().Contain(["tokenEndpoint: https://idp.example.com/v2/token", "  pkce: S256"]);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("nonsense")]
    [InlineData("")]
    public void What_is_no_JSON_object_is_no_discovery_document(string text) => DiscoveryDocument.Read(Encoding.UTF8.GetBytes(text)).Should().BeNull();

    [Theory]
    [InlineData(false, false, "")]
    [InlineData(true, false, "SendWrongToken TryAuthentications")]
    [InlineData(true, true, "SendWrongToken TryAuthentications Refresh RefreshAgain Replay")]
    public void The_plan_follows_from_what_a_person_offers(bool hasClient, bool hasToken, string steps) =>
        string.Join(' ', CheckPlan.Of(Provider, hasClient, hasToken).Select(step => step.Step)).Should().Be(steps);

    [Fact]
    public void Only_the_replay_can_end_the_grant_and_only_discovery_sends_no_secret()
    {
        var plan = CheckPlan.Of(TestDocuments.Google, hasClient: true, hasToken: true);

        plan.Where(step => step.Risk == CheckRisk.CanEndGrant).Select(step => step.Step).Should().Equal(CheckStep.Replay);
        plan.Where(step => step.Risk == CheckRisk.None).Select(step => step.Step).Should().Equal(CheckStep.ReadDiscovery);
    }

    /// <summary>The lines, which must be a valid document that extends the checked one.</summary>
    private static IReadOnlyList<string> Lines(CheckObservations seen, ProviderDocument? provider = null)
    {
        var lines = CheckReport.Of(provider ?? Provider, seen).Yaml;
        var json = YamlInput.Read(string.Join('\n', lines), out var error);
        error.Should().BeNull();
        var @base = new SourceDocument("test", DocumentSource.Catalogue, "test", new JsonObject { ["tokenEndpoint"] = "https://idp.example.com/token" });
        ProviderResolver.Resolve([@base, new SourceDocument("test", DocumentSource.Folder, "test", json!)])["test"].Errors.Should().BeEmpty();
        return lines;
    }
}
