using k8s.Models;

namespace KubeRuntime.Events;

/// <summary>An event as it was published.</summary>
internal sealed record PendingEvent(V1ObjectReference Regarding, string Type, string Reason, string Action, string Note, DateTimeOffset At);

/// <summary>What to write for an event: a new object, or the count of one that was written before.</summary>
internal sealed record CorrelatedEvent(string Name, string Note, int Count);

/// <summary>
/// Turns repetition into counts, after client-go (tools/record/events_cache.go): the same event again within 10 minutes counts up the
/// first one, and after 10 that differ only in their note the rest is combined into one. Not safe for several threads.
/// </summary>
internal sealed class EventCorrelator(TimeProvider time)
{
    private const int SimilarLimit = 10;
    private const int MaxEntries = 4096;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    private readonly Dictionary<(string Uid, string Type, string Reason, string Action), Group> _groups = [];

    public CorrelatedEvent Correlate(PendingEvent e)
    {
        Prune();
        var key = ($"{e.Regarding.NamespaceProperty}/{e.Regarding.Name}/{e.Regarding.Uid}", e.Type, e.Reason, e.Action);
        var now = time.GetTimestamp();
        if (!_groups.TryGetValue(key, out var group) || time.GetElapsedTime(group.LastAt) > Window) _groups[key] = group = new Group();
        group.LastAt = now;

        var isCombined = !group.Series.ContainsKey(e.Note) && group.Series.Count >= SimilarLimit;
        var note = isCombined ? $"(combined from similar events): {e.Note}" : e.Note;
        // All that are combined share one series, whatever their notes.
        var seriesKey = isCombined ? "" : e.Note;
        var (name, count) = group.Series.GetValueOrDefault(seriesKey, (NewName(e.Regarding.Name), 0));
        group.Series[seriesKey] = (name, count + 1);
        return new(name, note, count + 1);
    }

    private static string NewName(string regarding)
    {
        // An object's name may have 253 characters.
        var start = regarding.Length <= 236 ? regarding : regarding[..236].TrimEnd('.', '-');
        return $"{start}.{Random.Shared.NextInt64():x16}";
    }

    private void Prune()
    {
        if (_groups.Count < MaxEntries) return;
        foreach (var old in _groups.Where(g => time.GetElapsedTime(g.Value.LastAt) > Window).Select(g => g.Key).ToList()) _groups.Remove(old);
        // Still too many: forgetting means no more than an event too many.
        if (_groups.Count >= MaxEntries) _groups.Clear();
    }

    private sealed class Group
    {
        public long LastAt { get; set; }

        public Dictionary<string, (string Name, int Count)> Series { get; } = new(StringComparer.Ordinal);
    }
}
