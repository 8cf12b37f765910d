using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;

namespace TokenOperator.Refreshing;

/// <summary>How often each provider may be asked, over all of its accounts: the settings <c>RequestsPerSecond</c> and <c>Burst</c>.</summary>
public sealed class RateLimits : IDisposable
{
    /// <summary>The meter's name, for the exporter.</summary>
    public const string MeterName = "TokenOperator.Refreshing";

    private readonly Dictionary<string, ExpiryOrderedRateLimiter> _limiters;
    private readonly Meter _meter;
    private readonly ConcurrentDictionary<string, long> _waits;

    /// <summary>One limiter for each of <paramref name="providers"/>; whose turn it is goes to <paramref name="queue"/>.</summary>
    public RateLimits(ProviderRegistry providers, IAccountQueue queue, TimeProvider time, IMeterFactory meters)
    {
        _limiters = providers.Names.ToDictionary(
            name => name, name => new ExpiryOrderedRateLimiter(providers.Find(name)!.Rate, time, queue.Enqueue), StringComparer.Ordinal);
        _meter = meters.Create(MeterName);
        _waits = new(providers.Names.Select(name => KeyValuePair.Create(name, 0L)), StringComparer.Ordinal);
        _meter.CreateObservableCounter(
            "tokenoperator_provider_rate_limit_waits",
            () => _waits.Select(waits => new Measurement<long>(waits.Value, new KeyValuePair<string, object?>("provider", waits.Key))),
            null,
            "Refreshes that had to wait for the provider's rate limit.");
    }

    /// <summary>Null when the provider may be asked for <paramref name="account"/> now; else how long that is away at most. The account is queued then.</summary>
    public TimeSpan? TryAcquire(AccountRecord account)
    {
        var wait = _limiters[account.Key.Provider].TryAcquire(account.Key, account.Token.ExpiresAt, out var isNew);
        if (isNew)
            _waits.AddOrUpdate(account.Key.Provider, 1, (_, count) => count + 1);
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
