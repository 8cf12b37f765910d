// The table of answers: what a reply of the token endpoint means. Pure.
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// Turns a reply into an answer. A description is shown and never branched on, since its words vary; a status of 500 or
/// more never needs a human, whatever the body says, since it can be a gateway's.
/// </summary>
public static class TokenResponseClassifier
{
    private const int MaxSeconds = 10 * 365 * 86400;

    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromHours(1);

    /// <summary>Classifies <paramref name="reply"/>. No text of the answer holds a piece of a token in it or of <paramref name="secrets"/>.</summary>
    public static TokenResponse Classify(TokenReply reply, params IEnumerable<SecretValue?> secrets) => reply switch
    {
        { Status: >= 200 and < 300, Body: ReplyBody.Json, Error: null } or { Status: >= 200 and < 300, AccessToken: not null } => Grant(reply, secrets),
        { Status: >= 200 and < 300, Error: null } => Fail(reply, FailureKind.InvalidResponse, Describe(reply.Body), secrets),
        { Status: >= 300 and < 400 } => Fail(reply, FailureKind.InvalidResponse,
            "a redirect, which is never followed since it would send secrets elsewhere; check the setting TokenEndpoint", secrets),
        _ => Fail(reply, Kind(reply), reply.Error is null ? Describe(reply.Body) : Describe(reply), secrets),
    };

    /// <summary>What revocation means: RFC 7009 section 2.2 counts an invalid token as revoked.</summary>
    public static RevocationResponse ClassifyRevocation(TokenReply reply, params IEnumerable<SecretValue?> secrets)
    {
        var revoked = reply.Status is >= 200 and < 300 || (reply.Status == 400 && reply.Error == "invalid_token");
        return new RevocationResponse(revoked, revoked ? "" : Detail(reply, reply.Error is null ? Describe(reply.Body) : Describe(reply), secrets));
    }

    private static FailureKind Kind(TokenReply reply) => reply switch
    {
        { Status: 429 } => FailureKind.RateLimited,
        { Status: >= 500 or 408 } => FailureKind.ProviderUnavailable,
        { Error: "invalid_grant", ErrorSubtype: "invalid_rapt" or "rapt_required" } => FailureKind.SessionPolicyReauth,
        { Error: "invalid_grant" } => FailureKind.ReauthorizationRequired,
        { Error: "admin_policy_enforced" } => FailureKind.AdminPolicyBlocked,
        { Error: "invalid_client" or "deleted_client" or "disabled_client" or "unauthorized_client" } => FailureKind.ClientRejected,
        { Error: "invalid_request" or "invalid_scope" or "unsupported_grant_type" } => FailureKind.RequestRejected,
        { Error: "internal_failure" or "server_error" or "temporarily_unavailable" } => FailureKind.ProviderUnavailable,
        // Google's older way to limit the rate is a page of HTML.
        { Status: 403, Body: ReplyBody.NotJson } => FailureKind.RateLimited,
        _ => FailureKind.InvalidResponse,
    };

    private static TokenResponse Grant(TokenReply reply, IEnumerable<SecretValue?> secrets)
    {
        if (reply.AccessToken is not { } accessToken || !CredentialSyntax.IsValid(accessToken.Reveal()))
            return Fail(reply, FailureKind.InvalidResponse, "the reply holds no access_token of printable ASCII characters", secrets);
        if (reply.ExpiresIn is not { } seconds)
            return Fail(reply, FailureKind.InvalidResponse, "the reply holds no expires_in that is a number", secrets);
        if (seconds is <= 0 or > MaxSeconds)
            return Fail(reply, FailureKind.InvalidResponse, $"expires_in is not between 1 and {MaxSeconds} seconds", secrets);
        return new TokenResponse.Granted(
            accessToken,
            TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond)),
            TokenType(reply.TokenType),
            reply.Scopes,
            Rotated(reply),
            reply.RefreshTokenExpiresIn is { } left and > 0 and <= MaxSeconds ? TimeSpan.FromTicks((long)(left * TimeSpan.TicksPerSecond)) : null);
    }

    // RFC 6749 section 5.1: the type's case has no meaning.
    private static string TokenType(string? type) =>
        type is null || !CredentialSyntax.IsValid(type) || type.Equals("Bearer", StringComparison.OrdinalIgnoreCase) ? "Bearer" : type;

    private static SecretValue? Rotated(TokenReply reply) =>
        reply.RefreshToken is { } token && CredentialSyntax.IsValid(token.Reveal()) ? token : null;

    private static TokenResponse.Failed Fail(TokenReply reply, FailureKind kind, string what, IEnumerable<SecretValue?> secrets)
    {
        var rotated = reply.Status is >= 200 and < 300 ? Rotated(reply) : null;
        var wait = reply.RetryAfter > MaxRetryAfter ? MaxRetryAfter : reply.RetryAfter;
        return new TokenResponse.Failed(kind, Detail(reply, what, secrets), wait, rotated);
    }

    private static string Detail(TokenReply reply, string what, IEnumerable<SecretValue?> secrets) =>
        Redactor.Of($"HTTP {reply.Status}: {what}", [.. secrets, reply.AccessToken, reply.RefreshToken, reply.IdToken]);

    private static string Describe(TokenReply reply) =>
        reply.Error + (reply.ErrorSubtype is null ? "" : $" ({reply.ErrorSubtype})") + (reply.ErrorDescription is null ? "" : $": {reply.ErrorDescription}");

    private static string Describe(ReplyBody body) => body switch
    {
        ReplyBody.Empty => "the body is empty, JSON was expected",
        ReplyBody.NotJson => "the body is no JSON object",
        ReplyBody.TooLong => $"the body is longer than {TokenReply.MaxBytes} bytes",
        _ => "the body names no error code",
    };
}
