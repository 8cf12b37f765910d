using KubeRuntime.LeaderElection;

namespace TokenOperator.Refreshing;

/// <summary>
/// The operator may act while it leads. The lease is judged on the monotonic clock, which stands still while the machine
/// sleeps: when the wall clock has leapt forward, nothing is done until the lease must have been renewed or lost.
/// </summary>
public sealed class LeadershipGuard(ILeadership leadership, TimeProvider time) : ILeadershipGuard
{
    /// <summary>Longer than the renew deadline.</summary>
    private static readonly TimeSpan Doubt = TimeSpan.FromSeconds(15);

    private readonly WallClockDrift _drift = new(time);
    private long _doubtedAt;

    /// <inheritdoc/>
    public bool Holds
    {
        get
        {
            if (_drift.SinceLastCall() > WallClockDrift.Tolerance)
                Volatile.Write(ref _doubtedAt, time.GetTimestamp());
            var doubtedAt = Volatile.Read(ref _doubtedAt);
            return leadership.IsLeading && (doubtedAt == 0 || time.GetElapsedTime(doubtedAt) > Doubt);
        }
    }

    /// <inheritdoc/>
    public string Scope => leadership.Scope;

    /// <inheritdoc/>
    public string Holder => leadership.Identity;

    /// <inheritdoc/>
    public long TermNumber => leadership.TermNumber;

    /// <inheritdoc/>
    public CancellationToken Term => leadership.Term;
}
