using System.Text.Json;
using KubectlOAuthToken.Output;
using TokenOperator.Api;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class StatusPageTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly AnsiStyle Plain = new(IsOn: false);
    private static readonly TokenStatus Good = TokenStatus.From(TokenStatusTests.Token(), Now);
    private static readonly TokenStatus Bad =
        TokenStatus.From(TokenStatusTests.Token(("Ready", "False", Reasons.SeedMissing), ("Stalled", "True", Reasons.SeedMissing)), Now);

    [Fact]
    public void A_healthy_object_takes_one_line()
    {
        StatusPage.Render("table", [Good], withNamespace: true, Plain, Now).Should().Be(
            """
            NAMESPACE   NAME     READY   STATUS      EXPIRES   NEXT REFRESH
            mail        marcus   True    Refreshed   in 45m    in 30m
            """);
    }

    [Fact]
    public void Problems_are_listed_below_the_table_with_the_next_step()
    {
        StatusPage.Render("table", [Good, Bad], withNamespace: false, Plain, Now).Should().EndWith(
            """

            mail/marcus: SeedMissing
              About Ready.
              Next: kubectl oauthtoken seed marcus -n mail --from-file token.json
            """);
    }

    [Fact]
    public void Wide_adds_the_account_the_Secret_and_the_last_refresh()
    {
        StatusPage.Render("wide", [Good], withNamespace: false, Plain, Now)
            .Should().Contain("ACCOUNT").And.Contain("marcus@example.com").And.Contain("marcus-token").And.Contain("15m ago");
    }

    [Fact]
    public void Later_rows_have_no_header_and_keep_the_columns()
    {
        StatusPage.RenderNext("table", [Good], withNamespace: true, Plain, Now).Should().Be("mail        marcus   True    Refreshed   in 45m    in 30m");
    }

    [Fact]
    public void Colors_show_the_health_and_do_not_move_columns()
    {
        var colored = StatusPage.Render("table", [Good, Bad], withNamespace: false, new AnsiStyle(IsOn: true), Now);
        colored.Should().Contain("\e[32mTrue ").And.Contain("\e[31mFalse");
        System.Text.RegularExpressions.Regex.Replace(colored, "\e\\[[0-9]*m", "").Should().Be(StatusPage.Render("table", [Good, Bad], withNamespace: false, Plain, Now));
    }

    [Fact]
    public void Json_and_yaml_have_the_documented_fields()
    {
        string[] promised =
        [
            "namespace", "name", "provider", "account", "health", "ready", "needsHuman", "persisted", "reason", "message", "nextStep",
            "expiresAt", "lastRefreshTime", "nextRefreshTime", "failures", "secretName",
        ];
        var json = JsonDocument.Parse(StatusPage.Render("json", [Bad], withNamespace: false, Plain, Now)).RootElement.GetProperty("items")[0];
        json.EnumerateObject().Select(field => field.Name).Should().BeEquivalentTo(promised);
        json.GetProperty("health").GetString().Should().Be("Critical");
        json.GetProperty("ready").GetBoolean().Should().BeFalse();
        var yaml = new DeserializerBuilder().Build().Deserialize<Dictionary<string, List<Dictionary<string, string>>>>(StatusPage.Render("yaml", [Bad], withNamespace: false, Plain, Now));
        yaml["items"][0].Keys.Should().BeEquivalentTo(promised);
        StatusPage.Render("yaml", [Bad], withNamespace: false, Plain, Now).Should().Contain("expiresAt: \"2026-05-01T12:45:30Z\"", "it is text");
        yaml["items"][0]["expiresAt"].Should().Be("2026-05-01T12:45:30Z");
        var docs = File.ReadAllText(Repository.File("docs/kubectl-plugin.md"));
        promised.Should().OnlyContain(field => docs.Contains($"`{field}`", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("2026-05-01T12:00:42Z", "in 42s")]
    [InlineData("2026-05-01T13:59:00Z", "in 119m")]
    [InlineData("2026-05-01T09:00:00Z", "3h ago")]
    [InlineData("2026-04-01T12:00:00Z", "30d ago")]
    [InlineData("soon", "-")]
    [InlineData(null, "-")]
    public void Times_are_shown_relative_to_now(string? time, string shown) => StatusPage.Ago(time, Now).Should().Be(shown);
}
