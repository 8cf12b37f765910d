using System.Net;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;
using k8s.Models;

namespace KubectlOAuthToken;

/// <summary>What all replicas have logged about one object.</summary>
internal sealed class OperatorLog(Cluster cluster, OperatorInstall install, NamespacedName token)
{

    /// <summary>How soon a replica that has started is heard, and one whose log broke off is tried again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, string> _last = new(StringComparer.Ordinal);
    private readonly HashSet<string> _unread = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private OperatorPods _pods = new([], null);

    /// <summary>Prints what there is, oldest first; false when there is nothing.</summary>
    /// <exception cref="PluginException">No log can be read.</exception>
    public async Task<bool> ShowAsync(CancellationToken ct)
    {
        await FindPodsAsync(ct);
        if (_pods.Pods.Count == 0)
        {
            throw new PluginException(
                $"There is no pod of the operator in the namespace {install.Namespace} (labels {OperatorPods.Selector}). Name its namespace by --operator-namespace; if it does not run, see its Deployment there.",
                ExitCodes.NotFound);
        }

        var lines = new List<(LogLine Line, V1Pod Pod)>();
        foreach (var pod in _pods.Pods)
            await ReadAsync(pod, follow: false, line => lines.Add((line, pod)), ct);
        foreach (var (line, pod) in lines.OrderBy(entry => entry.Line.Time, StringComparer.Ordinal))
            Print(line, pod);
        return _unread.Count < _pods.Pods.Count ? lines.Count > 0
            : throw new PluginException($"No log could be read. The object's own story: {Events(token)}", ExitCodes.Unavailable);
    }

    /// <summary>Prints what comes after that, until it is cancelled; of two replicas in the order in which it arrives.</summary>
    public async Task FollowAsync(CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var followed = new Dictionary<string, Task>(StringComparer.Ordinal);
        try
        {
            while (true)
            {
                await Task.WhenAll(followed.Values.Where(reading => reading.IsCompleted));
                foreach (var pod in _pods.Pods.Where(pod => !followed.TryGetValue(pod.Metadata.Uid, out var reading) || reading.IsCompleted))
                    followed[pod.Metadata.Uid] = ReadAsync(pod, follow: true, line => Print(line, pod), end.Token);
                await Task.Delay(Pause, ct);
                await FindPodsAsync(ct);
            }
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(followed.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Where something is to be read without rights in the operator's namespace.</summary>
    public static string Events(NamespacedName token) => $"kubectl describe oauthtoken {token.Name} -n {token.Namespace}";

    private async Task FindPodsAsync(CancellationToken ct)
    {
        try
        {
            _pods = await OperatorPods.FindAsync(cluster, install, ct);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            throw new PluginException($"You may not list the operator's pods in {install.Namespace}: its logs are for those who run it. The object's own story: {Events(token)}", ExitCodes.Refused);
        }
    }

    /// <summary>Goes on after the last line that was read of the pod.</summary>
    private async Task ReadAsync(V1Pod pod, bool follow, Action<LogLine> use, CancellationToken ct)
    {
        var uid = pod.Metadata.Uid;
        var since = Last(uid);
        // A mesh puts containers of its own beside it, or before it.
        var container = (pod.Spec.Containers.FirstOrDefault(one => one.Name == OperatorPods.Container) ?? pod.Spec.Containers[0]).Name;
        try
        {
            await foreach (var text in PodLog.ReadAsync(cluster.Api, pod.Key(), container, follow, since, ct))
            {
                // The API server counts in whole seconds.
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
            // A pod that is not running yet, or whose node is away, must not hide what the others say.
            lock (_lock)
            {
                if (!_unread.Add(uid))
                    return;
            }

            await Console.Error.WriteLineAsync($"kubectl oauthtoken: the log of pod {pod.Key()} cannot be read: {e.Message}");
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
