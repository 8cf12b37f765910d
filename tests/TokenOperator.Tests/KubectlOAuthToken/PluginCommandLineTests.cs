using KubectlOAuthToken;
using KubectlOAuthToken.Verbs;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class PluginCommandLineTests
{
    [Theory]
    [InlineData("staus", "The verb staus does not exist. Did you mean status?")]
    [InlineData("fly", "The verb fly does not exist.")]
    [InlineData("status --wacth", "The option --wacth does not exist. Did you mean --watch?")]
    [InlineData("refresh --wiat marcus", "The option --wiat does not exist. Did you mean --wait?")]
    [InlineData("status --contxet=x", "The option --contxet does not exist. Did you mean --context?")]
    [InlineData("status oauthtoken/marcus", "\"oauthtoken/marcus\" is not a name. Enter the name alone, such as marcus.")]
    [InlineData("status -o josn", "The output format \"josn\" does not exist. The formats are: table, wide, name, json, yaml, jsonpath=TEMPLATE, jsonpath-file=FILE. Did you mean json?")]
    [InlineData("status marcus -l app=x", "A NAME and a selector cannot be combined. Omit one of them.")]
    [InlineData("status --request-timeout soon", "--request-timeout is \"soon\". Enter a number of seconds or a duration such as 500ms, 10s or 1m30s; 0 for no limit.")]
    [InlineData("doctor --wacth", "The option --wacth does not exist.")]
    [InlineData("doctor --postgres", "The plugin does not connect to Postgres. To check the connection and the table, run: token-operator migrate status")]
    [InlineData("refresh --timeout soon marcus", "--timeout is \"soon\". Enter a duration such as 90s or 5m.")]
    [InlineData("authorize marcus --port 70000", "--port must be a number from 1 to 65535.")]
    [InlineData("authorize marcus --redirect-uri http://192.0.2.1/", "--redirect-uri must be an address that starts with https://, without a user name and a fragment (#).")]
    [InlineData("authorize marcus --redirect-uri https://marcus@localhost/", "--redirect-uri must be an address that starts with https://, without a user name and a fragment (#).")]
    [InlineData("authorize marcus --redirect-uri https://Localhost:443", "--redirect-uri is sent as https://localhost/. Register this address, and enter it here.")]
    [InlineData("authorize marcus --redirect-uri localhost", "--redirect-uri must be an address that starts with https://, without a user name and a fragment (#).")]
    [InlineData("authorize marcus --redirect-uri https://localhost/ --port 8765", "--redirect-uri and --port cannot be combined, because the address has a host and a port.")]
    [InlineData("authorize marcus --redirect-uri https://localhost/ --device", "--device and --redirect-uri cannot be combined, because a code needs no redirect.")]
    [InlineData("refresh", "Required argument 'NAME' missing for command: 'refresh'.")]
    public void A_wrong_command_line_gets_one_line_that_names_the_wrong_word(string words, string error) =>
        PluginCommandLine.Errors(PluginCommandLine.Build(TimeProvider.System).Parse(words.Split(' '))).Should().Equal(error);

    [Fact]
    public void Each_verb_has_an_example()
    {
        PluginCommandLine.Build(TimeProvider.System).Subcommands.Where(verb => !verb.Hidden).Should().AllSatisfy(
            verb => verb.Should().BeOfType<Verb>().Which.Examples.Should().NotBeEmpty().And.OnlyContain(example => example.StartsWith(verb.Name, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("doctor -n mail")]
    [InlineData("refresh --wiat --help")]
    [InlineData("__complete status --all")]
    [InlineData("seed marcus --from-file -")]
    [InlineData("status -ojson")]
    [InlineData("status -o=json")]
    [InlineData("status --output=jsonpath={.items[*].metadata.name}")]
    [InlineData("status -l app=x,tier!=test -A")]
    [InlineData("--cluster c --user u -s https://127.0.0.1 --request-timeout=0 status")]
    [InlineData("status --request-timeout 10")]
    [InlineData("status --request-timeout 1m30s")]
    [InlineData("status --request-timeout=500ms")]
    public void A_valid_command_line_and_a_call_for_help_or_completion_have_no_errors(string words) =>
        PluginCommandLine.Errors(PluginCommandLine.Build(TimeProvider.System).Parse(words.Split(' '))).Should().BeEmpty();

    [Fact]
    public void A_hidden_option_is_not_completed() =>
        CompletionVerb.Complete(PluginCommandLine.Build(TimeProvider.System), ["doctor", "--"]).Should().Contain("--operator-namespace").And.NotContain("--postgres");

    [Theory]
    [InlineData("provider ", "check")]
    [InlineData("provider ch", "check")]
    [InlineData("provider check sales", "salesforce")]
    [InlineData("provider check --yes sales", "salesforce")]
    [InlineData("provider check --client-file credentials.json --yes sales", "salesforce")]
    [InlineData("provider check google --ye", "--yes")]
    [InlineData("provider check google --token-", "--token-endpoint,--token-file")]
    [InlineData("provider check google --name", "--namespace")]
    public void A_verb_below_another_one_is_completed_like_any_verb(string typed, string offered) =>
        CompletionVerb.Complete(PluginCommandLine.Build(TimeProvider.System), typed.Split(' ')).Should().BeEquivalentTo(offered.Split(','));
}
