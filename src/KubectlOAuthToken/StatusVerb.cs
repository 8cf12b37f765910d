using System.CommandLine;
using TokenOperator.Api;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken;

/// <summary><c>status</c>: what is good, what is not, why, and the next step.</summary>
internal static class StatusVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string?>();
        name.Arity = ArgumentArity.ZeroOrOne;
        var all = new Option<bool>("--all-namespaces", "-A") { Description = "Those of all namespaces." };
        var format = new Option<string>("--output", "-o") { Description = "The form; wide adds account, Secret, last refresh and failures.", DefaultValueFactory = _ => "table" };
        format.AcceptOnlyFromAmong(StatusPage.Formats);
        var watch = new Option<bool>("--watch", "-w") { Description = "Go on and show each change, until Ctrl-C." };
        var command = new Verb(
            "status",
            "Show what is good, what is not, why, and the next step. Exit code 1 when something is not Ready.",
            "status",
            "status -A -o wide",
            "status marcus-gmail -n mail -o json",
            "status --watch")
        {
            name, all, format, watch,
        };
        options.Bind(command, (cluster, parsed, ct) => ExecuteAsync(
            cluster, parsed.GetValue(name), parsed.GetValue(all), parsed.GetRequiredValue(format), parsed.GetValue(watch), ct));
        return command;
    }

    private static async Task<int> ExecuteAsync(Cluster cluster, string? name, bool all, string format, bool watch, CancellationToken ct)
    {
        if (name is not null && all)
            throw new PluginException("A NAME is of one namespace: leave out -A, or name the namespace by -n.", ExitCodes.BadInput);
        var paint = AnsiStyle.ForOutput();
        if (watch)
        {
            // One that was mistyped would be waited for without end.
            if (name is not null)
                await cluster.GetAsync(name, ct);
            await new StatusWatch(cluster, name, all ? "" : cluster.Namespace, format, paint).RunAsync(ct);
            return ExitCodes.Ok;
        }

        IReadOnlyList<V1Alpha1OAuthToken> tokens = name is null ? await cluster.ListAsync(all ? "" : cluster.Namespace, ct) : [await cluster.GetAsync(name, ct)];
        var now = TimeProvider.System.GetUtcNow();
        var items = Sorted(tokens, now);
        if (items.Count == 0 && !all)
            await cluster.CheckNamespaceAsync(ct);
        if (items.Count == 0 && format is "table" or "wide")
            await Console.Error.WriteLineAsync(all ? "There are no OAuthTokens in this cluster." : $"There are no OAuthTokens in the namespace {cluster.Namespace}; -A shows those of all namespaces.");
        else
            Console.Out.WriteLine(StatusPage.Render(format, items, all, paint, now));
        return items.All(item => item.Ready) ? ExitCodes.Ok : ExitCodes.Failed;
    }

    /// <summary>By namespace and name.</summary>
    internal static IReadOnlyList<TokenStatus> Sorted(IEnumerable<V1Alpha1OAuthToken> tokens, DateTimeOffset now) =>
    [
        .. tokens.Select(token => TokenStatus.From(token, now))
            .OrderBy(item => item.Namespace, StringComparer.Ordinal).ThenBy(item => item.Name, StringComparer.Ordinal),
    ];
}
