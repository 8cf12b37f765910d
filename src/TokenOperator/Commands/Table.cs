namespace TokenOperator.Commands;

/// <summary>Rows of cells on standard output, as kubectl prints them.</summary>
internal static class Table
{
    /// <summary>Prints them; the first is the header, and all have as many cells as it.</summary>
    public static void Print(IReadOnlyList<string[]> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
            Console.Out.WriteLine(string.Join("   ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }
}
