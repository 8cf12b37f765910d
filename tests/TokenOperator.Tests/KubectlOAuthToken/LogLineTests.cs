using KubectlOAuthToken.Output;
using KubeRuntime;

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
    public void A_line_that_names_the_object_is_about_it(string line) =>
        LogLine.Read($"2026-05-01T12:00:00.1Z {line}")!.IsAbout(Marcus).Should().BeTrue();

    [Theory]
    [InlineData("""{"LogLevel":"Information","Message":"m","State":{"Namespace":"mail","Name":"marcus-2"}}""")]
    [InlineData("""{"LogLevel":"Information","Message":"m","State":{"Namespace":"other","Name":"marcus"}}""")]
    [InlineData("12:00:00 info: Refreshed mail/marcus-2.")]
    [InlineData("12:00:00 info: Refreshed mail/marcus.example.")]
    [InlineData("12:00:00 info: Refreshed e-mail/marcus.")]
    public void A_line_that_names_a_similar_object_is_not_about_it(string line) =>
        LogLine.Read($"2026-05-01T12:00:00.1Z {line}")!.IsAbout(Marcus).Should().BeFalse();

    [Fact]
    public void JSON_becomes_level_and_message_without_control_characters()
    {
        LogLine.Read("""2026-05-01T12:00:00.1Z {"LogLevel":"Warning","Message":"a\u001b[2Jb"}""")!.Text.Should().Be("Warning: a?[2Jb");
        LogLine.Read("2026-05-01T12:00:00.1Z not json")!.Text.Should().Be("not json");
        LogLine.Read("nothing").Should().BeNull();
    }
}
