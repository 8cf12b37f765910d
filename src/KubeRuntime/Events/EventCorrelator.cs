using k8s.Models;

namespace KubeRuntime.Events;

/// <summary>An event, as published.</summary>
internal sealed record PendingEvent(V1ObjectReference Regarding, string Type, string Reason, string Action, string Note, DateTimeOffset At);

/// <summary>What to write for an event: a new object, or a higher count of an existing one.</summary>
internal sealed record CorrelatedEvent(string Name, string Note, int Count);

/// <summary>
/// Turns repetition into counts, after client-go (tools/record/events_cache.go): the same event within 10 minutes increases the count of
/// the first one; after 10 events that differ only in their note, further ones are combined into one. Not thread-safe.
/// </summary>
internal sealed class EventCorrelator(TimeProvider time, Random random)
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
        if (!_groups.TryGetValue(key, out var group) || time.GetElapsedTime(group.LastAt) > Window)
            _groups[key] = group = new Group();
        group.LastAt = now;

        var isCombined = !group.Series.ContainsKey(e.Note) && group.Series.Count >= SimilarLimit;
        var note = isCombined ? $"(combined from similar events): {e.Note}" : e.Note;
        // Combined events share one series, whatever their notes.
        var seriesKey = isCombined ? "" : e.Note;
        var (name, count) = group.Series.GetValueOrDefault(seriesKey, (NewName(e.Regarding.Name), 0));
        group.Series[seriesKey] = (name, count + 1);
        return new(name, note, count + 1);
    }

    private string NewName(string regarding)
    {
        // The name of an object can have up to 253 characters.
        var start = regarding.Length <= 236 ? regarding : regarding[..236].TrimEnd('.', '-');
        return $"{start}.{random.NextInt64():x16}";
    }

    private void Prune()
    {
        if (_groups.Count < MaxEntries)
            return;
        foreach (var old in _groups.Where(g => time.GetElapsedTime(g.Value.LastAt) > Window).Select(g => g.Key).ToList())
            _groups.Remove(old);
        // Still too many: forgetting them costs at most a repeated event.
        if (_groups.Count >= MaxEntries)
            _groups.Clear();
    }

    private sealed class Group
    {
        public long LastAt { get; set; }

        public Dictionary<string, (string Name, int Count)> Series { get; } = new(StringComparer.Ordinal);
    }
}
