namespace KubeRuntime.LeaderElection;

/// <summary>Whether this process may act.</summary>
public interface ILeadership
{
    /// <summary>
    /// Judged at the moment of the call on the monotonic clock against the renew deadline, so it is false at once in a
    /// process that was paused for too long.
    /// </summary>
    bool IsLeading { get; }

    /// <summary>
    /// <c>namespace/name</c> of the lease: of all processes with the same scope at most one leads. Unique to the process when
    /// leader election is off.
    /// </summary>
    string Scope { get; }

    /// <summary>Of this process, different after each start.</summary>
    string Identity { get; }

    /// <summary>
    /// Goes up with each new leader of the scope for as long as its Lease lives (<c>leaseTransitions</c>): a fencing number for what
    /// leaders write elsewhere. 0 when leader election is off.
    /// </summary>
    long TermNumber { get; }

    /// <summary>Cancelled when the term ends: by itself at the renew deadline, whatever else hangs.</summary>
    CancellationToken Term { get; }
}
