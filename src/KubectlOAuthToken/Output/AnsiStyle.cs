// What the plugin prints: statuses, log lines, errors, colors. No calls to the cluster.
namespace KubectlOAuthToken.Output;

/// <summary>How healthy something is.</summary>
public enum Health
{
    /// <summary>No action is needed.</summary>
    Ok,

    /// <summary>It works now, but will stop working unless someone acts.</summary>
    Warning,

    /// <summary>It does not work.</summary>
    Critical,
}

/// <summary>Colors for a terminal (ANSI escape sequences).</summary>
/// <param name="IsOn">False in a pipe, on a dumb terminal, and when NO_COLOR is set (no-color.org).</param>
internal sealed record AnsiStyle(bool IsOn)
{
    /// <summary>The style that standard output and the environment ask for.</summary>
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

    /// <summary>Bold text.</summary>
    public string Bold(string text) => Wrap("1", text);

    private string Wrap(string code, string text) => IsOn ? $"\e[{code}m{text}\e[0m" : text;
}
