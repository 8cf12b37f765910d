using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Settings;

namespace TokenOperator.SelfService;

/// <summary>Whether and where people can consent by a link in the status. The pages are off without a public address.</summary>
public sealed record SelfServiceSettings
{
    private static readonly Setting<Uri?> PublicUrlSetting = Setting.Address(
        "SelfService__PublicUrl",
        "Address at which a browser reaches the self-service pages, such as `https://tokens.example.com`. Without it, there are no pages: [authorize.md](authorize.md#by-a-link).",
        expected: "an https:// address without user, query or fragment (http:// for this machine only)");

    private static readonly Setting<int> PortSetting = Setting.Number(
        "SelfService__Port", "Port of these pages. Nothing else is served on this port.", 8081, 1, 65535);

    private static readonly Setting<TimeSpan> LinkLifetimeSetting = Setting.Duration(
        "SelfService__LinkLifetime", "How long a link in a status is valid. A new link replaces it after half of this time.",
        TimeSpan.FromHours(1), TimeSpan.FromSeconds(2), TimeSpan.FromDays(7));

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [PublicUrlSetting, PortSetting, LinkLifetimeSetting];

    /// <summary>The address at which a browser reaches <see cref="Port"/>; ends with a slash. Null turns the pages off.</summary>
    public Uri? PublicUrl { get; init; }

    /// <summary>The port of the pages; nothing else is served there.</summary>
    public int Port { get; init; } = PortSetting.Default;

    /// <summary>How long a link is valid; a new link replaces it after half of this time.</summary>
    public TimeSpan LinkLifetime { get; init; } = LinkLifetimeSetting.Default;

    /// <summary>How long a person has to complete the consent at the provider.</summary>
    public TimeSpan ConsentLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The redirect URI to register in the console of <paramref name="provider"/>. Each provider has its own, so that a response is never
    /// taken for that of another (RFC 9700 section 4.4).
    /// </summary>
    public Uri? RedirectUriOf(string provider) => PublicUrl is null ? null : new Uri(PublicUrl, $"authorize/callback/{Uri.EscapeDataString(provider)}");

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidSettingException">One is not valid.</exception>
    public static SelfServiceSettings Read(IConfiguration configuration) => SettingsReader.Read(configuration, Read);

    /// <summary>Reads them, and records what is wrong in <paramref name="reader"/>.</summary>
    public static SelfServiceSettings Read(SettingsReader reader) => new()
    {
        PublicUrl = ReadPublicUrl(reader),
        Port = reader.Get(PortSetting),
        LinkLifetime = reader.Get(LinkLifetimeSetting),
    };

    private static Uri? ReadPublicUrl(SettingsReader reader)
    {
        if (reader.Get(PublicUrlSetting) is not { } address)
            return null;
        if ((address.Scheme == Uri.UriSchemeHttp && !address.IsLoopback) || address.UserInfo.Length > 0 || address.Query.Length > 0 || address.Fragment.Length > 0)
        {
            reader.Reject(PublicUrlSetting, null, $"cannot be used; expected {PublicUrlSetting.Expected}");
            return null;
        }

        return new Uri(address.AbsoluteUri.TrimEnd('/') + "/");
    }
}
