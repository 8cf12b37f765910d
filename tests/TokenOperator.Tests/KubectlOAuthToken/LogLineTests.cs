using KubeRuntime;
using KubectlOAuthToken;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class LogLineTests
{
    private static readonly NamespacedName Marcus = new("mail", "marcus");

    [Theory]
    [InlineData("""{"LogLevel":"Information","Message":"Refreshed it.","State":{"Namespace":"mail","Name":"marcus"}}""")]
    [InlineData("""{"LogLevel":"Information","Message":"Refreshed it.","Scopes":["x",{"Message":"s","namespace":"mail","name":"marcus","ReconcileId":"1"}]}""")]
    [InlineData("""{"LogLevel":"Warning","Message":"mail/marcus: it failed.","State":{}}""")]
    [InlineData("""{"LogLevel":"Warning","Message":"It failed.","State":{"Key":"mail/marcus"}}""")]
    [InlineData("12:00:00 info: TokenOperator[1] Refreshed mail/marcus.")]
    public void A_line_that_names_the_object_in_any_form_is_about_it(string line) =>
        LogLine.Read($"2026-05-01T12:00:00.1Z {line}")!.IsAbout(Marcus).Should().BeTrue();

    [Theory]
    [InlineData("""{"LogLevel":"Information","Message":"m","State":{"Namespace":"mail","Name":"marcus-2"}}""")]
    [InlineData("""{"LogLevel":"Information","Message":"m","State":{"Namespace":"other","Name":"marcus"}}""")]
    [InlineData("12:00:00 info: Refreshed mail/marcus-2.")]
    [InlineData("12:00:00 info: Refreshed mail/marcus.example.")]
    [InlineData("12:00:00 info: Refreshed e-mail/marcus.")]
    public void A_line_about_an_object_of_a_similar_name_is_not(string line) =>
        LogLine.Read($"2026-05-01T12:00:00.1Z {line}")!.IsAbout(Marcus).Should().BeFalse();

    [Fact]
    public void JSON_is_shown_as_level_and_message_and_nothing_steers_the_terminal()
    {
        LogLine.Read("""2026-05-01T12:00:00.1Z {"LogLevel":"Warning","Message":"a\u001b[2Jb"}""")!.Text.Should().Be("Warning: a?[2Jb");
        LogLine.Read("2026-05-01T12:00:00.1Z not json")!.Text.Should().Be("not json");
        LogLine.Read("nothing").Should().BeNull();
    }
}
