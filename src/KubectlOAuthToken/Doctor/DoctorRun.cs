using System.Runtime.CompilerServices;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime.Client;

namespace KubectlOAuthToken.Doctor;

/// <summary>All checks, one after the other.</summary>
internal static class DoctorRun
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

    /// <summary>Runs the checks for the namespace of <paramref name="cluster"/>. A check that the user has no rights for is only a warning.</summary>
    /// <exception cref="ApiException">Not even the OAuthTokens of the namespace can be listed, so no check is possible.</exception>
    public static async IAsyncEnumerable<(string Name, CheckResult Result)> RunAsync(
        Cluster cluster, OperatorInstall install, TimeProvider time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var serverTime = await cluster.ServerTimeAsync(cancellationToken);
        var now = time.GetUtcNow();
        var tokens = await cluster.ListAsync(cluster.Namespace, cancellationToken);
        if (tokens.Count == 0)
            await cluster.CheckNamespaceAsync(cancellationToken);
        var context = new DoctorContext(cluster, install, serverTime, now, tokens);
        foreach (var (name, run) in Checks)
        {
            foreach (var result in await TryAsync(context, run, cancellationToken))
                yield return (name, result);
        }
    }

    /// <summary>A line of output.</summary>
    public static string Line(string name, CheckResult result, AnsiStyle style) => $"{style.Tone(result.Health, Word(result.Health).PadRight(4))}   {name,-17}   {result.Text}";

    private static async Task<IReadOnlyList<CheckResult>> TryAsync(DoctorContext context, Check run, CancellationToken cancellationToken)
    {
        try
        {
            return await run(context, cancellationToken);
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
