using System.Diagnostics;

namespace TokenOperator.TestBed;

/// <summary>Where the programs of the control plane lie.</summary>
/// <param name="Folder">Holds etcd, kube-apiserver and kubectl.</param>
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
    /// Takes the folder of KUBEBUILDER_ASSETS when all is there, else asks hack/test-assets.sh, which can take minutes the
    /// first time and tells on stderr what it does.
    /// </summary>
    /// <exception cref="InvalidOperationException">The script is not found, or it failed: it has said why.</exception>
    public static async Task<TestAssets> FindAsync(CancellationToken ct = default)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named && new TestAssets(named) is { IsComplete: true } assets)
            return assets;

        var script = Path.Combine(RepositoryRoot(), Script);
        using var process = Process.Start(new ProcessStartInfo(script) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException($"{script} cannot be started.");
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(ct);
            await process.WaitForExitAsync(ct);
            return process.ExitCode == 0
                ? new TestAssets(output.Trim())
                : throw new InvalidOperationException(
                    $"{Script} ended with exit code {process.ExitCode}: it said why on stderr. Run it by hand, or set {Variable} to a folder with etcd, kube-apiserver and kubectl.");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>The folder of the repository that this program was built from: the one with TokenOperator.sln.</summary>
    /// <exception cref="InvalidOperationException">This program does not lie in a repository.</exception>
    public static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "TokenOperator.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"No TokenOperator.sln in {AppContext.BaseDirectory} or above: run this from a build within the repository.");
    }

    private bool IsComplete => File.Exists(Etcd) && File.Exists(ApiServer) && File.Exists(Kubectl);
}
