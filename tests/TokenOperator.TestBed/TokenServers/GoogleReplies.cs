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
