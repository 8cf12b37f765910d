using System.CommandLine;
using KubectlOAuthToken.Doctor;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>doctor</c>: checks everything that the OAuthTokens of a namespace depend on, one line per check.</summary>
internal static class DoctorVerb
{
    private delegate Task<IReadOnlyList<CheckResult>> Check(DoctorContext context, CancellationToken cancellationToken);

    private static readonly (string Name, Check Run)[] Checks =
    [
        ("API server", (context, _) => Task.FromResult<IReadOnlyList<CheckResult>>([ClusterChecks.Server(context.Cluster.Server, context.ServerTime, context.Now)])),
        ("CRD", ClusterChecks.DefinitionAsync),
        ("your rights", ClusterChecks.YourRightsAsync),
        ("operator's rights", OperatorChecks.RightsAsync),
        ("operator", OperatorChecks.PodsAsync),
        ("leader", OperatorChecks.LeaderAsync),
        ("key", OperatorChecks.KeyAsync),
        ("workload identity", (context, _) => Task.FromResult<IReadOnlyList<CheckResult>>([OperatorChecks.WorkloadIdentity(context.Tokens, context.Cluster.Namespace, context.Install)])),
        ("Postgres", (context, _) => Task.FromResult<IReadOnlyList<CheckResult>>([TokenChecks.Postgres(context)])),
        ("provider", TokenChecks.ProviderAsync),
        ("mounts", TokenChecks.MountsAsync),
        ("OAuthTokens", (context, _) => Task.FromResult<IReadOnlyList<CheckResult>>([TokenChecks.Tokens(context.Tokens, context.Cluster.Namespace, context.Now)])),
    ];

    public static Command Build(ClusterOptions options)
    {
        var operatorNamespace = ClusterOptions.OperatorNamespace();
        // Not a feature of the plugin, which has no Postgres driver: the error names the program that has it.
        var postgres = new Option<bool>("--postgres") { Hidden = true };
        postgres.Validators.Add(result =>
        {
            // The parser adds a result for an option that is absent, too.
            if (!result.Implicit)
                result.AddError("The plugin does not connect to Postgres. To check the connection and the table, run: token-operator migrate status");
        });
        var command = new Verb(
            "doctor",
            "Check everything that the OAuthTokens of the namespace depend on, and show how to fix what is wrong. The exit code is 1 if a check fails.",
            "doctor -n mail")
        {
            operatorNamespace, postgres,
        };
        options.Bind(command, (context, parsed, cancellationToken) => ExecuteAsync(context, parsed.GetRequiredValue(operatorNamespace), cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VerbContext context, string operatorNamespace, CancellationToken cancellationToken)
    {
        // If one of these two calls fails, no check is possible, so the error is the only output.
        var serverTime = await context.Cluster.ServerTimeAsync(cancellationToken);
        var tokens = await context.Cluster.ListAsync(context.Cluster.Namespace, cancellationToken);
        var install = await OperatorInstall.FindAsync(context.Cluster, operatorNamespace, cancellationToken);
        if (tokens.Count == 0)
            await context.Cluster.CheckNamespaceAsync(cancellationToken);
        var doctor = new DoctorContext(context.Cluster, install, serverTime, context.Now, tokens);
        var worst = Health.Ok;
        foreach (var (name, run) in Checks)
        {
            foreach (var result in await TryAsync(doctor, run, cancellationToken))
            {
                worst = result.Health > worst ? result.Health : worst;
                Console.Out.WriteLine($"{context.Style.Tone(result.Health, Word(result.Health).PadRight(4))}   {name,-17}   {DisplayText.Line(result.Text)}");
            }
        }

        return worst == Health.Critical ? ExitCodes.Failed : ExitCodes.Ok;
    }

    /// <summary>Runs a check. A check that the user has no rights for is only a warning.</summary>
    private static async Task<IReadOnlyList<CheckResult>> TryAsync(DoctorContext doctor, Check run, CancellationToken cancellationToken)
    {
        try
        {
            return await run(doctor, cancellationToken);
        }
        catch (ApiException e)
        {
            return [CheckResult.Warning($"This cannot be checked: {e.Message}")];
        }
    }

    private static string Word(Health health) => health switch
    {
        Health.Ok => "ok",
        Health.Warning => "warn",
        _ => "FAIL",
    };
}
