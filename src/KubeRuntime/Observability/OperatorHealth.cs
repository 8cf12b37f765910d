namespace KubeRuntime.Observability;

/// <summary>What the probes of a pod ask. Both answers cost next to nothing.</summary>
public abstract class OperatorHealth
{
    /// <summary>Ready: all caches hold what existed at the start. A standby is ready, too.</summary>
    public abstract bool CachesSynced { get; }

    /// <summary>
    /// Alive: the watches and the election still run, and no reconcile is stuck far beyond its time limit. When false, only a
    /// restart helps.
    /// </summary>
    public abstract bool IsAlive { get; }
}
