using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>When a token is refreshed, and when a failed refresh is tried again. Pure: the clock and the dice come in as arguments.</summary>
public static class RefreshPolicy
{
    /// <summary>The least <c>refreshBefore</c>, so that one slow minute does not outlast it.</summary>
    public static readonly TimeSpan MinRefreshBefore = TimeSpan.FromMinutes(1);

    /// <summary><c>refreshBefore</c> when the spec is silent: apps' libraries call a token stale at up to 5 minutes before its end.</summary>
    public static readonly TimeSpan DefaultRefreshBefore = TimeSpan.FromMinutes(15);

    /// <summary>A failure that needs a human is probed this rarely, in case that somebody mended it at the provider.</summary>
    public static readonly TimeSpan ProbeInterval = TimeSpan.FromDays(1);

    /// <summary>What lies further in the future than clocks of two machines may differ was written before the clock was set back.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    /// <summary>The longest Retry-After that is honoured.</summary>
    private static readonly TimeSpan LongestWish = TimeSpan.FromHours(1);

    private static readonly TimeSpan FirstBackoff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The moment from which <paramref name="token"/> is due. <paramref name="refreshBefore"/> counts back from its end,
    /// but at most half of its real lifetime; up to a tenth of that window is added as jitter, drawn from the account and
    /// the expiry, so that accounts seeded together spread out and a restart finds the same moment again.
    /// </summary>
    /// <param name="key">Whose.</param>
    /// <param name="token">The token.</param>
    /// <param name="refreshBefore">As the spec has it.</param>
    /// <param name="now">The time. A token from the future was issued before the clock was set back: its age is unknown.</param>
    /// <returns><see cref="DateTimeOffset.MinValue"/> when there is no access token, no known end or no known age: due at once.</returns>
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
    /// How long to wait after the <paramref name="failures"/>-th failure in a row (from 1): full jitter over a bound that
    /// doubles from 1 s to 5 min, never under 1 s and never under the server's <paramref name="retryAfter"/>; a day, give or
    /// take a tenth, when a human is needed.
    /// </summary>
    /// <param name="kind">What failed.</param>
    /// <param name="failures">How many in a row, this one included.</param>
    /// <param name="retryAfter">The server's wish, or null.</param>
    /// <param name="dice">Uniform in [0, 1).</param>
    public static TimeSpan Backoff(FailureKind kind, int failures, TimeSpan? retryAfter, double dice)
    {
        if (kind.NeedsHuman())
            return ProbeInterval * (0.9 + (0.2 * dice));

        var bound = FirstBackoff * Math.Pow(2, Math.Clamp(failures, 1, 20));
        if (bound > LongestBackoff)
            bound = LongestBackoff;
        var wait = FirstBackoff + ((bound - FirstBackoff) * dice);
        return retryAfter > wait ? retryAfter.Value : wait;
    }

    /// <summary>
    /// When an account may be asked for again after <paramref name="failure"/>: no later than the longest wait that is ever
    /// drawn after it, and at once when it lies in the future, because the clock was set back since.
    /// </summary>
    public static DateTimeOffset RetryAt(RefreshFailure failure, DateTimeOffset now)
    {
        if (failure.At > now + ClockTolerance)
            return now;
        var latest = failure.At + (failure.Kind.NeedsHuman() ? ProbeInterval * 1.1 : LongestWish);
        return failure.RetryAt < latest ? failure.RetryAt : latest;
    }

    /// <summary>Scopes of <paramref name="wanted"/> that were not granted; none when the provider never said what it granted.</summary>
    public static IReadOnlyList<string> MissingScopes(IReadOnlyList<string> wanted, TokenSet token) =>
        wanted.Count == 0 || token.Scopes.Count == 0 ? [] : [.. wanted.Except(token.Scopes, StringComparer.Ordinal)];

    private static double Jitter(AccountKey key, DateTimeOffset end)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{key.Provider}\n{key.Account}\n{end.ToUnixTimeSeconds()}"), digest);
        return BinaryPrimitives.ReadUInt32LittleEndian(digest) / (uint.MaxValue + 1.0);
    }
}
