// What a reply of the token endpoint means. Pure.
using System.Buffers.Text;
using System.Text.Json;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// Classifies what came of a call: by the rules of the provider's document, in their order, and then as the standard says. Without a rule,
/// no result depends on error_description, whose wording varies. A status of 500 or more never needs a human unless a rule names that
/// status, because it can come from a gateway.
/// </summary>
internal static class TokenResponseClassifier
{
    /// <summary>A token that lives for less is of no use to an app, and the operator would do nothing but refresh it.</summary>
    private const int MinSeconds = 5;

    private const int MaxSeconds = 10 * 365 * 86400;

    /// <summary>Classifies the call of a token endpoint. No text of the result contains part of a token or of <paramref name="secrets"/>.</summary>
    /// <param name="provider">The rules.</param>
    /// <param name="result">What came of the call.</param>
    /// <param name="sentAt">When the call began.</param>
    /// <param name="secrets">What the provider knows and nobody may be shown.</param>
    public static TokenResponse Classify(ProviderDocument provider, TokenEndpointResult result, DateTimeOffset sentAt, params IEnumerable<SecretValue?> secrets) => result switch
    {
        TokenEndpointResult.Replied { Reply: var reply } => Classify(provider, reply, sentAt, secrets) switch
        {
            TokenResponse.Failed failed when HidesAnswer(reply) => failed with { IsUnanswered = true },
            var response => response,
        },
        TokenEndpointResult.NoReply none => new TokenResponse.Failed(FailureKind.ProviderUnavailable, Redactor.Of(none.Detail, [.. secrets])) { IsUnanswered = none.IsSent },
        TokenEndpointResult.Unsendable unsent => new TokenResponse.Failed(FailureKind.RequestRejected, unsent.Detail),
        _ => throw new InvalidOperationException($"{result.GetType().Name} has no meaning here."),
    };

    /// <inheritdoc cref="Classify(ProviderDocument, TokenEndpointResult, DateTimeOffset, IEnumerable{SecretValue?})"/>
    public static TokenResponse Classify(ProviderDocument provider, TokenEndpointReply reply, DateTimeOffset sentAt, params IEnumerable<SecretValue?> secrets) => reply switch
    {
        { IsMarkedAsFailure: true } => Fail(provider, reply, secrets),
        { Status: >= 200 and < 300, AccessToken: not null, HasErrorText: false } => Grant(provider, reply, sentAt, secrets),
        { Status: >= 200 and < 300, Body: ReplyBody.Fields, Error: null } when FindRule(provider, reply) is null => Grant(provider, reply, sentAt, secrets),
        { Status: >= 300 and < 400 } => Fail(reply, FailureKind.InvalidResponse,
            $"a redirect, which is not followed because it would send secrets elsewhere; check {provider.PlaceOf("tokenEndpoint")}", secrets),
        _ => Fail(provider, reply, secrets),
    };

    /// <summary>True if the provider may have answered something else: a gateway lost its answer, or the answer cannot be read.</summary>
    private static bool HidesAnswer(TokenEndpointReply reply) => reply is { Status: 502 or 504 } or { Status: >= 200 and < 300, Body: not ReplyBody.Fields };

    /// <summary>Classifies the check of an access token that never expires. Only an answer that no gateway gives says that it is dead.</summary>
    public static TokenResponse ClassifyCheck(ProviderDocument provider, TokenEndpointCall call) => call.Reply switch
    {
        null => call.Classify(provider),
        { Status: >= 200 and < 300, IsMarkedAsFailure: false } reply when FindRule(provider, reply) is null => new TokenResponse.StillValid(),
        { Status: 401 } reply when FindRule(provider, reply) is null =>
            Fail(reply, FailureKind.ReauthorizationRequired, "the access token, which never expires, was rejected", call.Secrets),
        // A resource answers 403 to a token that works and lacks a right.
        { Status: 403 } reply when FindRule(provider, reply) is null && Kind(reply) != FailureKind.ReauthorizationRequired =>
            Fail(reply, FailureKind.InvalidResponse, "the check of the access token was refused", call.Secrets),
        { } reply => Fail(provider, reply, call.Secrets),
    };

    /// <summary>Classifies the call of a revocation endpoint. An invalid token counts as revoked (RFC 7009 section 2.2).</summary>
    public static RevocationResponse ClassifyRevocation(TokenEndpointResult result, params IEnumerable<SecretValue?> secrets) => result switch
    {
        TokenEndpointResult.Replied replied => ClassifyRevocation(replied.Reply, secrets),
        TokenEndpointResult.NoReply none => new RevocationResponse(false, Redactor.Of(none.Detail, [.. secrets])),
        TokenEndpointResult.Unsendable unsent => new RevocationResponse(false, unsent.Detail),
        _ => throw new InvalidOperationException($"{result.GetType().Name} has no meaning here."),
    };

    /// <inheritdoc cref="ClassifyRevocation(TokenEndpointResult, IEnumerable{SecretValue?})"/>
    public static RevocationResponse ClassifyRevocation(TokenEndpointReply reply, params IEnumerable<SecretValue?> secrets)
    {
        var revoked = (reply.Status is >= 200 and < 300 && !reply.IsMarkedAsFailure) || (reply.Status is (>= 200 and < 300) or 400 && IsGone(reply));
        return new RevocationResponse(revoked, revoked ? "" : Detail(reply, Describe(reply.Body), secrets));
    }

    /// <summary>True if there is nothing left to revoke. Google says invalid_token, Slack token_revoked or account_inactive, and Twitch only a text.</summary>
    private static bool IsGone(TokenEndpointReply reply) =>
        reply.Error is "invalid_token" or "token_revoked" or "account_inactive" || (reply.Error is null && string.Equals(reply.ErrorDescription, "Invalid token", StringComparison.OrdinalIgnoreCase));

    private static ErrorRule? FindRule(ProviderDocument provider, TokenEndpointReply reply)
    {
        foreach (var rule in provider.Errors.Rules)
        {
            if (rule.Matches(reply.Status, reply.Error, reply.ErrorNumbers, reply.ErrorDescription, reply.ErrorSubtype) && rule.Decides(reply.Status))
                return rule;
        }

        return null;
    }

    private static TokenResponse.Failed Fail(ProviderDocument provider, TokenEndpointReply reply, IEnumerable<SecretValue?> secrets)
    {
        var rule = FindRule(provider, reply);
        var kind = rule?.Kind ?? (reply is { Status: >= 200 and < 300, Error: null } ? FailureKind.InvalidResponse : Kind(reply));
        return Fail(reply, kind, Describe(reply.Body), secrets) with { MinDelay = rule?.MinDelay, HasUnknownCode = kind == FailureKind.InvalidResponse && reply.Error is not null };
    }

    private static FailureKind Kind(TokenEndpointReply reply) => reply switch
    {
        { Status: 429 } => FailureKind.RateLimited,
        { Status: >= 500 or 408 } => FailureKind.ProviderUnavailable,
        { Error: "invalid_grant", ErrorSubtype: "invalid_rapt" or "rapt_required" } => FailureKind.SessionPolicyReauth,
        { Error: { } code } => StandardErrors.Find(code) ?? FailureKind.InvalidResponse,
        // Google's older rate limit responds with an HTML page.
        { Status: 403, Body: ReplyBody.Other } => FailureKind.RateLimited,
        _ => FailureKind.InvalidResponse,
    };

    private static TokenResponse Grant(ProviderDocument provider, TokenEndpointReply reply, DateTimeOffset sentAt, IEnumerable<SecretValue?> secrets)
    {
        if (reply.AccessToken is not { } accessToken || !CredentialSyntax.IsValid(accessToken.Reveal()))
            return Fail(reply, FailureKind.InvalidResponse, $"the response has no {provider.Response.AccessToken} of printable ASCII characters", secrets);
        var lifetime = Lifetime(provider, reply, accessToken, sentAt);
        if (lifetime is null && !provider.Expiry.Never)
            return Fail(reply, FailureKind.InvalidResponse, $"the response has no {provider.Response.ExpiresIn} that is a number", secrets);
        if (lifetime is < MinSeconds or > MaxSeconds)
            return Fail(reply, FailureKind.InvalidResponse, $"{provider.Response.ExpiresIn} is not between {MinSeconds} and {MaxSeconds} seconds", secrets);
        return new TokenResponse.Granted(
            accessToken,
            lifetime is { } seconds ? Seconds(seconds) : null,
            provider.Response.FixedTokenType ?? TokenType(reply.TokenType),
            reply.Scopes,
            // At a provider without refresh tokens, the access token takes that place: it is exchanged for the next one.
            Rotated(reply) ?? (provider.Refresh.UsesAccessToken ? accessToken : null),
            reply.RefreshTokenExpiresIn is { } left and > 0 and <= MaxSeconds ? Seconds(left) : null)
        {
            Exports = reply.Exports,
        };
    }

    /// <summary>In seconds; null if the response does not say and the document assumes none.</summary>
    private static decimal? Lifetime(ProviderDocument provider, TokenEndpointReply reply, SecretValue accessToken, DateTimeOffset sentAt)
    {
        var rules = provider.Expiry;
        var seconds = reply.ExpiresIn is { } stated ? (rules.IsInMilliseconds ? stated / 1000 : stated)
            : reply.ExpiresAt is { } at ? (decimal)(at - sentAt).TotalSeconds
            : rules.ReadsJwt && ExpiryOf(accessToken) is { } end ? end - sentAt.ToUnixTimeSeconds()
            : (decimal?)rules.Default?.TotalSeconds;
        return rules.Max is { } max && seconds > (decimal)max.TotalSeconds ? (decimal)max.TotalSeconds : seconds;
    }

    /// <summary>The <c>exp</c> of a JWT. The provider itself sent it, so its signature says nothing more.</summary>
    private static decimal? ExpiryOf(SecretValue accessToken)
    {
        if (accessToken.Reveal().Split('.') is not [_, { Length: > 0 } payload, _])
            return null;
        try
        {
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(payload), new JsonDocumentOptions { MaxDepth = 16 });
            return claims.RootElement.ValueKind == JsonValueKind.Object && claims.RootElement.Number("exp") is { } end and > 0 and < 100_000_000_000 ? end : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return null;
        }
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
        return new TokenResponse.Failed(kind, Detail(reply, what, secrets), TokenResponse.Believable(reply.RetryAfter), rotated);
    }

    /// <summary>Each part of the reply is checked on its own, so that an echo in the description does not hide the code.</summary>
    private static string Detail(TokenEndpointReply reply, string what, IEnumerable<SecretValue?> secrets)
    {
        SecretValue?[] known = [.. secrets, reply.AccessToken, reply.RefreshToken, reply.IdToken];
        var parts = reply.Error is null
            ? what + (reply.ErrorDescription is null ? "" : $": {Redactor.Of(reply.ErrorDescription, known)}")
            : Redactor.Of(reply.Error, known)
                + (reply.ErrorSubtype is null ? "" : $" ({Redactor.Of(reply.ErrorSubtype, known)})")
                + (reply.ErrorDescription is null ? "" : $": {Redactor.Of(reply.ErrorDescription, known)}");
        return Redactor.Of($"HTTP {reply.Status}: {parts}");
    }

    private static string Describe(ReplyBody body) => body switch
    {
        ReplyBody.Empty => "the body is empty; JSON was expected",
        ReplyBody.Other => "the body is not a JSON object",
        ReplyBody.TooLong => $"the body is longer than {TokenEndpointReply.MaxBytes} bytes",
        _ => "the body has no error code",
    };
}
