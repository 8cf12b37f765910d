using System.CommandLine;
using KubectlOAuthToken.Kubernetes;
using KubeRuntime;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>logs</c>: the log lines of all operator replicas about one object, oldest first.</summary>
internal static class LogsVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var operatorNamespace = ClusterOptions.OperatorNamespace();
        var follow = new Option<bool>("--follow", "-f") { Description = "Also show new lines, including those of replicas that start later, until Ctrl-C." };
        var command = new Verb(
            "logs",
            "Show the log lines of all operator replicas about the object, oldest first. Needs the right to list the operator's pods and to read their logs.",
            "logs marcus-gmail -n mail",
            "logs marcus-gmail -n mail --follow")
        {
            name, follow, operatorNamespace,
        };
        options.Bind(command, (context, parsed, cancellationToken) =>
            ExecuteAsync(context, parsed.GetRequiredValue(name), parsed.GetRequiredValue(operatorNamespace), parsed.GetValue(follow), cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VerbContext context, string name, string operatorNamespace, bool follow, CancellationToken cancellationToken)
    {
        var cluster = context.Cluster;
        var token = new NamespacedName(cluster.Namespace, name);
        var log = new OperatorLog(context, await OperatorInstall.FindAsync(cluster, operatorNamespace, cancellationToken), token);
        if (!await log.ShowAsync(cancellationToken))
        {
            // A mistyped name has no lines either.
            await cluster.GetAsync(name, cancellationToken);
            await Console.Error.WriteLineAsync($"The operator's pods have logged nothing about {token} since they started, or their log level hides it. To see the object's events, run: {OperatorLog.EventsCommand(token)}");
        }

        if (follow)
            await log.FollowAsync(cancellationToken);
        return ExitCodes.Ok;
    }
}
