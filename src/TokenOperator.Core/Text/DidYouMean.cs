namespace TokenOperator.Core.Text;

/// <summary>Suggests names for a mistyped one.</summary>
public static class DidYouMean
{
    private const int MaxSuggestions = 3;

    /// <summary>What is longer is no mistyped name, and a comparison would take long.</summary>
    private const int MaxTyped = 100;

    /// <summary>Up to three names that contain <paramref name="typed"/> or are a few keystrokes away from it, in any case, nearest first.</summary>
    public static IReadOnlyList<string> Near(string typed, IEnumerable<string> names) => typed.Length > MaxTyped ? [] :
    [
        .. names
            .Select(name => (Name: name, Distance: name.Contains(typed, StringComparison.OrdinalIgnoreCase) ? 1 : Distance(typed.ToLowerInvariant(), name.ToLowerInvariant())))
            .Where(near => near.Distance <= Math.Max(2, typed.Length / 3))
            .OrderBy(near => near.Distance).ThenBy(near => near.Name, StringComparer.Ordinal)
            .Take(MaxSuggestions)
            .Select(near => near.Name),
    ];

    /// <summary><c> Did you mean X or Y?</c> with a leading space, or an empty string.</summary>
    public static string Suggest(string typed, IEnumerable<string> names) =>
        Near(typed, names) is { Count: > 0 } near ? $" Did you mean {string.Join(" or ", near)}?" : "";

    /// <summary>The Levenshtein distance.</summary>
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
