using System.Text.RegularExpressions;

namespace TokenOperator.Tests.Config;

/// <summary>Every link of a page leads to a file or folder of the repository, and to a heading or anchor in it.</summary>
public sealed partial class DocumentLinksTests
{
    public static TheoryData<string> Pages =>
        [.. Directory.GetFiles(Repository.File(""), "*.md").Concat(Folders.SelectMany(folder => Directory.GetFiles(Repository.File(folder), "*.md", SearchOption.AllDirectories)))
            .Select(page => Path.GetRelativePath(Repository.File(""), page))];

    private static string[] Folders => ["docs", "charts", ".github"];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_leads_to_a_heading(string page)
    {
        var text = File.ReadAllText(Repository.File(page));
        foreach (Match link in Link().Matches(text).Where(link => link.Length > 4))
        {
            var path = link.Groups[1].Value is { Length: > 0 } named ? Path.Combine(Path.GetDirectoryName(page)!, named) : page;
            var (file, anchor) = (Repository.File(path), link.Groups[2].Value);
            (File.Exists(file) || Directory.Exists(file)).Should().BeTrue(link.Value);
            if (anchor.Length > 0)
                File.ReadAllText(file).Split('\n').Should().Contain(line => Anchor(line) == anchor || line == $"<a id=\"{anchor}\"></a>", link.Value);
        }
    }

    /// <summary>The anchor that GitHub gives to a heading.</summary>
    private static string Anchor(string heading) =>
        heading.StartsWith('#') ? NotInAnchor().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-') : "";

    [GeneratedRegex(@"\]\(([\w./-]*?)(?:#([\w-]+))?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchor();
}
