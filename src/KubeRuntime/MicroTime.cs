namespace KubeRuntime;

/// <summary>Times for fields of type MicroTime, as Lease and Event have them.</summary>
internal static class MicroTime
{
    /// <summary>
    /// <paramref name="time"/> in UTC. A whole second gets a tick more: KubernetesClient would write it without a fraction, and the
    /// server refuses a MicroTime without one (400).
    /// </summary>
    public static DateTime From(DateTimeOffset time)
    {
        var utc = time.UtcDateTime;
        return utc.Ticks % TimeSpan.TicksPerSecond == 0 ? utc.AddTicks(1) : utc;
    }
}
