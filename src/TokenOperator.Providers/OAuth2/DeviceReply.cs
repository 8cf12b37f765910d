using System.Text.Json;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;

namespace TokenOperator.Providers.OAuth2;

/// <summary>Reads the reply of a device authorization endpoint (RFC 8628 section 3.2).</summary>
internal static class DeviceReply
{
    private const int MaxUserCodeLength = 64;
    private const int MaxSeconds = 3600;

    /// <summary>The codes; null if one is missing or cannot be used.</summary>
    public static DeviceAuthorization? Read(JsonElement json)
    {
        // Google and earlier drafts name the page verification_url.
        var page = Page(json, "verification_uri") ?? Page(json, "verification_url");
        if (json.Text("device_code") is not { } code || !CredentialSyntax.IsValid(code) || page is null
            || json.Text("user_code") is not { Length: <= MaxUserCodeLength } userCode || !DisplayText.IsPrintable(userCode))
        {
            return null;
        }

        return new DeviceAuthorization
        {
            DeviceCode = new SecretValue(code),
            UserCode = userCode,
            VerificationUri = page,
            // The address must not lead to another site than the one that the person is told.
            CompleteVerificationUri = Page(json, "verification_uri_complete") is { } complete && complete.Authority == page.Authority ? complete : null,
            Lifetime = TimeSpan.FromSeconds((double)Math.Clamp(json.Number("expires_in") ?? 0, 0, MaxSeconds)),
            Interval = json.Number("interval") is > 0 and <= MaxSeconds and var seconds ? TimeSpan.FromSeconds((double)seconds) : DeviceAuthorization.DefaultInterval,
        };
    }

    /// <summary>An address that a browser can open: https, or http on this machine.</summary>
    private static Uri? Page(JsonElement json, string name) =>
        Uri.TryCreate(json.Text(name), UriKind.Absolute, out var address) && address.UserInfo.Length == 0
            && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
            ? address
            : null;
}
