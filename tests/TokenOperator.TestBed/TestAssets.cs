namespace TokenOperator.TestBed;

/// <summary>The programs of the control plane.</summary>
/// <param name="Folder">The folder with etcd, kube-apiserver and kubectl.</param>
public sealed record TestAssets(string Folder)
{
    private const string Variable = "KUBEBUILDER_ASSETS";
    private const string Script = "hack/test-assets.sh";

    /// <summary>The path of etcd.</summary>
    public string Etcd => Path.Combine(Folder, "etcd");

    /// <summary>The path of kube-apiserver.</summary>
    public string ApiServer => Path.Combine(Folder, "kube-apiserver");

    /// <summary>The path of kubectl.</summary>
    public string Kubectl => Path.Combine(Folder, "kubectl");

    /// <summary>
    /// Takes the folder that KUBEBUILDER_ASSETS names if it is complete, and otherwise runs hack/test-assets.sh, which can take minutes the
    /// first time and reports its progress on stderr.
    /// </summary>
    /// <exception cref="InvalidOperationException">The script failed and printed the reason on stderr.</exception>
    public static async Task<TestAssets> FindAsync(CancellationToken ct = default)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named && new TestAssets(named) is { IsComplete: true } assets)
            return assets;
        var result = await Command.RunAsync(Repository.File(Script), [], captureErrors: false, ct: ct);
        return result.ExitCode == 0
            ? new TestAssets(result.Output.Trim())
            : throw new InvalidOperationException(
                $"{Script} ended with exit code {result.ExitCode} and printed the reason on stderr. Run it, or set {Variable} to a folder with etcd, kube-apiserver and kubectl.");
    }

    private bool IsComplete => File.Exists(Etcd) && File.Exists(ApiServer) && File.Exists(Kubectl);
}
