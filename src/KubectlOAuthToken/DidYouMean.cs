namespace KubectlOAuthToken;

/// <summary>For a mistyped name: those it may have been meant to be.</summary>
internal static class DidYouMean
{
    private const int Most = 3;

    /// <summary>Names that are a few keystrokes away or hold what was typed, nearest first; three at most.</summary>
    public static IReadOnlyList<string> Of(string typed, IEnumerable<string> names) =>
    [
        .. names
            .Select(name => (Name: name, Distance: name.Contains(typed, StringComparison.Ordinal) ? 1 : Distance(typed, name)))
            .Where(near => near.Distance <= Math.Max(2, typed.Length / 3))
            .OrderBy(near => near.Distance).ThenBy(near => near.Name, StringComparer.Ordinal)
            .Take(Most)
            .Select(near => near.Name),
    ];

    /// <summary><c> Did you mean X or Y?</c>, or nothing.</summary>
    public static string Ask(string typed, IEnumerable<string> names) => Of(typed, names) is { Count: > 0 } near ? $" Did you mean {string.Join(" or ", near)}?" : "";

    /// <summary>Levenshtein's: keystrokes from one to the other.</summary>
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
