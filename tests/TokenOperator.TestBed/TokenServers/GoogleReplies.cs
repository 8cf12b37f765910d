using System.Text.Json.Nodes;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>The JSON bodies of Google's replies.</summary>
internal static class GoogleReplies
{
    public static string Error(string error, string? description = null, string? subtype = null)
    {
        var reply = new JsonObject { ["error"] = error };
        if (description is not null)
            reply["error_description"] = description;
        if (subtype is not null)
            reply["error_subtype"] = subtype;
        return reply.ToJsonString();
    }

    /// <summary>RFC 8628 section 3.2, with the shortest interval that clients respect.</summary>
    public static string Device(string deviceCode, string userCode, Uri page) => new JsonObject
    {
        ["device_code"] = deviceCode,
        ["user_code"] = userCode,
        ["verification_url"] = page.AbsoluteUri,
        ["expires_in"] = 1800,
        ["interval"] = 1,
    }.ToJsonString();

    public static string Token(string accessToken, TimeSpan lifetime, string scope, string? refreshToken, TimeSpan? refreshTokenLifetime)
    {
        var reply = new JsonObject
        {
            ["access_token"] = accessToken,
            ["expires_in"] = (long)lifetime.TotalSeconds,
            ["scope"] = scope,
            ["token_type"] = "Bearer",
        };
        if (refreshToken is not null)
            reply["refresh_token"] = refreshToken;
        if (refreshTokenLifetime is { } left)
            reply["refresh_token_expires_in"] = (long)left.TotalSeconds;
        return reply.ToJsonString();
    }
}
