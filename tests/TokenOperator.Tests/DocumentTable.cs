namespace TokenOperator.Tests;

/// <summary>A Markdown table that is generated from code. With TOKEN_OPERATOR_WRITE_DOCS=1 a test writes it; otherwise the test compares it.</summary>
internal static class DocumentTable
{
    /// <summary>True if tests write what they generate.</summary>
    public static bool Writes { get; } = Environment.GetEnvironmentVariable("TOKEN_OPERATOR_WRITE_DOCS") == "1";

    /// <summary>
    /// Holds the first table under <paramref name="heading"/> whose first column is <c>columns[0]</c>, in the file <paramref name="path"/>,
    /// to <paramref name="rows"/>.
    /// </summary>
    public static async Task CheckAsync(string path, string heading, string[] columns, IEnumerable<string[]> rows)
    {
        var file = Repository.File(path);
        var lines = (await File.ReadAllLinesAsync(file)).ToList();
        var header = Line(columns);
        var at = lines.FindIndex(Math.Max(0, lines.IndexOf(heading)), line => line.StartsWith($"| {columns[0]} |", StringComparison.Ordinal));
        lines.Should().Contain(heading);
        at.Should().BeGreaterThanOrEqualTo(0, $"{path} has a table that starts with {header}");
        var length = lines.Skip(at).TakeWhile(line => line.StartsWith('|')).Count();
        string[] expected = [header, "|" + string.Concat(columns.Select(_ => "---|")), .. rows.Select(Line)];

        if (Writes)
        {
            lines.RemoveRange(at, length);
            lines.InsertRange(at, expected);
            await File.WriteAllTextAsync(file, string.Join('\n', lines) + "\n");
            return;
        }

        lines.GetRange(at, length).Should().Equal(expected, $"{path} is generated: run this test with TOKEN_OPERATOR_WRITE_DOCS=1 and commit what it writes");
    }

    private static string Line(string[] cells) => $"| {string.Join(" | ", cells)} |";
}
