using System.CommandLine;
using KubectlOAuthToken.Output;
using TokenOperator.Api;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>status</c>: which OAuthTokens work, which do not, why, and the next step.</summary>
internal static class StatusVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string?>();
        name.Arity = ArgumentArity.ZeroOrOne;
        var all = new Option<bool>("--all-namespaces", "-A") { Description = "Show the OAuthTokens of all namespaces." };
        var format = new Option<string>("--output", "-o") { Description = "The output format. \"wide\" adds the account, Secret, last refresh and failures.", DefaultValueFactory = _ => "table" };
        format.AcceptOnlyFromAmong(StatusPage.Formats);
        var watch = new Option<bool>("--watch", "-w") { Description = "Also show each change, until Ctrl-C." };
        var command = new Verb(
            "status",
            "Show which OAuthTokens work, which do not, why, and the next step. The exit code is 1 if one is not Ready.",
            "status",
            "status -A -o wide",
            "status marcus-gmail -n mail -o json",
            "status --watch")
        {
            name, all, format, watch,
        };
        options.Bind(command, (context, parsed, cancellationToken) => ExecuteAsync(
            context, parsed.GetValue(name), parsed.GetValue(all), parsed.GetRequiredValue(format), parsed.GetValue(watch), cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VerbContext context, string? name, bool all, string format, bool watch, CancellationToken cancellationToken)
    {
        if (name is not null && all)
            throw new PluginException("A NAME belongs to one namespace. Omit -A, or name the namespace with -n.", ExitCodes.BadInput);
        var cluster = context.Cluster;
        var ns = all ? "" : cluster.Namespace;
        if (watch)
        {
            // A mistyped name would otherwise be watched forever.
            if (name is not null)
                await cluster.GetAsync(name, cancellationToken);
            await new StatusWatch(context, name, ns, format).RunAsync(cancellationToken);
            return ExitCodes.Ok;
        }

        IReadOnlyList<V1Alpha1OAuthToken> tokens = name is null ? await cluster.ListAsync(ns, cancellationToken) : [await cluster.GetAsync(name, cancellationToken)];
        var now = context.Now;
        var items = TokenStatus.Sorted(tokens, now);
        if (items.Count == 0 && !all)
            await cluster.CheckNamespaceAsync(cancellationToken);
        if (items.Count == 0 && format is "table" or "wide")
            await Console.Error.WriteLineAsync(all ? "This cluster has no OAuthTokens." : $"The namespace {cluster.Namespace} has no OAuthTokens. To list those of all namespaces, add -A.");
        else
            Console.Out.WriteLine(StatusPage.Render(format, items, all, context.Style, now));
        return items.All(item => item.Ready) ? ExitCodes.Ok : ExitCodes.Failed;
    }
}
