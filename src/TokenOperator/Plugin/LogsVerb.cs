using System.CommandLine;
using System.Net;
using TokenOperator.Commands;
using TokenOperator.Runtime;
using TokenOperator.Runtime.Client;

namespace TokenOperator.Plugin;

/// <summary><c>logs</c>: the operator's lines about one object, from all replicas, in the order of time.</summary>
internal static class LogsVerb
{
    private static readonly ResourceKind Pods = ResourceKind.Of<k8s.Models.V1Pod>();

    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var operatorNamespace = OperatorPods.Option();
        var command = new Verb(
            "logs",
            "Show what the operator has logged about the object, in all its replicas, oldest first. Wants the right to read the operator's pods and their logs.",
            "logs marcus-gmail -n mail")
        {
            name, operatorNamespace,
        };
        options.Bind(command, (cluster, parsed, ct) => ExecuteAsync(cluster, parsed.GetRequiredValue(name), parsed.GetRequiredValue(operatorNamespace), ct));
        return command;
    }

    private static async Task<int> ExecuteAsync(Cluster cluster, string name, string operatorNamespace, CancellationToken ct)
    {
        var token = new NamespacedName(cluster.Namespace, name);
        var pods = await FindAsync(cluster, operatorNamespace, token, ct);
        var lines = new List<(LogLine Line, string Pod)>();
        var unread = 0;
        foreach (var pod in pods.Pods)
        {
            var shown = pods.IsLeader(pod) ? $"{pod.Metadata.Name} (leader)" : pod.Metadata.Name;
            try
            {
                await foreach (var line in cluster.Api.ReadLogAsync(Pods, pod.Key(), ct))
                {
                    if (LogLine.Read(line) is { } read && read.IsAbout(token))
                        lines.Add((read, shown));
                }
            }
            catch (Exception e) when (e is ApiUnavailableException || (e is ApiException refused && refused.StatusCode != HttpStatusCode.Forbidden))
            {
                // A pod that is not running yet, or whose node is away, must not hide what the others say.
                unread++;
                await Console.Error.WriteLineAsync($"kubectl oauthtoken: the log of pod {pod.Key()} cannot be read: {e.Message}");
            }
        }

        foreach (var (line, pod) in lines.OrderBy(entry => entry.Line.Time, StringComparer.Ordinal))
            Console.Out.WriteLine($"{line.Time} [{pod}] {line.Text}");
        if (unread == pods.Pods.Count)
            throw new PluginException($"No log could be read. The object's own story: {Events(token)}", ExitCodes.Unavailable);
        if (lines.Count == 0)
            await Console.Error.WriteLineAsync($"The operator's pods have logged nothing about {token} since they started, or not at this log level. The object's own story: {Events(token)}");
        return ExitCodes.Ok;
    }

    private static async Task<OperatorPods> FindAsync(Cluster cluster, string operatorNamespace, NamespacedName token, CancellationToken ct)
    {
        try
        {
            var pods = await OperatorPods.FindAsync(cluster, operatorNamespace, ct);
            return pods.Pods.Count > 0 ? pods : throw new PluginException(
                $"There is no pod of the operator in the namespace {operatorNamespace} (labels {OperatorPods.Selector}). Name its namespace by --operator-namespace; if it does not run, see its Deployment there.",
                ExitCodes.NotFound);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            throw new PluginException(
                $"You may not list the operator's pods in {operatorNamespace}: its logs are for those who run it. The object's own story: {Events(token)}", ExitCodes.Refused);
        }
    }

    private static string Events(NamespacedName token) => $"kubectl describe oauthtoken {token.Name} -n {token.Namespace}";
}
