using System.Globalization;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Settings;

/// <summary>What docs/configuration.md says about one setting.</summary>
/// <param name="Name">As an environment variable spells it, such as <c>Http__Port</c>. <see cref="Placeholder"/> stands for a name that users choose.</param>
/// <param name="Expected">What a value must be, such as <c>a whole number from 1 to 256</c>.</param>
/// <param name="DefaultText">What applies without a value, in Markdown; empty when nothing does.</param>
/// <param name="Description">What it is for, in Markdown.</param>
public abstract record SettingInfo(string Name, string Expected, string DefaultText, string Description)
{
    /// <summary>Stands in <see cref="Name"/> for a name that users choose, such as a provider's.</summary>
    public const string Placeholder = "NAME";

    /// <summary>True when no message may repeat the value, since it can hold a password.</summary>
    public bool IsSecret { get; init; }

    /// <summary>The name with <paramref name="name"/> in place of <see cref="Placeholder"/>.</summary>
    public string NameFor(string? name) => name is null ? Name : Name.Replace(Placeholder, name, StringComparison.Ordinal);
}

/// <summary>A setting that is read as a <typeparamref name="T"/>. Declare one with <see cref="Setting"/> and read it with <see cref="SettingsReader"/>.</summary>
/// <param name="Name">See <see cref="SettingInfo"/>.</param>
/// <param name="Expected">See <see cref="SettingInfo"/>.</param>
/// <param name="DefaultText">See <see cref="SettingInfo"/>.</param>
/// <param name="Description">See <see cref="SettingInfo"/>.</param>
/// <param name="Default">The value when the setting is absent or empty.</param>
/// <param name="Parse">Reads a value that is not empty and has no blanks around it; false when it is not what is expected.</param>
public sealed record Setting<T>(string Name, string Expected, string DefaultText, string Description, T Default, Setting.Parser<T> Parse)
    : SettingInfo(Name, Expected, DefaultText, Description);

/// <summary>Declares settings.</summary>
public static class Setting
{
    /// <summary>Reads <paramref name="text"/>; false when it is not what is expected.</summary>
    public delegate bool Parser<T>(string text, out T value);

    /// <summary>Any text that <paramref name="isValid"/> accepts. <paramref name="defaultText"/> describes a default that only the reader knows.</summary>
    public static Setting<string?> Text(
        string name, string description, string? @default = null, string expected = "text", Func<string, bool>? isValid = null, string? defaultText = null, bool isSecret = false) =>
        new(name, expected, defaultText ?? Code(@default), description, @default, (string text, out string? value) => isValid?.Invoke(value = text) ?? (value = text) is not null)
        {
            IsSecret = isSecret,
        };

    /// <summary>A whole number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public static Setting<int> Number(string name, string description, int @default, int min, int max) =>
        new(name, string.Create(CultureInfo.InvariantCulture, $"a whole number from {min} to {max}"), Code(@default), description, @default,
            (string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= min && value <= max);

    /// <summary>A number from <paramref name="min"/> to <paramref name="max"/>, with a decimal point if need be.</summary>
    public static Setting<double> Number(string name, string description, double @default, double min, double max) =>
        new(name, string.Create(CultureInfo.InvariantCulture, $"a number from {min} to {max}"), Code(@default), description, @default,
            (string text, out double value) => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value) && value >= min && value <= max);

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public static Setting<bool> Flag(string name, string description, bool @default, string? defaultText = null) =>
        new(name, "true or false", defaultText ?? Code(@default ? "true" : "false"), description, @default, bool.TryParse);

    /// <summary>A duration such as <c>1h30m</c> from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public static Setting<TimeSpan> Duration(string name, string description, TimeSpan @default, TimeSpan min, TimeSpan max) =>
        new(name, $"a duration from {DurationText.Format(min)} to {DurationText.Format(max)}", Code(DurationText.Format(@default)), description, @default,
            (string text, out TimeSpan value) => DurationText.TryParse(text, out value) && value >= min && value <= max);

    /// <summary>An absolute address that starts with <c>https://</c> or <c>http://</c>. No message repeats it: it can hold a password.</summary>
    public static Setting<Uri?> Address(string name, string description, string defaultText = "", string expected = "an https:// address") =>
        new(name, expected, defaultText, description, null,
            (string text, out Uri? value) => Uri.TryCreate(text, UriKind.Absolute, out value) && value.Scheme is "http" or "https" && value.Host.Length > 0)
        {
            IsSecret = true,
        };

    /// <summary>A list of items that <paramref name="isValid"/> accepts, with <paramref name="separator"/> between them.</summary>
    public static Setting<IReadOnlyList<string>> List(
        string name, string description, char separator, string expected, Func<string, bool> isValid, string defaultText) =>
        new(name, expected, defaultText, description, [], (string text, out IReadOnlyList<string> value) =>
            (value = text.Split(separator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).All(isValid));

    /// <summary>One of the names of <typeparamref name="T"/>, in any case.</summary>
    public static Setting<T> Choice<T>(string name, string description, T @default)
        where T : struct, Enum =>
        new(name, $"one of {string.Join(", ", Enum.GetNames<T>())}", Code(@default), description, @default,
            (string text, out T value) => Enum.TryParse(text, ignoreCase: true, out value) && Enum.IsDefined(value));

    private static string Code(IFormattable value) => Code(value.ToString(null, CultureInfo.InvariantCulture));

    private static string Code(string? text) => text is null ? "" : $"`{text}`";
}
