using TokenOperator.Core.Text;

namespace TokenOperator.Tests.Core.Text;

public sealed class PrintableWriterTests
{
    /// <summary>Text that acts on a terminal or on a reader, and what remains of it.</summary>
    public static TheoryData<string, string> Acting => new()
    {
        { "\e]52;c;aGk=\a", "?]52;c;aGk=?" },
        { "a\rb", "a?b" },
        { "a\b\bb", "a??b" },
        { "\e[2J\e[H", "?[2J?[H" },
        { "\e[8mhidden", "?[8mhidden" },
        { "\u009b31m", "?31m" },
        { "a\u202eb", "a?b" },
        { "a\u2066b\u2069", "a?b?" },
        { "a\u200bb", "a?b" },
        { "a\u2028b\u2029c", "a?b?c" },
        { "\U000E0041", "?" },
        { "\ud800x", "\ufffdx" },
        { "x\e[H\e[2J\e[3J", "x?[H?[2J?[3J" },
    };

    [Theory]
    [MemberData(nameof(Acting))]
    public void Text_that_acts_does_not_leave_the_program(string text, string expected)
    {
        Written(isTerminal: true, writer => writer.WriteLine(text)).Should().Be(expected + "\n");
        Written(isTerminal: false, writer => writer.Write(text)).Should().Be(expected);
        Written(isTerminal: true, writer => writer.Write(text.ToCharArray(), 0, text.Length)).Should().Be(expected);
        Written(isTerminal: true, writer => writer.WriteLineAsync(text).Wait()).Should().Be(expected + "\n");
        Written(isTerminal: true, writer => writer.Write("{0}", text)).Should().Be(expected);
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a\tb\nc", "a\tb\nc")]
    [InlineData("jürgen 😀 日本", "jürgen 😀 日本")]
    [InlineData("\e[31mred\e[0m", "?[31mred?[0m")]
    [InlineData(PrintableWriter.ClearScreen + "page", "?[H?[2J?[3Jpage")]
    public void Colors_leave_for_a_terminal_only_and_readable_text_always(string text, string expected)
    {
        Written(isTerminal: true, writer => writer.Write(text)).Should().Be(text);
        Written(isTerminal: false, writer => writer.Write(text)).Should().Be(expected);
    }

    private static string Written(bool isTerminal, Action<TextWriter> write)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var writer = TextWriter.Synchronized(new PrintableWriter(output, isTerminal));
        write(writer);
        return output.ToString();
    }
}
