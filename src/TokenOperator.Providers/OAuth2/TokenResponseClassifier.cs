// The table in docs/failures.md as code: what a reply of the token endpoint means. Pure.
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// Classifies what came of a call. No result depends on error_description, whose wording varies. A status of 500 or more never
/// needs a human, whatever the body says, because it can come from a gateway.
/// </summary>
internal static class TokenResponseClassifier
{
    /// <summary>A token that lives for less is of no use to an app, and the operator would do nothing but refresh it.</summary>
    private const int MinSeconds = 5;

    private const int MaxSeconds = 10 * 365 * 86400;

    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromHours(1);

    /// <summary>Classifies the call of a token endpoint. No text of the result contains part of a token or of <paramref name="secrets"/>.</summary>
    public static TokenResponse Classify(TokenEndpointResult result, params IEnumerable<SecretValue?> secrets) => result switch
    {
        TokenEndpointResult.Replied replied => Classify(replied.Reply, secrets),
        TokenEndpointResult.NoReply none => new TokenResponse.Failed(FailureKind.ProviderUnavailable, Redactor.Of(none.Detail, [.. secrets])),
        _ => throw new InvalidOperationException($"{result.GetType().Name} has no meaning here."),
    };

    /// <inheritdoc cref="Classify(TokenEndpointResult, IEnumerable{SecretValue?})"/>
    public static TokenResponse Classify(TokenEndpointReply reply, params IEnumerable<SecretValue?> secrets) => reply switch
    {
        { Status: >= 200 and < 300, Body: ReplyBody.Json, Error: null } or { Status: >= 200 and < 300, AccessToken: not null } => Grant(reply, secrets),
        { Status: >= 200 and < 300, Error: null } => Fail(reply, FailureKind.InvalidResponse, Describe(reply.Body), secrets),
        { Status: >= 300 and < 400 } => Fail(reply, FailureKind.InvalidResponse,
            "a redirect, which is not followed because it would send secrets elsewhere; check the setting TokenEndpoint", secrets),
        _ => Fail(reply, Kind(reply), Describe(reply.Body), secrets),
    };

    /// <summary>Classifies the call of a revocation endpoint. An invalid token counts as revoked (RFC 7009 section 2.2).</summary>
    public static RevocationResponse ClassifyRevocation(TokenEndpointResult result, params IEnumerable<SecretValue?> secrets) => result switch
    {
        TokenEndpointResult.Replied replied => ClassifyRevocation(replied.Reply, secrets),
        TokenEndpointResult.NoReply none => new RevocationResponse(false, Redactor.Of(none.Detail, [.. secrets])),
        _ => throw new InvalidOperationException($"{result.GetType().Name} has no meaning here."),
    };

    /// <inheritdoc cref="ClassifyRevocation(TokenEndpointResult, IEnumerable{SecretValue?})"/>
    public static RevocationResponse ClassifyRevocation(TokenEndpointReply reply, params IEnumerable<SecretValue?> secrets)
    {
        var revoked = reply.Status is >= 200 and < 300 || (reply.Status == 400 && reply.Error == "invalid_token");
        return new RevocationResponse(revoked, revoked ? "" : Detail(reply, Describe(reply.Body), secrets));
    }

    private static FailureKind Kind(TokenEndpointReply reply) => reply switch
    {
        { Status: 429 } => FailureKind.RateLimited,
        { Status: >= 500 or 408 } => FailureKind.ProviderUnavailable,
        { Error: "invalid_grant", ErrorSubtype: "invalid_rapt" or "rapt_required" } => FailureKind.SessionPolicyReauth,
        { Error: "invalid_grant" } => FailureKind.ReauthorizationRequired,
        { Error: { } code } => KindOf(code),
        // Google's older rate limit responds with an HTML page.
        { Status: 403, Body: ReplyBody.NotJson } => FailureKind.RateLimited,
        _ => FailureKind.InvalidResponse,
    };

    // Servers spell the same code in different ways: rate_limit_exceeded, rateLimitExceeded, RATE-LIMIT-EXCEEDED.
    private static FailureKind KindOf(string code) => string.Concat(code.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant() switch
    {
        "invalidclient" or "deletedclient" or "disabledclient" => FailureKind.ClientRejected,
        // RFC 6749 section 5.2: this client may not use this grant. Google says so of a refresh token that another client obtained.
        "unauthorizedclient" or "invalidrequest" or "invalidscope" or "unsupportedgranttype" => FailureKind.RequestRejected,
        "internalfailure" or "internalerror" or "servererror" or "temporarilyunavailable" or "serviceunavailable" or "timeout" => FailureKind.ProviderUnavailable,
        "ratelimitexceeded" or "userratelimitexceeded" or "ratelimited" or "ratelimit" or "ratelimiterror" or "toomanyrequests" or "toomanyattempts"
            or "quotaexceeded" or "resourceexhausted" or "slowdown" or "throttled" => FailureKind.RateLimited,
        "adminpolicyenforced" or "orginternal" => FailureKind.AdminPolicyBlocked,
        // OpenID Connect Core section 3.1.2.6, RFC 6750 section 3.1, and what providers call a grant that has ended.
        "loginrequired" or "interactionrequired" or "consentrequired" or "accountselectionrequired" or "reauthenticationrequired" or "reauthrequired"
            or "mfarequired" or "accessdenied" or "authorizationdeclined" or "invalidgrant" or "invalidtoken" or "invalidrefreshtoken" or "badrefreshtoken"
            or "tokenexpired" or "expiredtoken" or "refreshtokenexpired" or "tokenrevoked" or "revokedtoken" or "tokeninactive"
            or "inactiveuser" or "userdisabled" or "accountdisabled" or "accountsuspended" => FailureKind.ReauthorizationRequired,
        _ => FailureKind.InvalidResponse,
    };

    private static TokenResponse Grant(TokenEndpointReply reply, IEnumerable<SecretValue?> secrets)
    {
        if (reply.AccessToken is not { } accessToken || !CredentialSyntax.IsValid(accessToken.Reveal()))
            return Fail(reply, FailureKind.InvalidResponse, "the response has no access_token of printable ASCII characters", secrets);
        if (reply.ExpiresIn is not { } seconds)
            return Fail(reply, FailureKind.InvalidResponse, "the response has no expires_in that is a number", secrets);
        if (seconds is < MinSeconds or > MaxSeconds)
            return Fail(reply, FailureKind.InvalidResponse, $"expires_in is not between {MinSeconds} and {MaxSeconds} seconds", secrets);
        return new TokenResponse.Granted(
            accessToken,
            Seconds(seconds),
            TokenType(reply.TokenType),
            reply.Scopes,
            Rotated(reply),
            reply.RefreshTokenExpiresIn is { } left and > 0 and <= MaxSeconds ? Seconds(left) : null);
    }

    private static TimeSpan Seconds(decimal seconds) => TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));

    // RFC 6749 section 5.1: the type is case-insensitive. Appendix A.13: a name, or the URI of an extension.
    private static string TokenType(string? type) =>
        type is not { Length: <= 64 } || !type.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or ':' or '/')
            || type.Equals("Bearer", StringComparison.OrdinalIgnoreCase) ? "Bearer" : type;

    private static SecretValue? Rotated(TokenEndpointReply reply) =>
        reply.RefreshToken is { } token && CredentialSyntax.IsValid(token.Reveal()) ? token : null;

    private static TokenResponse.Failed Fail(TokenEndpointReply reply, FailureKind kind, string what, IEnumerable<SecretValue?> secrets)
    {
        var rotated = reply.Status is >= 200 and < 300 ? Rotated(reply) : null;
        var wait = reply.RetryAfter > MaxRetryAfter ? MaxRetryAfter : reply.RetryAfter;
        return new TokenResponse.Failed(kind, Detail(reply, what, secrets), wait, rotated);
    }

    /// <summary>Each part of the reply is checked on its own, so that an echo in the description does not hide the code.</summary>
    private static string Detail(TokenEndpointReply reply, string what, IEnumerable<SecretValue?> secrets)
    {
        SecretValue?[] known = [.. secrets, reply.AccessToken, reply.RefreshToken, reply.IdToken];
        var parts = reply.Error is null
            ? what
            : Redactor.Of(reply.Error, known)
                + (reply.ErrorSubtype is null ? "" : $" ({Redactor.Of(reply.ErrorSubtype, known)})")
                + (reply.ErrorDescription is null ? "" : $": {Redactor.Of(reply.ErrorDescription, known)}");
        return Redactor.Of($"HTTP {reply.Status}: {parts}");
    }

    private static string Describe(ReplyBody body) => body switch
    {
        ReplyBody.Empty => "the body is empty; JSON was expected",
        ReplyBody.NotJson => "the body is not a JSON object",
        ReplyBody.TooLong => $"the body is longer than {TokenEndpointReply.MaxBytes} bytes",
        _ => "the body has no error code",
    };
}
