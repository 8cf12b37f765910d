using System.Net;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;

namespace KubectlOAuthToken;

/// <summary><c>status --watch</c>: on a terminal a page that is drawn anew, elsewhere the rows that changed.</summary>
internal sealed class StatusWatch(Cluster cluster, string? name, string ns, string format, AnsiStyle paint)
{
    private const string ClearScreen = "\e[H\e[2J\e[3J";
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWatch = TimeSpan.FromMinutes(5);
    private static readonly ResourceKind Kind = ResourceKind.Of<V1Alpha1OAuthToken>();

    /// <summary>How soon what only time changes is shown: a token that ends while no operator says so.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(5);

    private readonly ResourceScope _scope = new(Kind, ns, null);
    private readonly Dictionary<NamespacedName, TokenStatus> _shown = [];
    private readonly Lock _lock = new();
    private Dictionary<NamespacedName, V1Alpha1OAuthToken> _seen = [];
    private bool _begun;

    /// <summary>Runs until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var ticking = TickAsync(end.Token);
        try
        {
            await FollowAsync(ct);
        }
        finally
        {
            await end.CancelAsync();
            await ticking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TickAsync(CancellationToken ct)
    {
        using var timer = new PeriodicTimer(Tick);
        while (await timer.WaitForNextTickAsync(ct))
        {
            lock (_lock)
            {
                if (_begun)
                    Show();
            }
        }
    }

    private async Task FollowAsync(CancellationToken ct)
    {
        while (true)
        {
            var all = new List<V1Alpha1OAuthToken>();
            var version = await cluster.Api.ListAsync<V1Alpha1OAuthToken>(_scope, "", all.AddRange, skip: null, ct);
            lock (_lock)
            {
                _seen = all.Where(IsWanted).ToDictionary(token => token.Key());
                Show();
            }

            try
            {
                await foreach (var change in cluster.Api.WatchAsync<V1Alpha1OAuthToken>(_scope, version, LongestWatch, ct))
                {
                    if (change.Type == WatchEventKind.Error)
                        break;
                    if (change.Resource is not { } token || change.Type == WatchEventKind.Bookmark || !IsWanted(token))
                        continue;
                    lock (_lock)
                    {
                        if (change.Type == WatchEventKind.Deleted)
                            _seen.Remove(token.Key());
                        else
                            _seen[token.Key()] = token;
                        Show();
                    }
                }
            }
            catch (Exception e) when (e is ApiUnavailableException or ApiException { StatusCode: HttpStatusCode.Gone })
            {
                // An old watch, or a connection that broke: the list that follows says whether the server is there.
            }

            await Task.Delay(Pause, ct);
        }
    }

    private bool IsWanted(V1Alpha1OAuthToken token) => name is null || token.Metadata.Name == name;

    private void Show()
    {
        var now = TimeProvider.System.GetUtcNow();
        var items = StatusVerb.Sorted(_seen.Values, now);
        if (!Console.IsOutputRedirected)
        {
            Console.Out.WriteLine(ClearScreen + StatusPage.Render(format, items, ns.Length == 0, paint, now));
            _begun = true;
            return;
        }

        var changed = items.Where(item => !_shown.TryGetValue(new(item.Namespace, item.Name), out var before) || before != item).ToList();
        _shown.Clear();
        foreach (var item in items)
            _shown[new(item.Namespace, item.Name)] = item;
        if (changed.Count == 0)
            return;
        Console.Out.WriteLine(_begun || format is "json" or "yaml"
            ? StatusPage.RenderNext(format, changed, ns.Length == 0, paint, now)
            : StatusPage.Render(format, changed, ns.Length == 0, paint, now));
        _begun = true;
    }
}
