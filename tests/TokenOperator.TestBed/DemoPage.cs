namespace TokenOperator.TestBed;

/// <summary>Something that the demo claims is not so.</summary>
public sealed class DemoException(string message) : Exception(message);

/// <summary>What a person sees of the demo: numbered steps, commands as one would type them, their output indented. Plain text, so that it can be piped.</summary>
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

    /// <summary>Says something in between.</summary>
    public void Say(string text) => Indented(Margin, text);

    /// <summary>A command as one would type it.</summary>
    public void Command(string line)
    {
        output.WriteLine();
        output.WriteLine($"{Margin}$ {line}");
    }

    /// <summary>What a command printed.</summary>
    public void Output(string text) => Indented(Margin + "  ", text);

    /// <summary>A claim: shown when it holds, and the end of the demo when it does not.</summary>
    /// <param name="holds">Whether it is so.</param>
    /// <param name="claim">The claim, a whole sentence.</param>
    /// <param name="found">What was found instead.</param>
    /// <exception cref="DemoException">It does not hold.</exception>
    public void Claim(bool holds, string claim, string found = "")
    {
        if (!holds)
            throw new DemoException($"This should be so, and is not: {claim}" + (found.Length > 0 ? $" Found: {found}" : ""));
        output.WriteLine($"{Margin}[ok] {claim}");
    }

    /// <summary>The last line.</summary>
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
