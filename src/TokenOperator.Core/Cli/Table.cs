namespace TokenOperator.Core.Cli;

/// <summary>Rows of cells on standard output, as kubectl prints them.</summary>
public static class Table
{
    /// <summary>Prints them; the first is the header, and all have as many cells as it.</summary>
    public static void Print(IReadOnlyList<string[]> rows)
    {
        foreach (var line in Lines(rows, (_, _, cell) => cell))
            Console.Out.WriteLine(line);
    }

    /// <summary>The lines, with each cell, padded to its column, as <paramref name="paint"/> (row, column, cell) makes it.</summary>
    public static IEnumerable<string> Lines(IReadOnlyList<string[]> rows, Func<int, int, string, string> paint)
    {
        var last = rows[0].Length - 1;
        var widths = Enumerable.Range(0, last + 1).Select(column => rows.Max(row => row[column].Length)).ToArray();
        return rows.Select((row, line) => string.Join("   ", row.Select((cell, column) => paint(line, column, column == last ? cell : cell.PadRight(widths[column])))).TrimEnd());
    }
}
