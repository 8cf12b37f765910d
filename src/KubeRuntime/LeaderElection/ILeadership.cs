// Decides whether this process may act. Knows the Lease and the clock, and nothing of what the leader does.
namespace KubeRuntime.LeaderElection;

/// <summary>Whether this process may act.</summary>
public interface ILeadership
{
    /// <summary>
    /// True while this process leads. Each call compares the monotonic clock with the renew deadline, so a process that was paused
    /// for too long reads false immediately.
    /// </summary>
    bool IsLeading { get; }

    /// <summary>
    /// <c>namespace/name</c> of the lease: at most one of all processes with the same scope leads. Unique to the process when
    /// leader election is off.
    /// </summary>
    string Scope { get; }

    /// <summary>The identity of this process; different after each start.</summary>
    string Identity { get; }

    /// <summary>
    /// Increases with each new leader of the scope for as long as its Lease exists (<c>leaseTransitions</c>): a fencing number for
    /// writes to other systems. 0 when leader election is off.
    /// </summary>
    long TermNumber { get; }

    /// <summary>Cancelled when the term ends, at the latest at the renew deadline, even if a request hangs.</summary>
    CancellationToken Term { get; }
}

/// <summary>The side of leader election that the host drives.</summary>
internal interface IElection : ILeadership
{
    /// <summary>Completes when the term starts.</summary>
    Task Acquired { get; }

    /// <summary>False when the election stopped unexpectedly, or when its term is over.</summary>
    bool IsAlive { get; }

    /// <summary>Stands for election and leads until cancelled or until the term is lost; in both cases it returns normally.</summary>
    Task RunAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Lets the next process lead immediately. Call it when the work is done and <see cref="RunAsync"/> has returned. Never throws
    /// because of the API server; gives up after some seconds.
    /// </summary>
    Task ReleaseAsync(CancellationToken cancellationToken);
}
