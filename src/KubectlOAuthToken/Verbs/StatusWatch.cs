using System.Net;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>status --watch</c>: redraws the page on a terminal; elsewhere prints the rows that changed.</summary>
/// <param name="context">The cluster, the clock and the colors.</param>
/// <param name="name">The OAuthToken, or null for all.</param>
/// <param name="ns">The namespace; empty for all namespaces.</param>
/// <param name="selector">The labels of the OAuthTokens, or null for all.</param>
/// <param name="format">The format of the output.</param>
internal sealed class StatusWatch(VerbContext context, string? name, string ns, string? selector, OutputFormat format)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxWatch = TimeSpan.FromMinutes(5);

    /// <summary>How often the page is computed again without a change in the cluster: a token can expire while the operator is not running.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(5);

    private readonly StatusPage _page = new(format, isOne: name is not null, withNamespace: ns.Length == 0, context.Style);
    private readonly Dictionary<NamespacedName, TokenStatus> _shown = [];
    private readonly Lock _lock = new();
    private Dictionary<NamespacedName, V1Beta1OAuthToken> _seen = [];
    private bool _begun;

    /// <summary>Runs until it is canceled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ticking = TickAsync(end.Token);
        try
        {
            await FollowAsync(cancellationToken);
        }
        finally
        {
            await end.CancelAsync();
            await ticking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TickAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Tick, context.Time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            lock (_lock)
            {
                if (_begun)
                    Show();
            }
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        var scope = new ResourceScope(await context.Cluster.KindAsync<V1Beta1OAuthToken>(cancellationToken), ns, selector);
        while (true)
        {
            var all = new List<V1Beta1OAuthToken>();
            var version = await Cluster.RequireCrdAsync(() => context.Cluster.Api.ListAsync<V1Beta1OAuthToken>(scope, all.Add, skip: null, cancellationToken));
            lock (_lock)
            {
                _seen = all.Where(IsWanted).ToDictionary(token => token.Key());
                Show();
            }

            try
            {
                await foreach (var change in context.Cluster.Api.WatchAsync<V1Beta1OAuthToken>(scope, version, MaxWatch, cancellationToken))
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
                // The watch is too old, or the connection broke. The next list fails if the server is gone.
            }

            await Task.Delay(RetryDelay, context.Time, cancellationToken);
        }
    }

    private bool IsWanted(V1Beta1OAuthToken token) => name is null || token.Metadata.Name == name;

    private void Show()
    {
        var now = context.Now;
        var items = TokenStatus.Sorted(_seen.Values, now);
        if (!Console.IsOutputRedirected)
        {
            // Only a page that replaces the one before can be a list.
            Console.Out.Write(PrintableWriter.ClearScreen + (format.IsForPeople ? _page.Render(items, now) : _page.RenderNext(items, now)));
            _begun = true;
            return;
        }

        var changed = items.Where(item => !_shown.TryGetValue(new(item.Namespace, item.Name), out var before) || before != item).ToList();
        _shown.Clear();
        foreach (var item in items)
            _shown[new(item.Namespace, item.Name)] = item;
        if (changed.Count == 0)
            return;
        Console.Out.Write(_begun || !format.IsForPeople ? _page.RenderNext(changed, now) : _page.Render(changed, now));
        _begun = true;
    }
}
