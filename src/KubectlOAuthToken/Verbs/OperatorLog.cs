using System.Net;
using k8s.Models;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary>The log lines of all operator replicas about one object.</summary>
internal sealed class OperatorLog(VerbContext context, OperatorInstall install, NamespacedName token)
{
    /// <summary>How often it looks for new replicas, and retries a log that ended.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, string> _last = new(StringComparer.Ordinal);
    private readonly HashSet<string> _unread = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private OperatorPods _pods = new([], null);

    /// <summary>Prints the existing lines, oldest first. Returns false if there are none.</summary>
    /// <exception cref="PluginException">No log can be read.</exception>
    public async Task<bool> ShowAsync(CancellationToken cancellationToken)
    {
        await FindPodsAsync(cancellationToken);
        if (_pods.Pods.Count == 0)
        {
            throw new PluginException(
                $"The namespace {install.Namespace} has no operator pods (labels {OperatorPods.Selector}). If the operator runs in another namespace, name it with --operator-namespace. Otherwise check the operator's Deployment.",
                ExitCodes.NotFound);
        }

        var lines = new List<(LogLine Line, V1Pod Pod)>();
        foreach (var pod in _pods.Pods)
            await ReadAsync(pod, follow: false, line => lines.Add((line, pod)), cancellationToken);
        foreach (var (line, pod) in lines.OrderBy(entry => entry.Line.Time, StringComparer.Ordinal))
            Print(line, pod);
        return _unread.Count < _pods.Pods.Count ? lines.Count > 0
            : throw new PluginException($"No log could be read. To see the object's events, run: {EventsCommand(token)}", ExitCodes.Unavailable);
    }

    /// <summary>Prints new lines until it is canceled, in the order in which they arrive.</summary>
    public async Task FollowAsync(CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var followed = new Dictionary<string, Task>(StringComparer.Ordinal);
        try
        {
            while (true)
            {
                await Task.WhenAll(followed.Values.Where(reading => reading.IsCompleted));
                foreach (var pod in _pods.Pods.Where(pod => !followed.TryGetValue(pod.Metadata.Uid, out var reading) || reading.IsCompleted))
                    followed[pod.Metadata.Uid] = ReadAsync(pod, follow: true, line => Print(line, pod), end.Token);
                await Task.Delay(PollInterval, context.Time, cancellationToken);
                await FindPodsAsync(cancellationToken);
            }
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(followed.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The command that shows the object's events. It needs no rights in the operator's namespace.</summary>
    public static string EventsCommand(NamespacedName token) => $"kubectl describe oauthtoken {token.Name} -n {token.Namespace}";

    private async Task FindPodsAsync(CancellationToken cancellationToken)
    {
        try
        {
            _pods = await OperatorPods.FindAsync(context.Cluster, install, cancellationToken);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            throw new PluginException($"You cannot list the operator's pods in the namespace {install.Namespace}. Only the operator's administrators can read its logs. To see the object's events, run: {EventsCommand(token)}", ExitCodes.Refused);
        }
    }

    /// <summary>Reads the lines of the pod after the last one that was read.</summary>
    private async Task ReadAsync(V1Pod pod, bool follow, Action<LogLine> use, CancellationToken cancellationToken)
    {
        var uid = pod.Metadata.Uid;
        var since = Last(uid);
        var container = OperatorPods.ContainerOf(pod.Spec).Name;
        try
        {
            await foreach (var text in PodLog.ReadAsync(context.Cluster.Api, pod.Key(), container, new() { Follow = follow, Since = since }, cancellationToken))
            {
                // The API server truncates sinceTime to whole seconds, so it returns lines again.
                if (LogLine.Read(text) is not { } line || string.CompareOrdinal(line.Time, since) <= 0)
                    continue;
                lock (_lock)
                    _last[uid] = line.Time;
                if (line.IsAbout(token))
                    use(line);
            }
        }
        catch (Exception e) when (e is ApiUnavailableException || (e is ApiException refused && refused.StatusCode != HttpStatusCode.Forbidden))
        {
            // A pod that is not running yet, or whose node is unreachable, must not hide the other pods' lines.
            lock (_lock)
            {
                if (!_unread.Add(uid))
                    return;
            }

            await Console.Error.WriteLineAsync($"kubectl oauthtoken: the log of the pod {pod.Key()} cannot be read: {e.Message}");
        }
    }

    private string? Last(string uid)
    {
        lock (_lock)
            return _last.GetValueOrDefault(uid);
    }

    private void Print(LogLine line, V1Pod pod) =>
        Console.Out.WriteLine($"{line.Time} [{pod.Metadata.Name}{(_pods.IsLeader(pod) ? " (leader)" : "")}] {line.Text}");
}
