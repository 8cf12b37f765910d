using System.Text.RegularExpressions;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>What a page of the documentation tells its reader to apply and to run.</summary>
/// <param name="Path">The page, relative to the repository.</param>
/// <param name="Blocks">Its code blocks, in order.</param>
public sealed partial record DocumentationPage(string Path, IReadOnlyList<CodeBlock> Blocks)
{
    /// <summary>Reads a page.</summary>
    /// <param name="path">Relative to the repository, such as <c>docs/grants.md</c>.</param>
    public static DocumentationPage Read(string path)
    {
        var blocks = new List<CodeBlock>();
        var heading = "";
        foreach (Match match in HeadingOrBlock().Matches(File.ReadAllText(Repository.File(path))))
        {
            if (match.Groups["heading"].Success)
                heading = match.Groups["heading"].Value;
            else
                blocks.Add(new CodeBlock(heading, match.Groups["language"].Value, Unindent(match.Groups["text"].Value, match.Groups["indent"].Length)));
        }

        return new DocumentationPage(path, blocks);
    }

    /// <summary>All pages that users read.</summary>
    public static IEnumerable<DocumentationPage> All() =>
        Directory.GetFiles(Repository.File("docs"), "*.md", SearchOption.AllDirectories).Append(Repository.File("README.md"))
            .Select(file => Read(System.IO.Path.GetRelativePath(Repository.Root, file)));

    /// <summary>The code blocks under a heading.</summary>
    public IReadOnlyList<CodeBlock> Under(string heading)
    {
        CodeBlock[] found = [.. Blocks.Where(block => block.Heading == heading)];
        return found.Length > 0 ? found : throw new InvalidOperationException($"{Path} has no code block under \"{heading}\".");
    }

    private static string Unindent(string text, int indent) => string.Join('\n', text.Split('\n').Select(line => line.Length >= indent ? line[indent..] : line));

    [GeneratedRegex(@"^#+ (?<heading>.*?)$|^(?<indent> *)```(?<language>\w*)\n(?<text>.*?)^ *```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex HeadingOrBlock();
}

/// <summary>A code block of a page.</summary>
/// <param name="Heading">The heading that it is under.</param>
/// <param name="Language">Such as <c>yaml</c>; empty if the page does not say.</param>
/// <param name="Text">Its lines.</param>
public sealed record CodeBlock(string Heading, string Language, string Text)
{
    /// <summary>True for an object, or several, that kubectl can apply.</summary>
    public bool IsManifest => Language == "yaml" && Text.Contains("apiVersion:", StringComparison.Ordinal);
}
