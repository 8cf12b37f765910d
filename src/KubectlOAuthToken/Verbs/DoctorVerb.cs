using System.CommandLine;
using KubectlOAuthToken.Doctor;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>doctor</c>: checks everything that the OAuthTokens of a namespace depend on, one line per check.</summary>
internal static class DoctorVerb
{
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
        var install = await OperatorInstall.FindAsync(context.Cluster, operatorNamespace, cancellationToken);
        var worst = Health.Ok;
        await foreach (var (name, result) in DoctorRun.RunAsync(context.Cluster, install, context.Time, cancellationToken))
        {
            worst = result.Health > worst ? result.Health : worst;
            Console.Out.WriteLine(DoctorRun.Line(name, result with { Text = DisplayText.Line(result.Text) }, context.Style));
        }

        return worst == Health.Critical ? ExitCodes.Failed : ExitCodes.Ok;
    }
}
