using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Config;

/// <summary>What CHANGELOG.md and docs/compatibility.md say about releases, held to hack/releases and to the code.</summary>
public sealed partial class ReleaseDocumentTests
{
    private static readonly string Compatibility = File.ReadAllText(Repository.File("docs/compatibility.md"));

    /// <summary>The lines of hack/releases, oldest first.</summary>
    private static List<(string Version, string Commit)> Releases => [.. File.ReadAllLines(Repository.File("hack/releases"))
        .Where(line => !line.StartsWith('#')).Select(line => line.Split(' ')).Select(fields => (fields[0], fields[1]))];

    private static string Next => XDocument.Load(Repository.File("Directory.Build.props")).Descendants("Version").First().Value;

    [Fact]
    public void The_changelog_has_a_section_for_each_release_newest_first_and_a_link_for_each_section()
    {
        var text = File.ReadAllText(Repository.File("CHANGELOG.md"));
        var sections = Section().Matches(text).ToList();
        sections.Select(section => section.Groups["version"].Value).Should().Equal(["Unreleased", .. Releases.Select(release => release.Version).Reverse()]);
        var dates = sections.Skip(1).Select(section => DateOnly.ParseExact(section.Groups["date"].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture)).ToList();
        dates.Should().NotBeEmpty().And.BeInDescendingOrder();
        Link().Matches(text).Select(link => link.Groups["version"].Value).Should().Equal(sections.Select(section => section.Groups["version"].Value));
        Regex.Matches(text, "^### (.+)$", RegexOptions.Multiline).Select(heading => heading.Groups[1].Value).Distinct()
            .Should().BeSubsetOf(["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"], "https://keepachangelog.com has no others");
    }

    [Fact]
    public void The_next_version_is_newer_than_each_release_and_releases_are_in_order()
    {
        var versions = Releases.Select(release => Version.Parse(release.Version)).Append(Version.Parse(Next)).ToList();
        versions.Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
        Releases.Should().OnlyContain(release => Regex.IsMatch(release.Commit, "^[0-9a-f]{40}$"));
    }

    [Fact]
    public void Each_release_can_be_upgraded_to_the_next_one_and_the_table_has_the_version_of_its_tables()
    {
        var rows = Rows("| Release | Tables |");
        rows.Select(row => row[0]).Should().Equal([Next, .. Releases.Select(release => release.Version).Reverse()]);
        var newest = Directory.GetFiles(Repository.File("src/TokenOperator.Postgres/Migrations"), "*.up.sql").Max(file => int.Parse(Path.GetFileName(file)[..4], CultureInfo.InvariantCulture));
        rows[0][1].Should().Be($"{newest}", "that is the last migration");
        foreach (var column in (int[])[2, 3])
            rows[0][column].Split(", ").Should().BeEquivalentTo(Releases.Select(release => release.Version));
    }

    [Fact]
    public void The_versions_of_the_API_are_those_that_the_CRDs_serve()
    {
        foreach (var file in Directory.GetFiles(Repository.File("config/crds"), "tokenoperator.dev_*.yaml"))
        {
            var crd = YamlStream.Parse(File.ReadAllText(file)).Single();
            var versions = crd["spec"]!["versions"]!.AsArray().Select(version => version!).ToList();
            Rows("| Version | State |").Select(row => (Name: row[0].Trim('`'), State: Regex.Match(row[1], "^[^.]+").Value)).Should().BeEquivalentTo(versions.Select(version => (
                Name: $"tokenoperator.dev/{version["name"]}",
                State: string.Join(", ", new[] { (bool)version["storage"]! ? "served and stored" : "served", (bool?)version["deprecated"] == true ? "deprecated" : "" }.Where(part => part.Length > 0)))), file);
            versions.Should().OnlyContain(version => (bool)version["served"]!);
        }
    }

    [Fact]
    public void The_versions_of_other_software_are_those_of_the_scripts_and_of_the_chart()
    {
        var rows = Rows("| Part | Works with |").ToDictionary(row => row[0]);
        string Script(string name) => File.ReadAllText(Repository.File($"hack/{name}"));
        string Find(string text, string regex) => Regex.Match(text, regex) is { Success: true } match ? match.Groups[1].Value : throw new InvalidOperationException($"Nothing matches {regex}.");

        var chart = YamlStream.Parse(File.ReadAllText(Repository.File("charts/token-operator/Chart.yaml"))).Single();
        rows["Kubernetes"][1].Should().Be($"{Find((string)chart["kubeVersion"]!, @">=(\d+\.\d+)")} or later");
        rows["Kubernetes"][2].Should().Be($"{Find(Script("test-assets.sh"), @"building kube-apiserver ([\d.]+\d)")} and {Find(Script("test-assets.sh"), @"ENVTEST_VERSION:-([\d.]+)")}");
        rows["kubectl"][1].Should().Be($"1.{Find(Script("lib.sh"), @"minor >= (\d+)")} or later");
        rows["kubectl"][2].Should().Be($"1.{Find(Script("lib.sh"), @"lambda-layer-kubectl-v(\d\d)@")}");
        rows["Helm"][1].Should().Be(Find(Script("helm.sh"), @"v(\d)\.\*"));
        rows["Helm"][2].Should().Be(Find(Script("helm.sh"), @"Helm (\d\.\d) in the npm package"));
        File.ReadAllText(Repository.File("docs/install.md")).Should().Contain(
            $"You need Kubernetes {rows["Kubernetes"][1]}, Helm {rows["Helm"][1]}, and Postgres {rows["Postgres"][1]}");
    }

    [Fact]
    public void The_README_installs_the_newest_version_by_four_commands_that_need_no_SDK()
    {
        var commands = InstallCommands.Read();
        commands.Should().HaveCount(4).And.OnlyContain(command => command.StartsWith("kubectl ", StringComparison.Ordinal) || command.StartsWith("helm ", StringComparison.Ordinal));
        var helm = commands.Single(command => command.StartsWith("helm install ", StringComparison.Ordinal));
        helm.Should().Contain($"/{Next}/token-operator-{Next}.tgz ");
        var page = Regex.Replace(File.ReadAllText(Repository.File("docs/install.md")), @"\\\n", "");
        foreach (var command in commands.Where(command => !command.Contains("postgresql://", StringComparison.Ordinal)))
            Regex.Replace(page, " +", " ").Should().Contain(Regex.Replace(command, " +", " "));
    }

    private static List<string[]> Rows(string header) =>
        [.. Compatibility.Split('\n').SkipWhile(line => !line.StartsWith(header, StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|'))
            .Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim()).ToArray())];

    [GeneratedRegex(@"^## \[(?<version>[^\]]+)\]( - (?<date>.+))?$", RegexOptions.Multiline)]
    private static partial Regex Section();

    [GeneratedRegex(@"^\[(?<version>[^\]]+)\]: https://\S+$", RegexOptions.Multiline)]
    private static partial Regex Link();
}
