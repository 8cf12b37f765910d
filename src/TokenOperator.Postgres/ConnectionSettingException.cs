namespace TokenOperator.Postgres;

/// <summary>The setting that says where Postgres is cannot be used. The message names the setting and never its value.</summary>
/// <param name="setting">As an environment variable spells it.</param>
/// <param name="problem">What was found, what was expected, what to do.</param>
public sealed class ConnectionSettingException(string setting, string problem) : Exception($"{setting}: {problem}")
{
    /// <summary>As an environment variable spells it, such as <c>DATABASE_URL</c>.</summary>
    public string Setting { get; } = setting;
}
