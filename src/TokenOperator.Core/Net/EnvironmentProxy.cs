// How a request leaves this machine. Reads settings; opens no connection.
using System.Net;
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Settings;

namespace TokenOperator.Core.Net;

/// <summary>
/// The proxy that the environment names. HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY mean what they mean to curl and to programs in
/// Go, such as kubectl (golang.org/x/net/http/httpproxy). .NET's own reading of NO_PROXY knows neither networks nor ports nor suffixes
/// without a dot.
/// </summary>
public sealed class EnvironmentProxy : IWebProxy
{
    private const string Expected = "an address such as http://proxy.example.com:3128 (also https:// or socks5://)";

    private static readonly Setting<Uri?> HttpsSetting = Proxy("HTTPS_PROXY", "Proxy for `https://` addresses: the API server and the providers.");

    private static readonly Setting<Uri?> HttpSetting = Proxy("HTTP_PROXY", "Proxy for `http://` addresses.");

    private static readonly Setting<Uri?> AllSetting = Proxy("ALL_PROXY", "Proxy for addresses for which the other two settings name none.");

    private static readonly Setting<string?> ExceptionsSetting = Setting.Text(
        "NO_PROXY", "What is reached without a proxy: [Proxies](#proxies).", expected: "names, addresses and networks, separated by commas");

    private readonly Uri? _https;
    private readonly Uri? _http;
    private readonly ProxyExceptions _exceptions;

    private EnvironmentProxy(Uri? https, Uri? http, ProxyExceptions exceptions)
    {
        // Without their passwords, because messages of .NET quote the address.
        (_https, _http, _exceptions) = (WithoutUser(https), WithoutUser(http), exceptions);
        Credentials = new ProxyPasswords([.. new[] { https, http }.OfType<Uri>()]);
    }

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [HttpsSetting, HttpSetting, AllSetting, ExceptionsSetting];

    /// <inheritdoc/>
    public ICredentials? Credentials { get; set; }

    /// <summary>Reads the settings.</summary>
    /// <exception cref="InvalidSettingException">One is not valid. A proxy that cannot be used must not lead to requests without a proxy.</exception>
    public static EnvironmentProxy Read(IConfiguration configuration) => SettingsReader.Read(configuration, Read);

    /// <summary>Reads the settings, and records what is wrong in <paramref name="reader"/>.</summary>
    public static EnvironmentProxy Read(SettingsReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var all = reader.Get(AllSetting);
        return new(reader.Get(HttpsSetting) ?? all, reader.Get(HttpSetting) ?? all, ProxyExceptions.Parse(reader.Get(ExceptionsSetting)));
    }

    /// <summary>The address of the proxy for <paramref name="destination"/>, without its password; null for none.</summary>
    public Uri? GetProxy(Uri destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var proxy = destination.Scheme is "https" ? _https : _http;
        return proxy is null || _exceptions.Contain(destination.IdnHost, destination.Port) ? null : proxy;
    }

    /// <inheritdoc/>
    public bool IsBypassed(Uri host) => GetProxy(host) is null;

    /// <summary><c> through the proxy ADDRESS</c> for messages about a request to <paramref name="destination"/>; empty without a proxy.</summary>
    public static string Through(IWebProxy? proxy, Uri destination) =>
        proxy?.IsBypassed(destination) == false && proxy.GetProxy(destination) is { } address && address != destination
            ? $" through the proxy {address.GetLeftPart(UriPartial.Authority)}"
            : "";

    private static Setting<Uri?> Proxy(string name, string description) => new(name, Expected, "", description, null, TryParse) { IsSecret = true };

    private static bool TryParse(string text, out Uri? proxy) =>
        // An address without a scheme is one of an HTTP proxy. .NET always lets a SOCKS proxy look up names, which is what socks5h means.
        Uri.TryCreate(
            !text.Contains("://", StringComparison.Ordinal) ? $"http://{text}"
            : text.StartsWith("socks5h://", StringComparison.OrdinalIgnoreCase) ? $"socks5{text["socks5h".Length..]}"
            : text,
            UriKind.Absolute,
            out proxy)
        && proxy.Scheme is "http" or "https" or "socks5" or "socks4" or "socks4a" && proxy.Host.Length > 0;

    private static Uri? WithoutUser(Uri? proxy) => proxy is null ? null : new UriBuilder(proxy.Scheme, proxy.Host, proxy.Port > 0 ? proxy.Port : 1080).Uri;

    /// <summary>The user names and passwords in the addresses of the proxies.</summary>
    private sealed class ProxyPasswords(IReadOnlyList<Uri> proxies) : ICredentials
    {
        public NetworkCredential? GetCredential(Uri uri, string authType) =>
            proxies.FirstOrDefault(proxy => WithoutUser(proxy) == uri && proxy.UserInfo.Length > 0)?.UserInfo.Split(':', 2) is { } user
                ? new NetworkCredential(Uri.UnescapeDataString(user[0]), Uri.UnescapeDataString(user.ElementAtOrDefault(1) ?? ""))
                : null;
    }
}
