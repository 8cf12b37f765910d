using KubeRuntime.Hosting;

namespace TokenOperator.Refreshing;

/// <summary>Commits what is in memory only before another replica may lead.</summary>
public sealed class PendingCommitsDrain(PendingCommits pending) : IDrain
{
    /// <inheritdoc/>
    public Task DrainAsync(CancellationToken cancellationToken) => pending.FlushAsync(cancellationToken);
}
