// Migrations: may touch SQL files, the catalog of the database and the operator's tables, and never a token.
using System.Globalization;
using System.Text.RegularExpressions;

namespace TokenOperator.Postgres.Migrations;

/// <summary>
/// One step of the schema: the files <c>NNNN_name.up.sql</c> and <c>NNNN_name.down.sql</c> of this folder, which are embedded
/// in the program. A step that a release contains is never edited; a change is a new step.
/// </summary>
/// <param name="Version">The number of the files, counted from 1 without gaps.</param>
/// <param name="Description">The first line of the up file, which is a comment.</param>
/// <param name="Up">Statements that apply the step.</param>
/// <param name="Down">Statements that undo it.</param>
internal sealed partial record Migration(long Version, string Description, string Up, string Down)
{
    /// <summary>All steps in ascending order.</summary>
    public static IReadOnlyList<Migration> All { get; } = Load();

    /// <summary>The version that this program needs.</summary>
    public static long Latest => All[^1].Version;

    /// <summary>The columns that the steps add to <c>oauth_tokens</c>. A table that an application created must not have them yet.</summary>
    public static IReadOnlyList<string> AddedColumns { get; } =
        [.. All.SelectMany(step => AddColumns().Matches(step.Up)).SelectMany(match => match.Groups["name"].Captures).Select(name => name.Value)];

    private static List<Migration> Load()
    {
        var assembly = typeof(Migration).Assembly;
        string Read(string name)
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            return reader.ReadToEnd();
        }

        return
        [
            .. from name in assembly.GetManifestResourceNames()
               where name.EndsWith(".up.sql", StringComparison.Ordinal)
               orderby name
               let up = Read(name)
               select new Migration(
                   long.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture),
                   up[..up.IndexOf('\n', StringComparison.Ordinal)].TrimStart('-', ' '),
                   up,
                   Read(name.Replace(".up.sql", ".down.sql", StringComparison.Ordinal))),
        ];
    }

    [GeneratedRegex(@"alter table oauth_tokens(\s+add column (?<name>\w+)[^,;]*[,;])+", RegexOptions.ExplicitCapture)]
    private static partial Regex AddColumns();
}
