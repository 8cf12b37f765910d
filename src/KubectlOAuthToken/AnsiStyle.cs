namespace KubectlOAuthToken;

/// <summary>How good something is.</summary>
public enum Health
{
    /// <summary>Nothing to do.</summary>
    Ok,

    /// <summary>It works, and will not for long, or not by itself.</summary>
    Warning,

    /// <summary>It does not work.</summary>
    Critical,
}

/// <summary>Colours, where a person looks at them.</summary>
/// <param name="IsOn">False in a pipe, on a dumb terminal, and when NO_COLOR is set (no-color.org).</param>
internal sealed record AnsiStyle(bool IsOn)
{
    /// <summary>As standard output and the environment want it.</summary>
    public static AnsiStyle ForOutput() => new(
        !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") != "dumb");

    /// <summary>Green, yellow or red.</summary>
    public string Tone(Health health, string text) => health switch
    {
        Health.Ok => Wrap("32", text),
        Health.Warning => Wrap("33", text),
        _ => Wrap("31", text),
    };

    /// <summary>For what is to stand out.</summary>
    public string Bold(string text) => Wrap("1", text);

    private string Wrap(string code, string text) => IsOn ? $"\e[{code}m{text}\e[0m" : text;
}
