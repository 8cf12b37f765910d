using System.Globalization;
using System.Text;

namespace TokenOperator.Core.Text;

/// <summary>Text that someone wrote, made safe for a message that someone else reads. Every rule about printable characters is here.</summary>
public static class DisplayText
{
    /// <summary>The maximum length of a message, in characters. The longest that the operator writes itself are a third of it.</summary>
    public const int MaxMessageLength = 2000;

    private const int MaxListed = 10;
    private const int MaxItemLength = 100;

    /// <summary>A message for people in one line: a condition, an event, a line of output. Every message passes here before it leaves the program, no matter where it comes from.</summary>
    public static string Line(string text) => Of(text, MaxMessageLength);

    /// <summary>At most <paramref name="maxLength"/> characters of <paramref name="text"/>, with <c>?</c> for each character that is not printable.</summary>
    public static string Of(string text, int maxLength)
    {
        var cut = text.Length > maxLength ? text[..maxLength] + "..." : text;
        return IsPlain(cut) ? cut : string.Concat(cut.EnumerateRunes().Select(rune => IsPrintable(rune) ? rune.ToString() : "?"));
    }

    /// <summary>
    /// The first items of a list, with commas, and how many more there are: a list in a message is never longer than a reader can use, however many
    /// items someone made.
    /// </summary>
    public static string List(IEnumerable<string> items, string none = "none")
    {
        var all = items as IReadOnlyCollection<string> ?? [.. items];
        if (all.Count == 0)
            return none;
        var shown = string.Join(", ", all.Take(MaxListed).Select(item => Of(item, MaxItemLength)));
        return all.Count > MaxListed ? string.Create(CultureInfo.InvariantCulture, $"{shown} and {all.Count - MaxListed} more") : shown;
    }

    /// <summary>True if nothing in <paramref name="text"/> is invisible, breaks the line or changes the writing direction.</summary>
    public static bool IsPrintable(string text) => IsPlain(text) || text.EnumerateRunes().All(IsPrintable);

    /// <summary><paramref name="text"/> as one word of a shell command, quoted if necessary.</summary>
    public static string ShellWord(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || "@%+=:,./_-".Contains(c, StringComparison.Ordinal))
            ? text
            : $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    /// <inheritdoc cref="IsPrintable(string)"/>
    public static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);

    /// <summary>True for printable ASCII, which is nearly every text. It needs no look at each character.</summary>
    private static bool IsPlain(string text) => !text.AsSpan().ContainsAnyExceptInRange(' ', '~');
}
