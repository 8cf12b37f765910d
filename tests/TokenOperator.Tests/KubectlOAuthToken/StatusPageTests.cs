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
        Page("table").Render([Good], Now).Should().Be(
            """
            NAMESPACE   NAME     READY   STATUS      EXPIRES   NEXT REFRESH
            mail        marcus   True    Refreshed   in 45m    in 30m

            """);
    }

    [Fact]
    public void Problems_are_listed_below_the_table_with_the_next_step()
    {
        Page("table", withNamespace: false).Render([Good, Bad], Now).Should().EndWith(
            """

            mail/marcus: SeedMissing
              About Ready.
              Next: kubectl oauthtoken authorize marcus -n mail, or with a token file: kubectl oauthtoken seed marcus -n mail --from-file token.json

            """);
    }

    [Fact]
    public void Wide_adds_the_account_the_Secret_and_the_last_refresh()
    {
        Page("wide", withNamespace: false).Render([Good], Now)
            .Should().Contain("ACCOUNT").And.Contain("marcus@example.com").And.Contain("marcus-token").And.Contain("15m ago");
    }

    [Fact]
    public void Later_rows_have_no_header_and_keep_the_columns()
    {
        Page("table").RenderNext([Good], Now).Should().Be("mail        marcus   True    Refreshed   in 45m    in 30m\n");
    }

    [Fact]
    public void Colors_show_the_health_and_do_not_move_columns()
    {
        var colored = new StatusPage(OutputFormat.Table, isOne: false, withNamespace: false, new AnsiStyle(IsOn: true)).Render([Good, Bad], Now);
        colored.Should().Contain("\e[32mTrue ").And.Contain("\e[31mFalse");
        System.Text.RegularExpressions.Regex.Replace(colored, "\e\\[[0-9]*m", "").Should().Be(Page("table", withNamespace: false).Render([Good, Bad], Now));
    }

    [Fact]
    public void Json_and_yaml_have_the_documented_fields()
    {
        string[] promised =
        [
            "apiVersion", "kind", "metadata", "provider", "account", "health", "ready", "needsHuman", "persisted", "reason", "message", "nextStep",
            "expiresAt", "lastRefreshTime", "nextRefreshTime", "failures", "secretName",
        ];
        var list = JsonDocument.Parse(Page("json").Render([Bad], Now)).RootElement;
        list.EnumerateObject().Select(field => field.Name).Should().Equal("apiVersion", "kind", "items");
        (list.GetProperty("apiVersion").GetString(), list.GetProperty("kind").GetString()).Should().Be(("v1", "List"));
        var json = list.GetProperty("items")[0];
        json.EnumerateObject().Select(field => field.Name).Should().BeEquivalentTo(promised).And.StartWith(promised[..3]);
        json.GetProperty("kind").GetString().Should().Be("OAuthTokenStatus");
        json.GetProperty("metadata").GetRawText().Should().Contain("\"name\": \"marcus\"").And.Contain("\"namespace\": \"mail\"");
        json.GetProperty("health").GetString().Should().Be("Critical");
        json.GetProperty("ready").GetBoolean().Should().BeFalse();
        var yaml = new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(Page("yaml", isOne: true).Render([Bad], Now));
        yaml.Keys.Should().BeEquivalentTo(promised);
        Page("yaml").Render([Bad], Now).Should().StartWith("apiVersion: \"v1\"\nkind: \"List\"\nitems:\n").And.Contain("expiresAt: \"2026-05-01T12:45:30Z\"", "it is text");
        yaml["expiresAt"].Should().Be("2026-05-01T12:45:30Z");
        var docs = File.ReadAllText(Repository.File("docs/kubectl-plugin.md"));
        promised.Should().OnlyContain(field => docs.Contains($"`{field}`", StringComparison.Ordinal));
    }

    [Fact]
    public void One_named_object_is_not_a_list_and_each_change_is_a_document_of_its_own()
    {
        JsonDocument.Parse(Page("json", isOne: true).Render([Good], Now)).RootElement.GetProperty("kind").GetString().Should().Be("OAuthTokenStatus");
        Page("json").RenderNext([Good, Bad], Now).Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(2).And.OnlyContain(line => line.StartsWith("{\"apiVersion\":", StringComparison.Ordinal));
        Page("yaml").RenderNext([Good, Bad], Now).Split("---\n").Should().HaveCount(3);
    }

    [Fact]
    public void Name_and_jsonpath_print_what_kubectl_prints()
    {
        Page("name").Render([Good, Bad], Now).Should().Be("oauthtoken.tokenoperator.dev/marcus\noauthtoken.tokenoperator.dev/marcus\n");
        Page("jsonpath={.items[?(@.ready==true)].metadata.name}").Render([Good, Bad], Now).Should().Be("marcus");
        Page("jsonpath={.metadata.namespace}/{.reason}", isOne: true).Render([Good], Now).Should().Be("mail/Refreshed");
        Page("jsonpath={.reason}{\"\\n\"}").RenderNext([Good, Bad], Now).Should().Be("Refreshed\nSeedMissing\n");
    }

    [Theory]
    [InlineData("xml", "The output format \"xml\" does not exist. The formats are: table, wide, name, json, yaml, jsonpath=TEMPLATE, jsonpath-file=FILE.*")]
    [InlineData("josn", "*Did you mean json?")]
    [InlineData("jsonpath", "The output format jsonpath needs a template, such as *")]
    [InlineData("jsonpath=", "The output format jsonpath needs a template, such as *")]
    [InlineData("jsonpath={.a", "The jsonpath template {.a is not valid: unclosed action.")]
    [InlineData("jsonpath-file=/does/not/exist", "The template cannot be read: *")]
    public void A_format_that_does_not_exist_is_refused_with_the_ones_that_do(string text, string message) =>
        FluentActions.Invoking(() => OutputFormat.Parse(text)).Should().Throw<PluginException>().WithMessage(message);

    [Fact]
    public void A_template_in_a_file_is_read()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, "{.items[0].reason}");
        Page($"jsonpath-file={file}").Render([Good], Now).Should().Be("Refreshed");
        File.Delete(file);
    }

    private static StatusPage Page(string format, bool withNamespace = true, bool isOne = false) => new(OutputFormat.Parse(format), isOne, withNamespace, Plain);

    [Theory]
    [InlineData("2026-05-01T12:00:42Z", "in 42s")]
    [InlineData("2026-05-01T13:59:00Z", "in 119m")]
    [InlineData("2026-05-01T09:00:00Z", "3h ago")]
    [InlineData("2026-04-01T12:00:00Z", "30d ago")]
    [InlineData("soon", "-")]
    [InlineData(null, "-")]
    public void Times_are_shown_relative_to_now(string? time, string shown) => StatusPage.Ago(time, Now).Should().Be(shown);
}
