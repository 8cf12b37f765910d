// Puts the parts of the runtime together and runs them in a host. The only namespace that knows all others.
using System.Text.Json.Serialization.Metadata;

namespace KubeRuntime.Hosting;

/// <summary>The settings of the runtime.</summary>
public sealed class OperatorOptions
{
    /// <summary>The name of the operator in events, metrics and the user agent.</summary>
    public string Name { get; set; } = "operator";

    /// <summary>
    /// The <c>reportingController</c> of events: a qualified name such as <c>example.com/my-operator</c> (events.k8s.io/v1). Default:
    /// <see cref="Name"/>.
    /// </summary>
    public string? ReportingController { get; set; }

    /// <summary>The prefix of the metrics that controller-runtime and client-go do not have, such as <c>my_operator_</c>; empty by default.</summary>
    public string MetricPrefix { get; set; } = "";

    /// <summary>The field manager of all writes. Never change it, because the server records it as the owner of fields. Default: <see cref="Name"/>.</summary>
    public string? FieldManager { get; set; }

    /// <summary>The namespaces to watch; empty means all.</summary>
    public IList<string> Namespaces { get; init; } = [];

    /// <summary>The source-generated JSON of each type that the operator reads or writes.</summary>
    public IList<IJsonTypeInfoResolver> Json { get; init; } = [];

    /// <summary>How many entities of one kind are reconciled at the same time; at least 1.</summary>
    public int Concurrency { get; set; } = 16;

    /// <summary>The timeout of one reconcile.</summary>
    public TimeSpan ReconcileTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The maximum delay before a failed reconcile is retried.</summary>
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The interval at which everything in the cache is reconciled again, plus or minus 10 % at random.</summary>
    public TimeSpan ResyncPeriod { get; set; } = TimeSpan.FromHours(10);

    /// <summary>How long a stopping process waits for reconciles in progress and then for each <see cref="IDrain"/>, together. The rest of the stop takes up to 7 s more, and a host allows 30 s in total.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(22);

    /// <summary>How one of several replicas is elected.</summary>
    public LeaderElectionOptions LeaderElection { get; init; } = new();

    /// <summary>The identity of this process; different after each start. Default: the name of the host and a UUID.</summary>
    public string Identity { get; set; } = $"{Environment.MachineName}_{Guid.NewGuid()}";
}

/// <summary>The settings of leader election by a Lease, with the defaults of client-go (tools/leaderelection).</summary>
public sealed class LeaderElectionOptions
{
    /// <summary>Whether to elect a leader. Turn it off only where you are certain that there is a single replica.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>The name of the Lease. Default: <see cref="OperatorOptions.Name"/>.</summary>
    public string? LeaseName { get; set; }

    /// <summary>The namespace of the Lease. Default: the namespace of the pod, or else of the kubeconfig's context.</summary>
    public string? LeaseNamespace { get; set; }

    /// <summary>How long other candidates wait after the last renewal. Whole seconds.</summary>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the leader keeps working without a renewal; less than <see cref="LeaseDuration"/>.</summary>
    public TimeSpan RenewDeadline { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The time between two attempts; less than <see cref="RenewDeadline"/>.</summary>
    public TimeSpan RetryPeriod { get; set; } = TimeSpan.FromSeconds(2);
}
