using System.Text.RegularExpressions;
using TokenOperator.Api;

namespace TokenOperator.Tests.Config;

/// <summary>docs/troubleshooting.md: a person who sees a symptom at night gets a command.</summary>
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

    [GeneratedRegex(@"\b(kubectl|make|token-operator|echo|PGPASSWORD)\b")]
    private static partial Regex Command();
}
