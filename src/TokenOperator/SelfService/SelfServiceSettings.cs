using System.Globalization;
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Tokens;

namespace TokenOperator.SelfService;

/// <summary>Whether and where people may consent by a link in the status. Off without a public address.</summary>
public sealed record SelfServiceSettings
{
    /// <summary><c>SelfService__PublicUrl</c>: what a browser reaches <see cref="Port"/> by; ends with a slash. Null: off.</summary>
    public Uri? PublicUrl { get; init; }

    /// <summary><c>SelfService__Port</c>: nothing else is served there.</summary>
    public int Port { get; init; } = 8081;

    /// <summary><c>SelfService__LinkLifetime</c>; a new link is made at half of it.</summary>
    public TimeSpan LinkLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a person may take at the provider.</summary>
    public TimeSpan ConsentLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>What is to be entered as redirect address in the provider's console.</summary>
    public Uri? RedirectUri => PublicUrl is null ? null : new Uri(PublicUrl, "authorize/callback");

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidSettingException">One is not of its form.</exception>
    public static SelfServiceSettings From(IConfiguration configuration) => new()
    {
        PublicUrl = PublicAddress(configuration["SelfService:PublicUrl"]),
        Port = Read(configuration, "Port", 8081, text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535 ? port : null, "a port from 1 to 65535"),
        LinkLifetime = Read(
            configuration, "LinkLifetime", TimeSpan.FromHours(1),
            text => DurationText.TryParse(text, out var lifetime) && lifetime >= TimeSpan.FromSeconds(2) && lifetime <= TimeSpan.FromDays(7) ? lifetime : null,
            "a duration from 2s to 168h, such as 1h"),
    };

    private static Uri? PublicAddress(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        if (!Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http")
            || (address.Scheme == "http" && !address.IsLoopback) || address.UserInfo.Length > 0 || address.Query.Length > 0 || address.Fragment.Length > 0)
        {
            throw new InvalidSettingException("The setting SelfService__PublicUrl is expected to be an address such as https://tokens.example.com, without user, query or fragment; plain http for this machine alone.");
        }

        return address;
    }

    private static T Read<T>(IConfiguration configuration, string key, T otherwise, Func<string, T?> parse, string expected)
        where T : struct =>
        configuration[$"SelfService:{key}"] is not { Length: > 0 } text ? otherwise
        : parse(text) ?? throw new InvalidSettingException($"The setting SelfService__{key} is \"{(text.Length > 40 ? text[..40] + "..." : text)}\"; expected {expected}.");
}
