using System.Net;
using TokenOperator.Entities;
using TokenOperator.Runtime;
using TokenOperator.Runtime.Client;

namespace TokenOperator.Plugin;

/// <summary><c>status --watch</c>: on a terminal a page that is drawn anew, elsewhere the rows that changed.</summary>
internal static class StatusWatch
{
    private const string ClearScreen = "\e[H\e[2J\e[3J";
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWatch = TimeSpan.FromMinutes(5);
    private static readonly ResourceKind Kind = ResourceKind.Of<V1Alpha1OAuthToken>();

    /// <summary>Runs until it is cancelled.</summary>
    public static async Task RunAsync(Cluster cluster, string? name, string ns, string format, Paint paint, CancellationToken ct)
    {
        var scope = new ResourceScope(Kind, ns, null);
        var seen = new Dictionary<NamespacedName, V1Alpha1OAuthToken>();
        var first = true;
        while (true)
        {
            var all = new List<V1Alpha1OAuthToken>();
            var version = await cluster.Api.ListAsync<V1Alpha1OAuthToken>(scope, "", all.AddRange, passOver: null, ct);
            var wanted = all.Where(token => name is null || token.Metadata.Name == name).ToDictionary(token => token.Key());
            var changed = wanted.Values.Where(token => !seen.TryGetValue(token.Key(), out var old) || old.Metadata.ResourceVersion != token.Metadata.ResourceVersion).ToList();
            if (first || changed.Count > 0 || wanted.Count != seen.Count)
                Show(wanted.Values, changed, ns.Length == 0, format, paint);
            (seen, first) = (wanted, false);
            try
            {
                await foreach (var change in cluster.Api.WatchAsync<V1Alpha1OAuthToken>(scope, version, LongestWatch, ct))
                {
                    if (change.Type == WatchEventKind.Error)
                        break;
                    if (change.Object is not { } token || change.Type == WatchEventKind.Bookmark || (name is not null && token.Metadata.Name != name))
                        continue;
                    if (change.Type == WatchEventKind.Deleted)
                        seen.Remove(token.Key());
                    else
                        seen[token.Key()] = token;
                    Show(seen.Values, change.Type == WatchEventKind.Deleted ? [] : [token], ns.Length == 0, format, paint);
                }
            }
            catch (Exception e) when (e is ApiUnavailableException or ApiException { StatusCode: HttpStatusCode.Gone })
            {
                // An old watch, or a connection that broke: the list that follows says whether the server is there.
            }

            await Task.Delay(Pause, ct);
        }
    }

    private static void Show(IEnumerable<V1Alpha1OAuthToken> all, List<V1Alpha1OAuthToken> changed, bool withNamespace, string format, Paint paint)
    {
        var now = TimeProvider.System.GetUtcNow();
        if (Console.IsOutputRedirected)
        {
            if (changed.Count > 0)
                Console.Out.WriteLine(StatusPage.RenderNext(format, StatusVerb.Sorted(changed, now), withNamespace, paint, now));
        }
        else
        {
            Console.Out.WriteLine(ClearScreen + StatusPage.Render(format, StatusVerb.Sorted(all, now), withNamespace, paint, now));
        }
    }
}
