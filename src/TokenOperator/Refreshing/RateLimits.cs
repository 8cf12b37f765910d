using System.Diagnostics.Metrics;
using TokenOperator.Providers;
using TokenOperator.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>How often each provider may be asked, over all of its accounts: the settings <c>RequestsPerSecond</c> and <c>Burst</c>.</summary>
public sealed class RateLimits : IDisposable
{
    /// <summary>The meter's name, for the exporter.</summary>
    public const string MeterName = "TokenOperator.Refreshing";

    private readonly Dictionary<string, RateLimiter> _limiters;
    private readonly Meter _meter;
    private readonly Counter<long> _waits;

    /// <summary>One limiter for each of <paramref name="providers"/>; whose turn it is goes to <paramref name="queue"/>.</summary>
    public RateLimits(ProviderRegistry providers, IAccountQueue queue, TimeProvider time, IMeterFactory meters)
    {
        _limiters = providers.Names.ToDictionary(
            name => name, name => new RateLimiter(providers.Find(name)!.Rate, time, queue.Enqueue), StringComparer.Ordinal);
        _meter = meters.Create(MeterName);
        _waits = _meter.CreateCounter<long>("tokenoperator_provider_rate_limit_waits", null, "Refreshes that had to wait for the provider's rate limit.");
    }

    /// <summary>Null when the provider may be asked for <paramref name="account"/> now; else how long that is away at most. The account is queued then.</summary>
    public TimeSpan? TryAcquire(AccountRecord account)
    {
        var wait = _limiters[account.Key.Provider].TryAcquire(account.Key, account.Token.ExpiresAt, out var isNew);
        if (isNew)
            _waits.Add(1, new KeyValuePair<string, object?>("provider", account.Key.Provider));
        return wait;
    }

    /// <summary>Takes back a permit with which nothing was sent.</summary>
    public void Return(AccountRecord account) => _limiters[account.Key.Provider].Return();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var limiter in _limiters.Values)
            limiter.Dispose();
        _meter.Dispose();
    }
}
