using TokenOperator.Core.Text;

namespace TokenOperator.Core.Cli;

/// <summary>Tables on standard output, in the format of kubectl.</summary>
public static class Table
{
    /// <summary>Prints the rows. The first is the header, and all have the same number of cells.</summary>
    public static void Print(IReadOnlyList<string[]> rows)
    {
        foreach (var line in Lines(rows, (_, _, cell) => cell))
            Console.Out.WriteLine(line);
    }

    /// <summary>The lines of the table. <paramref name="paint"/> (row, column, padded cell) can add color to each cell. No cell breaks its line.</summary>
    public static IEnumerable<string> Lines(IReadOnlyList<string[]> cells, Func<int, int, string, string> paint)
    {
        var rows = cells.Select(row => Array.ConvertAll(row, DisplayText.Line)).ToList();
        var last = rows[0].Length - 1;
        var widths = Enumerable.Range(0, last + 1).Select(column => rows.Max(row => row[column].Length)).ToArray();
        return rows.Select((row, line) => string.Join("   ", row.Select((cell, column) => paint(line, column, column == last ? cell : cell.PadRight(widths[column])))).TrimEnd());
    }
}
