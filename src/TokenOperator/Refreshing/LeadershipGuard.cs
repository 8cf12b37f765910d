using KubeRuntime.LeaderElection;

namespace TokenOperator.Refreshing;

/// <summary>
/// The operator may act while it leads. The lease is judged on the monotonic clock, which stops while the machine sleeps. When the
/// wall clock jumps forward, the operator therefore does nothing until it must have renewed or lost the lease.
/// </summary>
public sealed class LeadershipGuard(ILeadership leadership, TimeProvider time) : ILeadershipGuard
{
    /// <summary>Longer than the renew deadline of the lease.</summary>
    private static readonly TimeSpan DoubtAfterJump = TimeSpan.FromSeconds(15);

    private readonly WallClockDrift _drift = new(time);
    private long _doubtedAt;

    /// <inheritdoc/>
    public bool IsLeader
    {
        get
        {
            if (_drift.SinceLastCall() > WallClockDrift.Tolerance)
                Volatile.Write(ref _doubtedAt, time.GetTimestamp());
            var doubtedAt = Volatile.Read(ref _doubtedAt);
            return leadership.IsLeading && (doubtedAt == 0 || time.GetElapsedTime(doubtedAt) > DoubtAfterJump);
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
