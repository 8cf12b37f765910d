using System.CommandLine;
using KubeRuntime;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken;

/// <summary><c>logs</c>: the operator's lines about one object, from all replicas, in the order of time.</summary>
internal static class LogsVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var operatorNamespace = OperatorPods.Option();
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on and show each line as it is written, also of replicas that start later, until Ctrl-C." };
        var command = new Verb(
            "logs",
            "Show what the operator has logged about the object, in all its replicas, oldest first. Wants the right to read the operator's pods and their logs.",
            "logs marcus-gmail -n mail",
            "logs marcus-gmail -n mail --follow")
        {
            name, follow, operatorNamespace,
        };
        options.Bind(command, (cluster, parsed, ct) =>
            ExecuteAsync(cluster, parsed.GetRequiredValue(name), parsed.GetRequiredValue(operatorNamespace), parsed.GetValue(follow), ct));
        return command;
    }

    private static async Task<int> ExecuteAsync(Cluster cluster, string name, string operatorNamespace, bool follow, CancellationToken ct)
    {
        var token = new NamespacedName(cluster.Namespace, name);
        var log = new OperatorLog(cluster, await OperatorInstall.FindAsync(cluster, operatorNamespace, ct), token);
        if (!await log.ShowAsync(ct))
        {
            // A name that was mistyped has no lines either.
            await cluster.GetAsync(name, ct);
            await Console.Error.WriteLineAsync($"The operator's pods have logged nothing about {token} since they started, or not at this log level. The object's own story: {OperatorLog.Events(token)}");
        }

        if (follow)
            await log.FollowAsync(ct);
        return ExitCodes.Ok;
    }
}
