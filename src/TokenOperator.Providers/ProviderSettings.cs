using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers;

/// <summary>A setting under <c>Providers:</c> cannot be used. The message names it and repeats no value.</summary>
public sealed class ProviderSettingException(string message) : Exception(message);

/// <summary>Reads and checks the configuration section <c>Providers</c>.</summary>
public static partial class ProviderSettings
{
    /// <summary>Google, whether configured or not, and every other provider that has a section.</summary>
    /// <exception cref="ProviderSettingException">A name, an address or a number cannot be used.</exception>
    public static IReadOnlyList<ProviderOptions> Read(IConfiguration configuration)
    {
        var sections = configuration.GetSection("Providers").GetChildren().ToDictionary(section => section.Key.ToLowerInvariant());
        var others = sections.Where(section => section.Key != ProviderOptions.Google.Name).Select(section => Read(section.Key, section.Value, null));
        var google = sections.TryGetValue(ProviderOptions.Google.Name, out var own)
            ? Read(ProviderOptions.Google.Name, own, ProviderOptions.Google)
            : ProviderOptions.Google;
        return [google, .. others.OrderBy(options => options.Name, StringComparer.Ordinal)];
    }

    private static ProviderOptions Read(string name, IConfigurationSection section, ProviderOptions? defaults)
    {
        if (!NamePattern().IsMatch(name))
        {
            throw new ProviderSettingException(
                $"Setting {Name(section)}: a provider's name is expected to be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit.");
        }

        var endpoint = Address(section, "TokenEndpoint");
        return new ProviderOptions
        {
            Name = name,
            TokenEndpoint = endpoint ?? defaults?.TokenEndpoint
                ?? throw new ProviderSettingException($"Setting {Name(section)}__TokenEndpoint is missing: the address of the provider's token endpoint is expected."),
            AuthorizationEndpoint = Address(section, "AuthorizationEndpoint") ?? defaults?.AuthorizationEndpoint,
            ConsentScopes = Scopes(section) ?? defaults?.ConsentScopes ?? ["openid", "email", "offline_access"],
            // Who answers at another address is not the default's issuer.
            Issuers = section["Issuer"] is { Length: > 0 } issuer ? [issuer] : endpoint is null ? defaults?.Issuers ?? [] : [],
            RevocationEndpoint = Address(section, "RevocationEndpoint") ?? defaults?.RevocationEndpoint,
            Timeout = Timeout(section),
            RotatesRefreshTokens = Flag(section, "RotatesRefreshTokens") ?? defaults?.RotatesRefreshTokens ?? true,
            Rate = new RequestRate(
                Number(section, "RequestsPerSecond", RequestRate.Default.PerSecond, 0.01, 10_000),
                (int)Number(section, "Burst", RequestRate.Default.Burst, 1, 10_000, NumberStyles.None)),
        };
    }

    private static Uri? Address(IConfigurationSection section, string key)
    {
        if (section[key] is not { Length: > 0 } text)
            return null;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.Host.Length == 0)
            throw Refused(section, key, "is not an absolute address that begins with https://");
        if (address.UserInfo.Length > 0 || address.Fragment.Length > 0)
            throw Refused(section, key, "holds a user name, a password or a fragment (#), which an endpoint must not have");
        if (address.Scheme == "http" && !address.IsLoopback && Flag(section, "AllowInsecureHttp") != true)
        {
            throw Refused(section, key, "is plain http: client secrets and refresh tokens would cross the network unencrypted. "
                + $"Use https://, or set {Name(section)}__AllowInsecureHttp=true if that network is trusted");
        }

        return address;
    }

    private static string[]? Scopes(IConfigurationSection section)
    {
        if (section["ConsentScopes"] is not { Length: > 0 } text)
            return null;
        var scopes = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return Array.TrueForAll(scopes, CredentialSyntax.IsScope) ? scopes : throw Refused(section, "ConsentScopes", "is no list of scopes with blanks between");
    }

    private static bool? Flag(IConfigurationSection section, string key) =>
        section[key] is not { Length: > 0 } text ? null
        : bool.TryParse(text, out var value) ? value
        : throw Refused(section, key, "is neither true nor false");

    private static TimeSpan Timeout(IConfigurationSection section)
    {
        if (section["TimeoutSeconds"] is not { Length: > 0 } text)
            return ProviderOptions.Google.Timeout;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= 300
            ? TimeSpan.FromSeconds(seconds)
            : throw Refused(section, "TimeoutSeconds", "is not a whole number from 1 to 300");
    }

    private static double Number(
        IConfigurationSection section, string key, double otherwise, double least, double most, NumberStyles style = NumberStyles.AllowDecimalPoint)
    {
        if (section[key] is not { Length: > 0 } text)
            return otherwise;
        return double.TryParse(text, style, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw Refused(section, key, string.Create(
                CultureInfo.InvariantCulture, $"is not a {(style == NumberStyles.None ? "whole number" : "number")} from {least} to {most}"));
    }

    private static ProviderSettingException Refused(IConfigurationSection section, string key, string what) => new($"Setting {Name(section)}__{key} {what}.");

    /// <summary>As an environment variable is called.</summary>
    private static string Name(IConfigurationSection section) => section.Path.Replace(":", "__", StringComparison.Ordinal);

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
