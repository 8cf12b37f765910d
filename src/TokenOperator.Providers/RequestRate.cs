namespace TokenOperator.Providers;

/// <summary>How often a provider may be asked for refreshes, over all of its accounts: a token bucket.</summary>
/// <param name="PerSecond">In the long run; 0.01 to 10,000.</param>
/// <param name="Burst">At once after a rest; 1 to 10,000.</param>
public sealed record RequestRate(double PerSecond, int Burst)
{
    /// <summary>
    /// Google publishes no figure for its token endpoint and answers 429 where it has one. This lets 10,000 accounts recover
    /// from an outage in less than two minutes and keeps ten times as many from arriving at once.
    /// </summary>
    public static RequestRate Default { get; } = new(100, 500);
}
