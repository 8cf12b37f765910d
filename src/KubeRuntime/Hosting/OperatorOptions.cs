// Puts the runtime's parts together and runs them in a host: the only folder that knows all the others.
using System.Text.Json.Serialization.Metadata;

namespace KubeRuntime.Hosting;

/// <summary>Settings of the runtime.</summary>
public sealed class OperatorOptions
{
    /// <summary>Names the operator in events, in metrics and in the user agent.</summary>
    public string Name { get; set; } = "operator";

    /// <summary>The field manager of all writes; the same for ever, since the server remembers who owns which field. Default: <see cref="Name"/>.</summary>
    public string? FieldManager { get; set; }

    /// <summary>The namespaces to watch; empty means all.</summary>
    public IList<string> Namespaces { get; init; } = [];

    /// <summary>The source-generated JSON of each entity and of <see cref="Client.ResourceList{T}"/> of it.</summary>
    public IList<IJsonTypeInfoResolver> Json { get; init; } = [];

    /// <summary>How many entities of one kind are reconciled at once; at least 1.</summary>
    public int Concurrency { get; set; } = 16;

    /// <summary>The time limit of one reconcile.</summary>
    public TimeSpan ReconcileTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The longest delay before a failed reconcile is tried again.</summary>
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How often everything is reconciled again from the cache, give or take 10 %.</summary>
    public TimeSpan ResyncPeriod { get; set; } = TimeSpan.FromHours(10);

    /// <summary>How long a stopping process waits for reconciles in work; what follows needs up to 7 s more, and the host gives 30 s in all.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(22);

    /// <summary>How one of several replicas is chosen.</summary>
    public LeaderElectionOptions LeaderElection { get; init; } = new();

    /// <summary>Of this process, different after each start. Default: the host's name and a UUID.</summary>
    public string Identity { get; set; } = $"{Environment.MachineName}_{Guid.NewGuid()}";
}

/// <summary>Leader election by a Lease, with the defaults of client-go (tools/leaderelection).</summary>
public sealed class LeaderElectionOptions
{
    /// <summary>Off only where a single replica is certain.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>The name of the Lease. Default: <see cref="OperatorOptions.Name"/>.</summary>
    public string? LeaseName { get; set; }

    /// <summary>The namespace of the Lease. Default: that of the pod, or else that of the kubeconfig's context.</summary>
    public string? LeaseNamespace { get; set; }

    /// <summary>How long others wait after the last sign of life. Whole seconds.</summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the leader goes on without a renewal; less than <see cref="LeaseDuration"/>.</summary>
    public TimeSpan RenewDeadline { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The time between two tries; less than <see cref="RenewDeadline"/>.</summary>
    public TimeSpan RetryPeriod { get; set; } = TimeSpan.FromSeconds(2);
}
