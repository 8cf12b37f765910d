// Settings: how they are declared, read and reported. Reads the configuration that it is given, and nothing else.
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Text;

namespace TokenOperator.Core.Settings;

/// <summary>
/// Reads settings and collects what is wrong with them, so that all errors are reported together: read everything, then call
/// <see cref="ThrowIfInvalid"/>. A wrong setting is read as its default until then.
/// </summary>
/// <param name="configuration">Where the values are, with <c>:</c> where an environment variable has <c>__</c>.</param>
public sealed class SettingsReader(IConfiguration configuration)
{
    private const int MaxShownLength = 40;

    private readonly List<string> _errors = [];

    /// <summary>Where the values are.</summary>
    public IConfiguration Configuration => configuration;

    /// <summary>The value of <paramref name="setting"/>, or its default when it is absent or blank.</summary>
    /// <param name="setting">The setting.</param>
    /// <param name="name">What stands in place of <see cref="SettingInfo.Placeholder"/>.</param>
    public T Get<T>(Setting<T> setting, string? name = null) => Get(setting, name, setting.Default);

    /// <summary>The value of <paramref name="setting"/>, or <paramref name="otherwise"/> when it is absent or blank.</summary>
    public T Get<T>(Setting<T> setting, string? name, T otherwise)
    {
        ArgumentNullException.ThrowIfNull(setting);
        if (Find(setting, name) is not { } text)
            return otherwise;
        if (setting.Parse(text, out var value))
            return value;
        Reject(setting, name, $"{(setting.IsSecret ? "cannot be used" : $"is \"{DisplayText.Of(text, MaxShownLength)}\"")}; expected {setting.Expected}");
        return otherwise;
    }

    /// <summary>True when <paramref name="setting"/> is absent or blank.</summary>
    public bool IsAbsent(SettingInfo setting, string? name = null) => Find(setting, name) is null;

    /// <summary>The names that users chose where the names of settings have <see cref="SettingInfo.Placeholder"/>.</summary>
    /// <param name="prefix">What comes before it, such as <c>Providers__</c>.</param>
    public IEnumerable<string> NamesUnder(string prefix) =>
        configuration.GetSection(prefix.Replace("__", ":", StringComparison.Ordinal).TrimEnd(':')).GetChildren().Select(section => section.Key);

    /// <summary>Records that <paramref name="setting"/> cannot be used.</summary>
    /// <param name="setting">The setting.</param>
    /// <param name="name">What stands in place of <see cref="SettingInfo.Placeholder"/>.</param>
    /// <param name="problem">What was found and what was expected, without a secret: the end of a sentence that starts with the setting's name.</param>
    public void Reject(SettingInfo setting, string? name, string problem) => Reject($"The setting {setting.NameFor(name)} {problem}.");

    /// <summary>Records an error that is not one of a single setting.</summary>
    /// <param name="error">A sentence that names the settings, without a secret.</param>
    public void Reject(string error) => _errors.Add(error);

    /// <summary>Reports all errors.</summary>
    /// <exception cref="InvalidSettingException">There is one.</exception>
    public void ThrowIfInvalid()
    {
        if (_errors.Count > 0)
            throw new InvalidSettingException([.. _errors]);
    }

    private string? Find(SettingInfo setting, string? name) =>
        configuration[setting.NameFor(name).Replace("__", ":", StringComparison.Ordinal)]?.Trim() is { Length: > 0 } text ? text : null;

    /// <summary>What <paramref name="read"/> reads from <paramref name="configuration"/>, when nothing in it is wrong.</summary>
    /// <exception cref="InvalidSettingException">Something is.</exception>
    public static T Read<T>(IConfiguration configuration, Func<SettingsReader, T> read)
    {
        var reader = new SettingsReader(configuration);
        var settings = read(reader);
        reader.ThrowIfInvalid();
        return settings;
    }
}
