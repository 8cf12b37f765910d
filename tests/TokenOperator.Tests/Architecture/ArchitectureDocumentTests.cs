using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TokenOperator.Tests.Architecture;

/// <summary>Holds docs/architecture.md to the code: the arrows of its picture, and the files and members that it names.</summary>
public sealed partial class ArchitectureDocumentTests
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    private static readonly string Page = File.ReadAllText(Repository.File("docs/architecture.md"));

    /// <summary>The project files by the name of the project.</summary>
    private static readonly Dictionary<string, string> ProjectFiles = new[] { "src", "tests" }
        .SelectMany(folder => Directory.GetDirectories(Repository.File(folder)))
        .SelectMany(folder => Directory.GetFiles(folder, "*.csproj"))
        .ToDictionary(file => Path.GetFileNameWithoutExtension(file));

    /// <summary>The arrows of the picture: from project and to project.</summary>
    private static readonly (string From, string To)[] Arrows =
        [.. Arrow().Matches(Page.Split("```mermaid")[1].Split("```")[0]).Select(match => (match.Groups[1].Value, match.Groups[2].Value))];

    public static TheoryData<string> Paths => [.. NamedPath().Matches(Page).Select(match => match.Groups[1].Value).Distinct()];

    public static TheoryData<string> Members => [.. Member().Matches(Page).Select(match => match.Groups[1].Value).Where(name => !ProjectFiles.ContainsKey(name)).Distinct()];

    [Fact]
    public void The_picture_shows_exactly_the_references_of_the_project_files() =>
        Arrows.Should().BeEquivalentTo(
            from project in ProjectFiles
            from reference in XDocument.Load(project.Value).Descendants("ProjectReference")
            select (project.Key, Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!)));

    [Fact]
    public void The_picture_shows_exactly_the_references_that_the_projects_may_have() =>
        Arrows.Where(arrow => !IsTest(arrow.From)).Select(arrow => (AssemblyOf(arrow.From), AssemblyOf(arrow.To))).Should().BeEquivalentTo(
            from project in DependencyTests.AllowedReferences
            from reference in project.Value
            select (project.Key, reference));

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_file_or_folder_that_the_page_names_exists(string path) => Path.Exists(Repository.File(path)).Should().BeTrue();

    [Theory]
    [MemberData(nameof(Members))]
    public void A_member_that_the_page_names_exists(string name)
    {
        var (type, member) = (name.Split('.')[0], name.Split('.')[1]);
        DependencyTests.Projects.Values.SelectMany(assembly => assembly.GetTypes())
            .Where(found => found.Name.Split('`')[0] == type)
            .Should().Contain(found => found.GetMember(member, All).Length > 0);
    }

    private static bool IsTest(string project) => File.Exists(Repository.File($"tests/{project}/{project}.csproj"));

    private static string AssemblyOf(string project) =>
        (string?)XDocument.Load(ProjectFiles[project]).Descendants("AssemblyName").SingleOrDefault() ?? project;

    [GeneratedRegex(@"^ *(\S+) --> (\S+)\s*$", RegexOptions.Multiline)]
    private static partial Regex Arrow();

    [GeneratedRegex(@"`((?:src|tests|docs)/[^`\s]+)`")]
    private static partial Regex NamedPath();

    [GeneratedRegex(@"`([A-Z]\w*\.[A-Z]\w*)`")]
    private static partial Regex Member();
}
