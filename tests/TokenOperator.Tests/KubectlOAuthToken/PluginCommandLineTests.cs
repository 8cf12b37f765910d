using KubectlOAuthToken;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class PluginCommandLineTests
{
    [Theory]
    [InlineData("marcus-gmial", "marcus-gmail")]
    [InlineData("marcus", "marcus-gmail")]
    [InlineData("completely-different", "")]
    public void A_mistyped_name_is_answered_with_those_that_are_near(string typed, string near) =>
        DidYouMean.Of(typed, ["marcus-gmail", "billing", "reports"]).Should().Equal(near.Length == 0 ? [] : [near]);

    [Theory]
    [InlineData("staus", "There is no verb staus. Did you mean status?")]
    [InlineData("fly", "There is no verb fly.")]
    [InlineData("status --wacth", "There is no option --wacth. Did you mean --watch?")]
    [InlineData("refresh --wiat marcus", "There is no option --wiat. Did you mean --wait?")]
    [InlineData("status --contxet=x", "There is no option --contxet. Did you mean --context?")]
    [InlineData("status oauthtoken/marcus", "\"oauthtoken/marcus\" is no name; the name alone is expected, such as marcus.")]
    [InlineData("status -o josn", "Argument 'josn' not recognized. Must be one of: 'table' 'wide' 'json' 'yaml'")]
    [InlineData("refresh", "Required argument 'NAME' missing for command: 'refresh'.")]
    public void Words_that_are_not_right_are_answered_with_one_line_that_names_them(string words, string error) =>
        PluginCommandLine.Errors(PluginCommandLine.Build().Parse(words.Split(' '))).Should().Equal(error);

    [Fact]
    public void Each_verb_has_an_example()
    {
        PluginCommandLine.Build().Subcommands.Where(verb => !verb.Hidden).Should().AllSatisfy(
            verb => verb.Should().BeOfType<Verb>().Which.Examples.Should().NotBeEmpty().And.OnlyContain(example => example.StartsWith(verb.Name, StringComparison.Ordinal)));
    }
}
