namespace TokenOperator.Core.Settings;

/// <summary>
/// Settings or arguments of the command line are missing or wrong. Each error names the setting and what was expected, and never
/// repeats a secret. The message has one error to a line.
/// </summary>
public sealed class InvalidSettingException(IReadOnlyList<string> errors) : Exception(string.Join('\n', errors))
{
    /// <summary>One error.</summary>
    public InvalidSettingException(string error)
        : this([error])
    {
    }

    /// <summary>One sentence each, at least one.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}
