namespace TokenOperator.TestBed;

/// <summary>Helm for one kubeconfig.</summary>
public sealed class Helm
{
    private const string Variable = "TOKEN_OPERATOR_HELM";
    private const string Script = "hack/helm.sh";

    private readonly string _program;
    private readonly Dictionary<string, string?> _environment;

    private Helm(string program, string kubeconfig, string folder)
    {
        _program = program;
        _environment = new()
        {
            ["KUBECONFIG"] = kubeconfig,
            // Not in the home folder, whose settings and plugins are those of another person.
            ["HELM_CACHE_HOME"] = Path.Combine(folder, "cache"),
            ["HELM_CONFIG_HOME"] = Path.Combine(folder, "config"),
            ["HELM_DATA_HOME"] = Path.Combine(folder, "data"),
            ["HELM_NAMESPACE"] = null,
        };
    }

    /// <summary>The chart of this repository.</summary>
    public static string Chart => Repository.File("charts/token-operator");

    /// <summary>The Helm that TOKEN_OPERATOR_HELM names, or else the one that hack/helm.sh finds or downloads.</summary>
    /// <param name="kubeconfig">The kubeconfig. A rendering without a cluster does not read it.</param>
    /// <param name="folder">A folder for Helm's own files.</param>
    /// <exception cref="InvalidOperationException">Helm is not available.</exception>
    public static async Task<Helm> FindAsync(string kubeconfig, string folder) => new(await FetchedProgram.FindAsync(Variable, Script), kubeconfig, folder);

    /// <summary>Runs Helm, and leaves the meaning of its exit code to the caller.</summary>
    public Task<CommandResult> TryRunAsync(IEnumerable<string> arguments, string input = "") => Command.RunAsync(_program, arguments, input, _environment);

    /// <summary>Runs Helm, which must succeed.</summary>
    /// <returns>Its stdout.</returns>
    /// <exception cref="InvalidOperationException">Helm failed. The message contains the command and its stderr.</exception>
    public async Task<string> RunAsync(IEnumerable<string> arguments, string input = "")
    {
        var all = arguments.ToList();
        var result = await TryRunAsync(all, input);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"helm {string.Join(' ', all)} failed with exit code {result.ExitCode}: {result.Errors.Trim()}");
    }

    /// <summary>Renders the chart of this repository without a cluster, as a release token-operator in the namespace token-operator-system.</summary>
    public Task<string> RenderAsync(params IEnumerable<string> arguments) => RunAsync(["template", "token-operator", Chart, "--namespace", "token-operator-system", .. arguments]);
}
