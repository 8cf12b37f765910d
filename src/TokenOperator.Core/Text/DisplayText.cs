using System.Globalization;
using System.Text;

namespace TokenOperator.Core.Text;

/// <summary>Makes what one person wrote fit for a message that another one reads.</summary>
public static class DisplayText
{
    /// <summary>At most <paramref name="longest"/> characters of <paramref name="text"/>, with <c>?</c> for what is not printable.</summary>
    public static string Of(string text, int longest)
    {
        var cut = text.Length > longest ? text[..longest] + "..." : text;
        return string.Concat(cut.EnumerateRunes().Select(rune => IsPrintable(rune) ? rune.ToString() : "?"));
    }

    /// <summary>True when nothing in <paramref name="text"/> is invisible, breaks the line or turns the direction of writing.</summary>
    public static bool IsPrintable(string text) => text.EnumerateRunes().All(IsPrintable);

    /// <summary><paramref name="text"/> as one word of a shell's command line, in quotation marks where it needs them.</summary>
    public static string ShellWord(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || "@%+=:,./_-".Contains(c, StringComparison.Ordinal))
            ? text
            : $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
}
