using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>When a token is refreshed, and when a failed refresh is retried. Pure: the time and the random number are arguments.</summary>
public static class RefreshPolicy
{
    /// <summary>The minimum of <c>refreshBefore</c>, so that one slow minute does not use it up.</summary>
    public static readonly TimeSpan MinRefreshBefore = TimeSpan.FromMinutes(1);

    /// <summary><c>refreshBefore</c> when the spec does not set it. Client libraries treat a token as stale up to 5 minutes before it expires.</summary>
    public static readonly TimeSpan DefaultRefreshBefore = TimeSpan.FromMinutes(15);

    /// <summary>How often a failure that needs someone to act is retried, in case someone fixed it at the provider.</summary>
    public static readonly TimeSpan ProbeInterval = TimeSpan.FromDays(1);

    /// <summary>How far the clocks of two machines may differ. A time further in the future was written before the clock was set back.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    /// <summary>The longest Retry-After that is respected.</summary>
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromHours(1);

    private static readonly TimeSpan MinBackoff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The time at which a refresh of <paramref name="token"/> is due: <paramref name="refreshBefore"/>, but at most half of the real
    /// lifetime, before it expires. Jitter adds up to a tenth of that window. It is derived from the account and the expiry, so that
    /// accounts that were seeded together spread out and a restart computes the same time.
    /// </summary>
    /// <param name="key">The account.</param>
    /// <param name="token">The token.</param>
    /// <param name="refreshBefore">From the spec.</param>
    /// <param name="now">The current time. A token from the future was issued before the clock was set back: its age is unknown.</param>
    /// <returns><see cref="DateTimeOffset.MinValue"/> without an access token, a known expiry or a known age: due immediately.</returns>
    public static DateTimeOffset DueAt(AccountKey key, TokenSet token, TimeSpan refreshBefore, DateTimeOffset now)
    {
        if (token.AccessToken is null || token.ExpiresAt is not { } end || token.IssuedAt > now + ClockTolerance)
            return DateTimeOffset.MinValue;

        var window = refreshBefore;
        if (token.IssuedAt is { } start && end > start && (end - start) / 2 < window)
            window = (end - start) / 2;
        return end - window - (window * 0.1 * Jitter(key, end));
    }

    /// <summary>
    /// How long to wait after consecutive failure number <paramref name="failures"/> (from 1): full jitter below a bound that doubles
    /// from 1 s to 5 min, at least 1 s and at least the server's <paramref name="retryAfter"/>. When someone must act, a day plus or minus a
    /// tenth.
    /// </summary>
    /// <param name="kind">What failed.</param>
    /// <param name="failures">Number of consecutive failures, including this one.</param>
    /// <param name="retryAfter">The Retry-After of the server, or null.</param>
    /// <param name="random">Uniform in [0, 1).</param>
    public static TimeSpan Backoff(FailureKind kind, int failures, TimeSpan? retryAfter, double random)
    {
        if (kind.NeedsHuman())
            return ProbeInterval * (0.9 + (0.2 * random));

        var bound = MinBackoff * Math.Pow(2, Math.Clamp(failures, 1, 20));
        if (bound > MaxBackoff)
            bound = MaxBackoff;
        var wait = MinBackoff + ((bound - MinBackoff) * random);
        return retryAfter > wait ? retryAfter.Value : wait;
    }

    /// <summary>
    /// When the account is retried after <paramref name="failure"/>: no later than the longest possible wait, and immediately when the
    /// failure is in the future, because the clock was set back since then.
    /// </summary>
    public static DateTimeOffset RetryAt(RefreshFailure failure, DateTimeOffset now)
    {
        if (failure.At > now + ClockTolerance)
            return now;
        var latest = failure.At + (failure.Kind.NeedsHuman() ? ProbeInterval * 1.1 : MaxRetryAfter);
        return failure.RetryAt < latest ? failure.RetryAt : latest;
    }

    /// <summary>The scopes of <paramref name="wanted"/> that were not granted; none when the provider never named the granted scopes.</summary>
    public static IReadOnlyList<string> MissingScopes(IReadOnlyList<string> wanted, TokenSet token) =>
        wanted.Count == 0 || token.Scopes.Count == 0 ? [] : [.. wanted.Except(token.Scopes, StringComparer.Ordinal)];

    private static double Jitter(AccountKey key, DateTimeOffset end)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{key.Provider}\n{key.Account}\n{end.ToUnixTimeSeconds()}"), digest);
        return BinaryPrimitives.ReadUInt32LittleEndian(digest) / (uint.MaxValue + 1.0);
    }
}
