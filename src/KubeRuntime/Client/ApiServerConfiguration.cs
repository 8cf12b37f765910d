using System.Net;
using k8s;
using k8s.Exceptions;

namespace KubeRuntime.Client;

/// <summary>The settings of a connection, with those of a kubeconfig that KubernetesClient does not know.</summary>
public sealed class ApiServerConfiguration : KubernetesClientConfiguration
{
    /// <summary>The proxy that the kubeconfig names (<c>proxy-url</c>); null when it names none.</summary>
    public IWebProxy? Proxy { get; init; }

    /// <summary>The limit for one request, unless the user names another one.</summary>
    public static readonly TimeSpan DefaultRequestTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Whom the requests act as; null for the user who signs in.</summary>
    public Impersonation? Impersonation { get; set; }

    /// <summary>The limit for one request: for its response, or only for the headers of one that has no end. Zero for none.</summary>
    public TimeSpan RequestTimeout { get; init; } = DefaultRequestTimeout;

    /// <summary>Reads a <c>proxy-url</c>; null for none.</summary>
    /// <exception cref="KubeConfigException">It is not the address of a proxy. The message does not repeat it, because it can contain a password.</exception>
    internal static IWebProxy? ProxyAt(string? url, string owner)
    {
        if (url is null)
            return null;
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https" or "socks5") || uri.Host.Length == 0)
            throw new KubeConfigException($"the proxy-url of {owner} cannot be used; expected an address that starts with http://, https:// or socks5://");
        return new OnlyProxy(uri);
    }

    /// <summary>A proxy for each request, whatever its address. WebProxy has exceptions.</summary>
    private sealed class OnlyProxy : IWebProxy
    {
        private const int DefaultSocksPort = 1080;
        private readonly Uri _address;

        public OnlyProxy(Uri url)
        {
            // Without the password, because messages of .NET quote the address.
            _address = new UriBuilder(url.Scheme, url.Host, url.Port > 0 ? url.Port : DefaultSocksPort).Uri;
            var user = url.UserInfo.Split(':', 2);
            if (user[0].Length > 0)
                Credentials = new NetworkCredential(Uri.UnescapeDataString(user[0]), Uri.UnescapeDataString(user.ElementAtOrDefault(1) ?? ""));
        }

        public ICredentials? Credentials { get; set; }

        public Uri GetProxy(Uri destination) => _address;

        public bool IsBypassed(Uri host) => false;
    }
}
