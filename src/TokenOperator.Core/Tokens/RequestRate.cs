namespace TokenOperator.Core.Tokens;

/// <summary>The rate limit of a provider, for all its accounts together or for those of one client: a token bucket.</summary>
/// <param name="PerSecond">Requests per second in the long run; 0.01 to 10,000.</param>
/// <param name="Burst">Requests at once after a pause; 1 to 10,000.</param>
public sealed record RequestRate(double PerSecond, int Burst)
{
    /// <summary>
    /// Google publishes no limit for its token endpoint and responds with 429 at one. This rate lets 10,000 accounts recover
    /// from an outage in less than two minutes, and keeps ten times as many from arriving at once.
    /// </summary>
    public static RequestRate Default { get; } = new(100, 500);

    /// <summary>The highest rate, for what waited for a limit that is no longer there.</summary>
    public static RequestRate Highest { get; } = new(10_000, 10_000);
}
