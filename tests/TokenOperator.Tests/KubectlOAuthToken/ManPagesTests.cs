using KubectlOAuthToken;
using KubectlOAuthToken.Verbs;
using Command = System.CommandLine.Command;
using Process = TokenOperator.TestBed.Command;

namespace TokenOperator.Tests.KubectlOAuthToken;

/// <summary>The manual pages, and the tables of docs/kubectl-plugin.md, which are made from the same command tree.</summary>
public sealed class ManPagesTests : IDisposable
{
    private static readonly Command Root = PluginCommandLine.Build(TimeProvider.System);
    private readonly string _folder = Directory.CreateTempSubdirectory("man").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Each_verb_has_a_page_with_its_options_and_examples()
    {
        var pages = ManPages.Of(Root).ToDictionary(page => page.File, page => page.Text);

        pages.Keys.Should().Contain(["kubectl-oauthtoken.1", "kubectl-oauthtoken-status.1", "kubectl-oauthtoken-provider-check.1"]).And.NotContain(name => name.Contains("__"));
        foreach (var (verb, words) in ManPages.Verbs(Root))
        {
            var page = pages[$"kubectl-oauthtoken-{string.Join('-', words)}.1"];
            page.Should().Contain($"kubectl oauthtoken {string.Join(' ', words)}".Replace("-", "\\-"));
            verb.Options.Where(option => !option.Hidden && !page.Contains(option.Name.Replace("-", "\\-"), StringComparison.Ordinal)).Should().BeEmpty();
            ((Verb)verb).Examples.Should().OnlyContain(example => page.Contains(example.Replace("\\", "\\e").Replace("-", "\\-"), StringComparison.Ordinal));
            pages["kubectl-oauthtoken.1"].Should().Contain($".B {string.Join(' ', words)}\n");
        }

        pages["kubectl-oauthtoken-doctor.1"].Should().NotContain("postgres\n", "a hidden option is not documented");
    }

    [Fact]
    public async Task Groff_has_nothing_to_say_about_the_pages_if_it_is_installed()
    {
        var groff = Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, "groff")).FirstOrDefault(File.Exists);
        foreach (var (file, text) in ManPages.Of(Root))
        {
            // A line that starts with a dot is a request. Others would be lost.
            text.Split('\n').Where(line => line.StartsWith('.')).Should().OnlyContain(line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^\.(TH|SH|TP|B|BR|PP|nf|fi)( |$)"));
            if (groff is null)
                continue;
            var path = Path.Combine(_folder, file);
            await File.WriteAllTextAsync(path, text);
            var result = await Process.RunAsync(groff, ["-man", "-ww", "-Tascii", "-P-cbuo", path]);
            (result.ExitCode, result.Errors).Should().Be((0, ""), file);
            result.Output.Should().Contain("SYNOPSIS");
        }
    }

    [Fact]
    public Task The_documentation_lists_every_verb() => DocumentTable.CheckAsync(
        "docs/kubectl-plugin.md", "## Verbs", ["Verb", "What it does"],
        ManPages.Verbs(Root).Select(verb => new[] { $"`{string.Join(' ', verb.Words)}`", ManPages.FirstSentence(verb.Command.Description!) + "." }));

    [Fact]
    public Task The_documentation_lists_every_option_of_all_verbs() => DocumentTable.CheckAsync(
        "docs/kubectl-plugin.md", "## Options of all verbs", ["Option", "Meaning"],
        Root.Options.Where(option => option.Recursive && option is not System.CommandLine.Help.HelpOption).Select(option => new[] { $"`{ManPages.Shown(option)}`", option.Description! }));
}
