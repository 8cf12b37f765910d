using TokenOperator.TestBed;
using TokenOperator.TestBed.Containers;

namespace TokenOperator.EndToEndTests;

/// <summary>A control plane and a Postgres for all tests of a group. Each test has its own namespace and database.</summary>
public class ClusterFixture : IAsyncLifetime
{
    /// <summary>The operator's namespace.</summary>
    public const string OperatorNamespace = "token-operator-system";

    /// <summary>The operator's ServiceAccount.</summary>
    public const string ServiceAccount = "token-operator";

    private ControlPlane? _plane;
    private PostgresServer? _postgres;
    private OperatorFixture? _shared;
    private int _namespaces;

    /// <summary>The image that the operators run from, each in a container; null for the program.</summary>
    public virtual OperatorImage? Image => null;

    public ControlPlane Plane => _plane ?? throw new InvalidOperationException("Not started.");

    public PostgresServer Postgres => _postgres ?? throw new InvalidOperationException("Not started.");

    /// <summary>Installs the operator, and returns its kubeconfig.</summary>
    protected Func<ControlPlane, Task<string>> Install { get; init; } = InstallAsync;

    /// <summary>A kubeconfig with the token of the operator's ServiceAccount, which has exactly the permissions of config/rbac.</summary>
    public string OperatorKubeconfig { get; private set; } = "";

    /// <summary>Creates a namespace for one test.</summary>
    public async Task<string> NewNamespaceAsync()
    {
        var name = $"test-{Interlocked.Increment(ref _namespaces)}";
        await Plane.CreateNamespaceAsync(name);
        return name;
    }

    /// <summary>A shared operator, for tests that need no special settings. Each test has its own accounts.</summary>
    public async Task<OperatorFixture> SharedFixtureAsync()
    {
        _shared ??= await OperatorFixture.StartAsync(this);
        // The operator ends when it loses its lease, as in a test that restarts the API server. A kubelet would restart it.
        if (_shared.Operator.HasExited)
            await _shared.StartOperatorAsync();
        return _shared;
    }

    /// <summary>A cluster for a single test with its own installation, which returns the operator's kubeconfig.</summary>
    public static async Task<ClusterFixture> StartAsync(Func<ControlPlane, Task<string>> install)
    {
        var cluster = new ClusterFixture { Install = install };
        await cluster.InitializeAsync();
        return cluster;
    }

    /// <summary>Runs a script of <c>hack/</c> as the administrator, or with another kubeconfig.</summary>
    public async Task<CommandResult> RunScriptAsync(string script, IEnumerable<string> arguments, string? kubeconfig = null, string labels = "") => await Command.RunAsync(
        Repository.File($"hack/{script}"),
        arguments,
        environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = kubeconfig ?? Plane.AdminKubeconfig,
            ["LABELS"] = labels,
            ["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:{(await TestAssets.FindAsync()).Folder}",
        });

    public virtual async Task InitializeAsync()
    {
        var postgres = PostgresServer.StartAsync();
        _plane = await ControlPlane.StartAsync(new ControlPlaneOptions
        {
            Audit = true,
            // Some clusters enable it: to set blockOwnerDeletion, a client needs a permission on the owner.
            ApiServerArguments = ["--enable-admission-plugins=OwnerReferencesPermissionEnforcement"],
        });
        _postgres = await postgres;
        OperatorKubeconfig = await Install(_plane);
    }

    public virtual async Task DisposeAsync()
    {
        if (_shared is not null)
            await _shared.DisposeAsync();
        if (_plane is not null)
            await _plane.DisposeAsync();
        if (_postgres is not null)
            await _postgres.DisposeAsync();
    }

    /// <summary>Installs the CRD and the RBAC rules of config/, and returns the operator's kubeconfig.</summary>
    public static Task<string> InstallAsync(ControlPlane plane) => Manifests.InstallAsync(plane, OperatorNamespace, ServiceAccount);
}

/// <summary>
/// The tests of most subjects. The groups run in parallel, each with its own cluster, because most of the time their tests wait.
/// All groups take about the same time.
/// </summary>
[CollectionDefinition(Name)]
public sealed class ClusterGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Cluster";
}

/// <summary>Failures of Postgres and of providers, and restarts of the API server.</summary>
[CollectionDefinition(Name)]
public sealed class FaultGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Faults";
}

/// <summary>What people use: the plugin, consent in a browser, and the command line.</summary>
[CollectionDefinition(Name)]
public sealed class PersonGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Person";
}

/// <summary>Monitoring under failures, and operators that are killed at every point of a refresh.</summary>
[CollectionDefinition(Name)]
public sealed class AlertGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Alerts";
}

/// <summary>Leader changes, failures of the API server, and failures of connections.</summary>
[CollectionDefinition(Name)]
public sealed class LinkGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Links";
}
