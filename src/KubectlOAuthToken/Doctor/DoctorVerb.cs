using System.CommandLine;
using System.Net;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Doctor;

/// <summary><c>doctor</c>: looks at all that has to be right, a line for each.</summary>
internal static class DoctorVerb
{
    private delegate Task<IReadOnlyList<CheckResult>> Check(DoctorContext patient, CancellationToken ct);

    public static Command Build(ClusterOptions options)
    {
        var operatorNamespace = OperatorPods.Option();
        var command = new Verb(
            "doctor",
            "Look at all that has to be right for the OAuthTokens of the namespace, and say what to do where it is not. Exit code 1 when a check fails.",
            "doctor -n mail")
        {
            operatorNamespace,
        };
        options.Bind(command, (cluster, parsed, ct) => ExecuteAsync(cluster, parsed.GetRequiredValue(operatorNamespace), ct));
        return command;
    }

    private static async Task<int> ExecuteAsync(Cluster cluster, string operatorNamespace, CancellationToken ct)
    {
        // All others rest on these two: without them there is one sentence to say.
        var serverTime = await cluster.ServerTimeAsync(ct);
        var tokens = await cluster.ListAsync(cluster.Namespace, ct);
        var install = await OperatorInstall.FindAsync(cluster, operatorNamespace, ct);
        if (tokens.Count == 0)
            await cluster.CheckNamespaceAsync(ct);
        var patient = new DoctorContext(cluster, install, serverTime, TimeProvider.System.GetUtcNow(), tokens);
        var checks = new List<(string Name, Check Run)>
        {
            ("API server", (one, _) => Task.FromResult<IReadOnlyList<CheckResult>>([ClusterChecks.Server(one.Cluster.Server, one.ServerTime, one.Now)])),
            ("CRD", ClusterChecks.DefinitionAsync),
            ("your rights", ClusterChecks.YourRightsAsync),
            ("operator's rights", OperatorChecks.RightsAsync),
            ("operator", OperatorChecks.PodsAsync),
            ("leader", OperatorChecks.LeaderAsync),
            ("key", OperatorChecks.KeyAsync),
            ("Postgres", (one, _) => Task.FromResult(TokenChecks.Postgres(one))),
            ("provider", TokenChecks.ProviderAsync),
            ("mounts", TokenChecks.MountsAsync),
            ("OAuthTokens", (one, _) => Task.FromResult<IReadOnlyList<CheckResult>>([TokenChecks.Tokens(one.Tokens, one.Cluster.Namespace, one.Now)])),
        };
        var paint = AnsiStyle.ForOutput();
        var worst = Health.Ok;
        foreach (var (name, run) in checks)
        {
            foreach (var finding in await TryAsync(patient, run, ct))
            {
                worst = finding.Health > worst ? finding.Health : worst;
                Console.Out.WriteLine($"{paint.Tone(finding.Health, Word(finding.Health).PadRight(4))}   {name,-17}   {finding.Text}");
            }
        }

        return worst == Health.Critical ? ExitCodes.Failed : ExitCodes.Ok;
    }

    /// <summary>What a person may not look at is no fault of the cluster.</summary>
    private static async Task<IReadOnlyList<CheckResult>> TryAsync(DoctorContext patient, Check run, CancellationToken ct)
    {
        try
        {
            return await run(patient, ct);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            return [CheckResult.Warning($"cannot be checked, since you may not do this: {PluginErrors.Refused(e)}")];
        }
        catch (ApiException e)
        {
            return [CheckResult.Warning($"cannot be checked: {e.Message}")];
        }
    }

    private static string Word(Health health) => health switch
    {
        Health.Ok => "ok",
        Health.Warning => "warn",
        _ => "FAIL",
    };
}
