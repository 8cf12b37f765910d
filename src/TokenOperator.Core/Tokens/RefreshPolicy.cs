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

    /// <summary>The longest time after which a failure that needs someone to act is retried, in case it is over.</summary>
    public static readonly TimeSpan ProbeInterval = TimeSpan.FromDays(1);

    /// <summary>The wait before the first retry of an answer that can be wrong. It doubles with each retry.</summary>
    private static readonly TimeSpan FirstDoubt = TimeSpan.FromMinutes(1);

    /// <summary>The same for a provider that rotates refresh tokens: it may answer each token twice, but no more often within minutes.</summary>
    private static readonly TimeSpan OnlyDoubt = TimeSpan.FromMinutes(2);

    /// <summary>A longer wait means that the answer is no longer in doubt. The third wait is at most 5.4 minutes, the fourth at least 8.</summary>
    private static readonly TimeSpan MaxDoubt = TimeSpan.FromMinutes(6);

    /// <summary>The wait after an answer to a request of a person, who learns of it at once.</summary>
    private static readonly TimeSpan AfterDoubt = TimeSpan.FromMinutes(8);

    /// <summary>The wait before the first retry of an answer that cannot be wrong.</summary>
    private static readonly TimeSpan FirstProbe = TimeSpan.FromHours(1);

    /// <summary>How long an account has had no success before someone must look at an answer that means nothing to the operator.</summary>
    private static readonly TimeSpan MaxUnclear = TimeSpan.FromDays(1);

    /// <summary>How long before its end a consent is renewed. The alert OAuthTokenConsentExpiring has the same value.</summary>
    private static readonly TimeSpan ConsentWarning = TimeSpan.FromDays(2);

    /// <summary>How far the clocks of two machines may differ. A time further in the future was written before the clock was set back.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    /// <summary>The longest delay that a provider's document can demand. A Retry-After is at most an hour.</summary>
    private static readonly TimeSpan MaxDelay = TimeSpan.FromDays(7);

    private static readonly TimeSpan MinBackoff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromMinutes(5);

    /// <summary>The same after an error code that the operator does not know: asking often does not help.</summary>
    private static readonly TimeSpan MaxUnknownBackoff = TimeSpan.FromHours(1);

    /// <summary>
    /// The time at which a refresh of <paramref name="token"/> is due: <paramref name="refreshBefore"/>, but at most half of the real
    /// lifetime, before it expires. Jitter adds up to a tenth of that window. It is derived from the account and the expiry, so that
    /// accounts that were seeded together spread out and a restart computes the same time.
    /// </summary>
    /// <param name="key">The account.</param>
    /// <param name="token">The token.</param>
    /// <param name="refreshBefore">From the spec.</param>
    /// <param name="now">The current time. A token from the future was issued before the clock was set back: its age is unknown.</param>
    /// <param name="checkInterval">How often a token that never expires is checked; null if it is not.</param>
    /// <returns><see cref="DateTimeOffset.MinValue"/> without an access token, a known expiry or a known age: due immediately. <see cref="DateTimeOffset.MaxValue"/>: never.</returns>
    public static DateTimeOffset DueAt(AccountKey key, TokenSet token, TimeSpan refreshBefore, DateTimeOffset now, TimeSpan? checkInterval = null)
    {
        ArgumentNullException.ThrowIfNull(token);
        if (token is { NeverExpires: true, AccessToken: not null })
        {
            return checkInterval is not { } interval ? DateTimeOffset.MaxValue
                : (token.CheckedAt ?? token.IssuedAt) is { } last && last <= now + ClockTolerance ? last + (interval * (1 - (0.1 * Jitter(key, last))))
                : DateTimeOffset.MinValue;
        }

        if (token.AccessToken is null || token.ExpiresAt is not { } end || token.IssuedAt > now + ClockTolerance)
            return DateTimeOffset.MinValue;

        var window = refreshBefore;
        if (token.IssuedAt is { } start && end > start && (end - start) / 2 < window)
            window = (end - start) / 2;
        return end - window - (window * 0.1 * Jitter(key, end));
    }

    /// <summary>
    /// How long to wait after consecutive failure number <paramref name="failures"/> (from 1): full jitter below a bound that doubles
    /// from 1 s to 5 min (1 h after an unknown error code), at least 1 s and at least the server's <paramref name="retryAfter"/>.
    /// </summary>
    /// <param name="failures">Number of consecutive failures, including this one.</param>
    /// <param name="retryAfter">The Retry-After of the server, or null.</param>
    /// <param name="random">Uniform in [0, 1).</param>
    /// <param name="isUnknown">True after an error code that the operator does not know.</param>
    public static TimeSpan Backoff(int failures, TimeSpan? retryAfter, double random, bool isUnknown = false)
    {
        var (bound, max) = (MinBackoff * Math.Pow(2, Math.Clamp(failures, 1, 20)), isUnknown ? MaxUnknownBackoff : MaxBackoff);
        if (bound > max)
            bound = max;
        var wait = MinBackoff + ((bound - MinBackoff) * random);
        return retryAfter > wait ? retryAfter.Value : wait;
    }

    /// <summary>
    /// How long to wait after a failure that needs someone to act. An answer that can be wrong is doubted: the provider is asked again
    /// after 1, 2 and 4 minutes, or once after 2 minutes if it rotates refresh tokens, because a token that is presented again can look
    /// stolen to it. After that, the wait doubles up to a day. The wait is at most a tenth longer, so that accounts spread out.
    /// </summary>
    /// <param name="kind">What failed.</param>
    /// <param name="previous">The previous failure, if there was one since the last success.</param>
    /// <param name="rotates">True if the provider rotates refresh tokens.</param>
    /// <param name="isRequested">True if a person asked for this attempt.</param>
    /// <param name="random">Uniform in [0, 1).</param>
    public static TimeSpan ProbeAfter(FailureKind kind, RefreshFailure? previous, bool rotates, bool isRequested, double random)
    {
        var last = previous is not null && previous.Kind.NeedsHuman() ? previous.RetryAt - previous.At : (TimeSpan?)null;
        var wait = last switch
        {
            // Requests of a person do not put off the automatic retries.
            { } waited when isRequested => Longer(waited, AfterDoubt),
            { } waited => waited * 2,
            null when !kind.CanBeWrong() => FirstProbe,
            null when isRequested => AfterDoubt,
            null => rotates ? OnlyDoubt : FirstDoubt,
        };
        if (rotates && last is not null)
            wait = Longer(wait, FirstProbe);
        return (wait < ProbeInterval ? wait : ProbeInterval) * (1 + (0.1 * random));
    }

    /// <summary>
    /// True if the account needs someone to act. An answer that can be wrong is asked for again first, unless the access token expires
    /// before that. An answer that means nothing to the operator needs someone if there has been no success for a day.
    /// </summary>
    public static bool NeedsHuman(AccountRecord account) => account switch
    {
        { Failure: null } => false,
        { Failure: { } failure } when failure.Kind.NeedsHuman() => !(failure.RetryAt - failure.At < MaxDoubt && account.Token.IsValidAt(failure.RetryAt)),
        { Failure: { Kind: FailureKind.InvalidResponse } failure } => failure.At - failure.Since >= MaxUnclear,
        _ => false,
    };

    /// <summary>True if the consent ends so soon that its owner should consent again now.</summary>
    public static bool ConsentEndsSoon(DateTimeOffset? consentExpiresAt, DateTimeOffset now) => consentExpiresAt - now < ConsentWarning;

    /// <summary>When the consent ends by what is known about the provider; null if nothing is.</summary>
    /// <param name="consentedAt">When its owner consented, or null.</param>
    /// <param name="usedAt">When the refresh token was last used.</param>
    /// <param name="idle">How long a refresh token works without being used, or null. It does not count if it always ends soon.</param>
    /// <param name="absolute">How long a consent lasts, or null.</param>
    public static DateTimeOffset? ConsentEnd(DateTimeOffset? consentedAt, DateTimeOffset usedAt, TimeSpan? idle, TimeSpan? absolute)
    {
        var (unused, final) = (idle > ConsentWarning * 2 ? usedAt + idle : null, consentedAt + absolute);
        return final is null || unused < final ? unused ?? final : final;
    }

    /// <summary>True if a new refresh token may replace the one of the account, because that one may no longer work.</summary>
    public static bool TakesNewToken(AccountRecord account) =>
        account.Token.GrantToken is null || account.Failure?.Kind.NeedsHuman() == true || NeedsHuman(account);

    /// <summary>
    /// When the account is retried after <paramref name="failure"/>: no later than the longest possible wait, and immediately when the
    /// failure is in the future, because the clock was set back since then.
    /// </summary>
    public static DateTimeOffset RetryAt(RefreshFailure failure, DateTimeOffset now)
    {
        if (failure.At > now + ClockTolerance)
            return now;
        var latest = failure.At + MaxDelay;
        return failure.RetryAt < latest ? failure.RetryAt : latest;
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static double Jitter(AccountKey key, DateTimeOffset end)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{key.Provider}\n{key.Account}\n{end.ToUnixTimeSeconds()}"), digest);
        return BinaryPrimitives.ReadUInt32LittleEndian(digest) / (uint.MaxValue + 1.0);
    }
}
