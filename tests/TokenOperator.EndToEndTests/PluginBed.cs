using System.Text.Json;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>A person at the command line: in the namespace of an <see cref="OperatorBed"/> with the rights of the built-in role edit, and elsewhere with none.</summary>
public sealed class PluginBed
{
    /// <summary>What edit allows of which the plugin makes use, beside OAuthTokens; the test bed has no controller that fills in the built-in roles.</summary>
    private const string Edit =
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: edit-of-the-test}
        rules:
        - apiGroups: [""]
          resources: [secrets]
          verbs: [get, list, watch, create, update, patch, delete]
        - apiGroups: [""]
          resources: [pods, pods/log]
          verbs: [get, list, watch]
        """;

    private readonly string _folder;

    private PluginBed(OperatorBed bed, string kubeconfig, string folder) => (Bed, Kubeconfig, _folder) = (bed, kubeconfig, folder);

    /// <summary>The namespace, and the operator if there is one.</summary>
    public OperatorBed Bed { get; }

    /// <summary>The person's.</summary>
    public string Kubeconfig { get; }

    /// <summary>A person in the namespace of <paramref name="bed"/>.</summary>
    public static async Task<PluginBed> CreateAsync(ClusterFixture cluster, OperatorBed bed)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(bed);
        var kubeconfig = await cluster.Plane.ServiceAccountKubeconfigAsync(bed.Namespace, "person");
        await bed.Kubectl.RunAsync(["apply", "-n", bed.Namespace, "-f", "-"], Edit);
        foreach (var role in new[] { "role/edit-of-the-test", "clusterrole/token-operator-view", "clusterrole/token-operator-edit" })
        {
            await bed.Kubectl.RunAsync(
                ["create", "rolebinding", "-n", bed.Namespace, $"person-{Path.GetFileName(role)}", $"--{role.Replace('/', '=')}", $"--serviceaccount={bed.Namespace}:person"]);
        }

        return new PluginBed(bed, kubeconfig, cluster.Plane.Folder);
    }

    /// <summary>Runs a verb in the bed's namespace.</summary>
    public Task<CommandResult> RunAsync(params string[] words) => RunAsAsync(Kubeconfig, [.. words, "-n", Bed.Namespace]);

    /// <summary>Runs a verb with another kubeconfig, just as it stands.</summary>
    public static Task<CommandResult> RunAsAsync(string kubeconfig, params string[] words) => Command.RunAsync(
        OperatorProgram.Starter,
        [OperatorProgram.Path, "kubectl-oauthtoken", .. words],
        environment: new Dictionary<string, string?> { ["KUBECONFIG"] = kubeconfig });

    /// <summary>Starts a verb in the bed's namespace and lets it run; what it prints goes to <paramref name="logFile"/>.</summary>
    public ChildProcess Start(string logFile, params string[] words) => ChildProcess.Start(
        new ChildProcessOptions("/usr/bin/env", [OperatorProgram.Starter, OperatorProgram.Path, "kubectl-oauthtoken", .. words, "-n", Bed.Namespace])
        {
            LogFile = logFile,
            Environment = new Dictionary<string, string?> { ["KUBECONFIG"] = Kubeconfig },
        });

    /// <summary>A path in the cluster's folder.</summary>
    public string File(string name) => Path.Combine(_folder, $"{Bed.Namespace}-{name}");

    /// <summary>The items of <c>status -o json</c>.</summary>
    public async Task<IReadOnlyList<JsonElement>> StatusAsync(params string[] words)
    {
        var result = await RunAsync(["status", "-o", "json", .. words]);
        return [.. JsonDocument.Parse(result.Output).RootElement.GetProperty("items").EnumerateArray()];
    }
}
