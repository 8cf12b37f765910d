namespace KubeRuntime.Client;

/// <summary>The address of an API server. Rancher and other gateways have a path in front of the API.</summary>
internal static class ServerAddress
{
    /// <summary>What an address must be, for messages.</summary>
    public const string Expected = "an address such as https://10.0.0.1:6443";

    /// <summary>
    /// An address with a scheme. As with client-go (rest/url_utils.go), a host, with or without a port, is enough, and no path can follow it.
    /// </summary>
    /// <param name="text">What someone wrote.</param>
    /// <param name="isSecure">Whether the cluster has settings for TLS, so that <c>https</c> is meant.</param>
    /// <returns>The address, or <paramref name="text"/> if it has a scheme or is no address.</returns>
    public static string? WithScheme(string? text, bool isSecure)
    {
        if (text is null || text.Contains("://", StringComparison.Ordinal))
            return text;
        var address = $"{(isSecure ? Uri.UriSchemeHttps : Uri.UriSchemeHttp)}://{text}";
        return Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.PathAndQuery == "/" ? address : text;
    }

    /// <summary>
    /// Reads an address. The result ends with a slash, because a relative URI replaces what follows the last slash. Like client-go
    /// (rest/client.go), it ignores a query and a fragment.
    /// </summary>
    public static Uri? Parse(string? text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" && uri.Host.Length > 0 && uri.UserInfo.Length == 0
            ? WithSlash(uri)
            : null;

    /// <summary>The same address, with a slash at its end.</summary>
    public static Uri WithSlash(Uri address)
    {
        var path = address.GetLeftPart(UriPartial.Path);
        return new Uri(path.EndsWith('/') ? path : path + "/");
    }

    /// <summary>The address as a message shows it: without a password.</summary>
    public static string Shown(string? text) =>
        text?.Contains('@', StringComparison.Ordinal) == true ? "one with a user name or a password" : $"\"{text}\"";
}
