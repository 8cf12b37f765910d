using System.Text.RegularExpressions;
using TokenOperator.Api;

namespace TokenOperator.Tests.Config;

/// <summary>docs/troubleshooting.md: whoever sees a symptom at night gets a command, and every link leads somewhere.</summary>
public sealed partial class TroubleshootingDocumentTests
{
    private static readonly string Text = File.ReadAllText(Repository.File("docs/troubleshooting.md"));

    [Fact]
    public void Each_symptom_says_what_to_type()
    {
        var symptoms = Text.Split("\n### ")[1..];
        symptoms.Should().HaveCountGreaterThan(20);
        symptoms.Where(symptom => !Command().IsMatch(symptom)).Select(symptom => symptom.Split('\n')[0]).Should().BeEmpty();
    }

    [Fact]
    public void Every_link_leads_to_a_heading()
    {
        foreach (Match link in Link().Matches(Text))
        {
            var (file, anchor) = (Repository.File(Path.Combine("docs", link.Groups[1].Value)), link.Groups[2].Value);
            (File.Exists(file) || Directory.Exists(file)).Should().BeTrue(link.Value);
            if (anchor.Length > 0)
                File.ReadAllText(file).Split('\n').Should().Contain(line => Anchor(line) == anchor || line == $"<a id=\"{anchor}\"></a>", link.Value);
        }
    }

    [Fact]
    public void The_conditions_and_every_runbook_lead_here()
    {
        string[] pages = [Repository.File("docs/conditions.md"), .. Directory.GetFiles(Repository.File("docs/runbooks"), "*.md")];
        pages.Where(page => !File.ReadAllText(page).Contains("troubleshooting.md", StringComparison.Ordinal)).Should().BeEmpty();
    }

    [Fact]
    public void Each_reason_that_needs_someone_has_an_entry_here_or_in_a_runbook()
    {
        var entries = string.Concat(Directory.GetFiles(Repository.File("docs/runbooks"), "*.md").Select(File.ReadAllText).Prepend(Text));
        ReasonInfo.All.Where(reason => reason.Severity == ReasonSeverity.Stalled && !entries.Contains($"`{reason.Name}`", StringComparison.Ordinal))
            .Select(reason => reason.Name).Should().BeEmpty();
    }

    /// <summary>The anchor that GitHub gives to a heading.</summary>
    private static string Anchor(string heading) =>
        heading.StartsWith('#') ? NotInAnchor().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-') : "";

    [GeneratedRegex(@"\b(kubectl|make|token-operator|echo|PGPASSWORD)\b")]
    private static partial Regex Command();

    [GeneratedRegex(@"\]\(([\w./-]+?)(?:#([\w-]+))?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchor();
}
