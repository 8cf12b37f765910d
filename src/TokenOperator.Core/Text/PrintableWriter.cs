using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace TokenOperator.Core.Text;

/// <summary>
/// The output of a program, without characters that act on a terminal: everything that it prints passes here, no matter where it comes from. Each
/// such character becomes <c>?</c>, except line breaks, tabs and, on a terminal, colors.
/// </summary>
/// <param name="output">Where the text goes.</param>
/// <param name="isTerminal">True if <paramref name="output"/> shows colors.</param>
public sealed partial class PrintableWriter(TextWriter output, bool isTerminal) : TextWriter
{
    /// <summary>Clears a terminal. It counts at the start of a text only, where no one else's words can be.</summary>
    public const string ClearScreen = "\e[H\e[2J\e[3J";

    private static readonly SearchValues<char> Plain = SearchValues.Create("\n" + string.Concat(Enumerable.Range(' ', '~' - ' ' + 1).Select(code => (char)code)));

    /// <inheritdoc/>
    public override Encoding Encoding => output.Encoding;

    /// <summary>Makes standard output and standard error pass here.</summary>
    public static void Install()
    {
        Console.SetOut(new PrintableWriter(Console.Out, !Console.IsOutputRedirected));
        Console.SetError(new PrintableWriter(Console.Error, !Console.IsErrorRedirected));
    }

    /// <inheritdoc/>
    public override void Write(char value) => output.Write(char.IsSurrogate(value) || IsSafe(value) ? value : '?');

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    /// <inheritdoc/>
    public override void Write(string? value) => output.Write(Printable(value));

    /// <inheritdoc/>
    // At once, so that no other thread writes between the text and its line break.
    public override void WriteLine(string? value) => output.WriteLine(Printable(value));

    /// <inheritdoc/>
    public override void WriteLine() => output.WriteLine();

    /// <inheritdoc/>
    public override void Flush() => output.Flush();

    private string? Printable(string? text)
    {
        if (text is null || !text.AsSpan().ContainsAnyExcept(Plain))
            return text;
        if (!isTerminal)
            return Safe(text);
        var clears = text.StartsWith(ClearScreen, StringComparison.Ordinal);
        var result = new StringBuilder(text.Length).Append(clears ? ClearScreen : "");
        var at = result.Length;
        foreach (var color in Color().EnumerateMatches(text, at))
        {
            result.Append(Safe(text[at..color.Index])).Append(text, color.Index, color.Length);
            at = color.Index + color.Length;
        }

        return result.Append(Safe(text[at..])).ToString();
    }

    private static string Safe(string text) => string.Concat(text.EnumerateRunes().Select(rune => IsSafe(rune) ? rune.ToString() : "?"));

    private static bool IsSafe(char value) => Rune.TryCreate(value, out var rune) && IsSafe(rune);

    private static bool IsSafe(Rune rune) => rune.Value is '\n' or '\t' || DisplayText.IsPrintable(rune);

    // What the plugin and the console logger write: bold and colors, and nothing that hides text.
    [GeneratedRegex(@"\e\[(?:0|1|22|[34][0-79])?m", RegexOptions.CultureInvariant)]
    private static partial Regex Color();
}
