using System.Text.Json;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>A user at the command line, with the rights of the built-in role edit in the namespace of an <see cref="OperatorFixture"/>, and no rights elsewhere.</summary>
public sealed class PluginFixture
{
    /// <summary>The rights of edit that the plugin uses, except those for OAuthTokens. The test bed has no controller that aggregates the built-in roles.</summary>
    private const string Edit =
        """
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "edit-of-the-test", "namespace": "NAMESPACE"}, "rules": [
          {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]},
          {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch"]}]}
        """;

    private readonly string _folder;

    private PluginFixture(OperatorFixture fixture, string kubeconfig, string folder) => (Fixture, Kubeconfig, _folder) = (fixture, kubeconfig, folder);

    /// <summary>The namespace, and its operator if there is one.</summary>
    public OperatorFixture Fixture { get; }

    /// <summary>The kubeconfig of the user.</summary>
    public string Kubeconfig { get; }

    /// <summary>Creates a user in the namespace of <paramref name="fixture"/>.</summary>
    public static async Task<PluginFixture> CreateAsync(ClusterFixture cluster, OperatorFixture fixture)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(fixture);
        var kubeconfig = await cluster.Plane.ServiceAccountKubeconfigAsync(fixture.Namespace, "person");
        await cluster.Plane.ApplyJsonAsync(Edit.Replace("NAMESPACE", fixture.Namespace, StringComparison.Ordinal));
        foreach (var (kind, role) in new[] { ("Role", "edit-of-the-test"), ("ClusterRole", "token-operator-view"), ("ClusterRole", "token-operator-edit") })
            await cluster.Plane.BindAsync($"{fixture.Namespace}:person", kind, role, fixture.Namespace);
        return new PluginFixture(fixture, kubeconfig, cluster.Plane.Folder);
    }

    /// <summary>Runs a verb in the namespace of the fixture.</summary>
    public Task<CommandResult> RunAsync(params string[] words) => RunAsAsync(Kubeconfig, [.. words, "-n", Fixture.Namespace]);

    /// <summary>Runs a verb with another kubeconfig, without adding a namespace.</summary>
    public static Task<CommandResult> RunAsAsync(string kubeconfig, params string[] words) => Command.RunAsync(
        PluginProgram.Starter,
        [PluginProgram.Path, .. words],
        environment: new Dictionary<string, string?> { ["KUBECONFIG"] = kubeconfig });

    /// <summary>Starts a verb in the namespace of the fixture. Its output goes to <paramref name="logFile"/>.</summary>
    public ChildProcess Start(string logFile, params string[] words) => ChildProcess.Start(
        new ChildProcessOptions("/usr/bin/env", [PluginProgram.Starter, PluginProgram.Path, .. words, "-n", Fixture.Namespace])
        {
            LogFile = logFile,
            Environment = new Dictionary<string, string?> { ["KUBECONFIG"] = Kubeconfig },
        });

    /// <summary>A path in the cluster's folder.</summary>
    public string File(string name) => Path.Combine(_folder, $"{Fixture.Namespace}-{name}");

    /// <summary>The items of <c>status -o json</c>, or the one that <paramref name="name"/> names.</summary>
    public async Task<IReadOnlyList<JsonElement>> StatusAsync(string? name = null)
    {
        var document = JsonDocument.Parse((await RunAsync(["status", "-o", "json", .. name is null ? Array.Empty<string>() : [name]])).Output).RootElement;
        return name is null ? [.. document.GetProperty("items").EnumerateArray()] : [document];
    }
}
