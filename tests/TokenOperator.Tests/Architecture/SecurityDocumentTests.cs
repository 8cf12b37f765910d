using System.Text.RegularExpressions;

namespace TokenOperator.Tests.Architecture;

/// <summary>Holds the tests that SECURITY.md names to the sources of both test projects.</summary>
public sealed partial class SecurityDocumentTests
{
    private static readonly Dictionary<string, string> Classes = new[] { "tests/TokenOperator.Tests", "tests/TokenOperator.EndToEndTests" }
        .SelectMany(project => Directory.GetFiles(Repository.File(project), "*.cs", SearchOption.AllDirectories))
        .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
        .SelectMany(file => ClassDeclaration().Matches(File.ReadAllText(file)).Select(match => (Name: match.Groups["name"].Value, File: file)))
        .DistinctBy(found => found.Name)
        .ToDictionary(found => found.Name, found => File.ReadAllText(found.File));

    [Fact]
    public void Every_test_that_the_threat_model_names_exists()
    {
        var named = TestName().Matches(File.ReadAllText(Repository.File("SECURITY.md")))
            .Select(match => (Class: match.Groups["class"].Value, Method: match.Groups["method"].Value)).ToList();

        named.Should().HaveCountGreaterThan(60);
        named.Where(test => !Exists(test.Class, test.Method)).Select(test => $"{test.Class}.{test.Method}").Distinct()
            .Should().BeEmpty("tests that are renamed or deleted change SECURITY.md too");
    }

    private static bool Exists(string @class, string method) =>
        Classes.TryGetValue(@class, out var source)
        && (method.Length == 0 || Regex.IsMatch(source, $@"public (async )?(Task|void) {method}\("));

    [GeneratedRegex("`(?<class>[A-Z][A-Za-z0-9]+Tests)([.](?<method>[A-Za-z0-9_]+))?`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"class (?<name>[A-Z]\w+Tests)\b")]
    private static partial Regex ClassDeclaration();
}
