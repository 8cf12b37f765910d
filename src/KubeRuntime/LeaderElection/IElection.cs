// Decides whether this process may act. Knows the Lease and the clock, nothing of what the leader does.
namespace KubeRuntime.LeaderElection;

/// <summary>The side of leadership that the host drives.</summary>
internal interface IElection : ILeadership
{
    /// <summary>Completes when the term begins.</summary>
    Task Acquired { get; }

    /// <summary>False when the election no longer runs though it should, or when its term is over.</summary>
    bool IsAlive { get; }

    /// <summary>Stands for election and leads until cancelled or until the term is lost: then it just returns.</summary>
    Task RunAsync(CancellationToken cancellationToken);

    /// <summary>After the work is done and <see cref="RunAsync"/> has returned: lets the next one lead at once.</summary>
    Task ReleaseAsync(CancellationToken cancellationToken);
}
