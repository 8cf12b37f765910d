using System.Collections.Concurrent;
using System.Text.Json;
using KubeRuntime.Controllers;
using KubeRuntime.RateLimiting;
using TokenOperator.Api;
using TokenOperator.Providers;
using TokenOperator.Providers.Registry;
using static TokenOperator.Api.V1Beta1ClusterOAuthProvider;

namespace TokenOperator.ProviderSources;

/// <summary>
/// Keeps the status of each ClusterOAuthProvider up to date. The registry has used or refused the document already. Two operators that see a document
/// differently, such as one with settings of the same name, overwrite each other's status, so that each has a limited number of writes.
/// </summary>
/// <param name="source">Tells the registry of the objects. It must exist before the watch starts.</param>
/// <param name="registry">Knows what became of the document.</param>
/// <param name="users">Who uses the provider.</param>
/// <param name="metrics">Know how the provider has answered.</param>
/// <param name="statuses">Writes the status.</param>
/// <param name="time">Limits the writes.</param>
public sealed class ClusterOAuthProviderController(
    ClusterProviderSource source, ProviderRegistry registry, IProviderUsers users, ProviderMetrics metrics, ProviderStatusPublisher statuses, TimeProvider time)
    : IEntityController<V1Beta1ClusterOAuthProvider>
{
    /// <summary>More writes than a person who changes a document again and again needs within a minute.</summary>
    private const int Burst = 10;

    private readonly ClusterProviderSource _source = source;
    private readonly ConcurrentDictionary<string, TokenBucket> _writes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _writtenAt = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async Task<ReconciliationResult<V1Beta1ClusterOAuthProvider>> ReconcileAsync(V1Beta1ClusterOAuthProvider entity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        var name = entity.Metadata.Name;
        var isUsed = users.Count(name) > 0 || entity.Status?.UsedBy > 0;
        var isWritten = true;
        if (registry.Report(name) is { } report)
        {
            var input = new ProviderStatusInput(entity.Metadata.Generation, report, users.Count(name), metrics.FindHealth(name));
            var status = ProviderStatusBuilder.Build(entity.Status, input, time.GetUtcNow());
            isWritten = IsSame(entity.Status, status) || (MayWrite(name, entity.Status, status) && await statuses.PublishAsync(entity, status, cancellationToken));
        }

        // The users and the answers of the provider are counted then. Without a change, that costs no request. A provider that nobody uses has neither.
        return ReconciliationResult<V1Beta1ClusterOAuthProvider>.Success(entity, isUsed || !isWritten ? ProviderStatusBuilder.MinBetweenCounts : null);
    }

    /// <inheritdoc/>
    public Task<ReconciliationResult<V1Beta1ClusterOAuthProvider>> DeletedAsync(V1Beta1ClusterOAuthProvider entity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        _writtenAt.TryRemove(entity.Metadata.Name, out _);
        _writes.TryRemove(entity.Metadata.Name, out _);
        return Task.FromResult(ReconciliationResult<V1Beta1ClusterOAuthProvider>.Success(entity));
    }

    private static bool IsSame(EntityStatus? before, EntityStatus after) =>
        JsonSerializer.SerializeToUtf8Bytes(before, ClusterOAuthProviderJson.Default.EntityStatus).AsSpan()
            .SequenceEqual(JsonSerializer.SerializeToUtf8Bytes(after, ClusterOAuthProviderJson.Default.EntityStatus));

    private bool MayWrite(string name, EntityStatus? before, EntityStatus after)
    {
        var may = ProviderStatusBuilder.IsAboutDocument(before, after)
            ? _writes.GetOrAdd(name, _ => new TokenBucket(1 / ProviderStatusBuilder.MinBetweenCounts.TotalSeconds, Burst, time)).TryTake()
            : !(_writtenAt.TryGetValue(name, out var at) && time.GetElapsedTime(at) < ProviderStatusBuilder.MinBetweenCounts);
        if (may)
            _writtenAt[name] = time.GetTimestamp();
        return may;
    }
}
