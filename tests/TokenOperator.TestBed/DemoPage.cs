namespace TokenOperator.TestBed;

/// <summary>A claim of the demo does not hold.</summary>
public sealed class DemoException(string message) : Exception(message);

/// <summary>The output of the demo: numbered steps, commands as you would type them, and their indented output. It is plain text, so that you can pipe it.</summary>
public sealed class DemoPage(TextWriter output, TimeProvider time)
{
    private const string Margin = "   ";
    private readonly long _started = time.GetTimestamp();
    private int _step;

    /// <summary>Begins a step.</summary>
    public void Step(string title)
    {
        output.WriteLine();
        output.WriteLine($"{++_step}. {title}");
    }

    /// <summary>Prints a remark.</summary>
    public void Say(string text) => Indented(Margin, text);

    /// <summary>Prints a command as you would type it.</summary>
    public void Command(string line)
    {
        output.WriteLine();
        output.WriteLine($"{Margin}$ {line}");
    }

    /// <summary>Prints the output of a command.</summary>
    public void Output(string text) => Indented(Margin + "  ", text);

    /// <summary>Prints a claim that holds, and ends the demo if it does not.</summary>
    /// <param name="holds">True if the claim holds.</param>
    /// <param name="claim">The claim, a full sentence.</param>
    /// <param name="found">What was found instead of it.</param>
    /// <exception cref="DemoException">The claim does not hold.</exception>
    public void Claim(bool holds, string claim, string found = "")
    {
        if (!holds)
            throw new DemoException($"A claim does not hold: {claim}" + (found.Length > 0 ? $" Found: {found}" : ""));
        output.WriteLine($"{Margin}[ok] {claim}");
    }

    /// <summary>Prints the last line.</summary>
    public void End(string text)
    {
        output.WriteLine();
        output.WriteLine($"{text} ({time.GetElapsedTime(_started).TotalSeconds:0} s)");
    }

    private void Indented(string margin, string text)
    {
        foreach (var line in text.TrimEnd().Split('\n'))
            output.WriteLine($"{margin}{line.TrimEnd()}".TrimEnd());
    }
}
