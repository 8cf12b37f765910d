using System.CommandLine;
using System.CommandLine.Completions;
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
        var format = new Option<OutputFormat>("--output", "-o")
        {
            Description = $"The output format: {string.Join(", ", OutputFormat.Names)}. \"wide\" adds the account, Secret, last refresh and failures. A template is as in kubectl.",
            HelpName = "format",
            DefaultValueFactory = _ => OutputFormat.Table,
            CustomParser = result =>
            {
                try
                {
                    return OutputFormat.Parse(result.Tokens[0].Value);
                }
                catch (PluginException e)
                {
                    result.AddError(e.Message);
                    return null;
                }
            },
        };
        format.CompletionSources.Add(_ => OutputFormat.Names.Select(name => new CompletionItem(name[..(name.IndexOf('=', StringComparison.Ordinal) + 1 is var end && end > 0 ? end : name.Length)])));
        var selector = ClusterOptions.Selector();
        var watch = new Option<bool>("--watch", "-w") { Description = "Also show each change, until Ctrl-C." };
        var command = new Verb(
            "status",
            "Show which OAuthTokens work, which do not, why, and the next step. The exit code is 1 if one is not Ready.",
            "status",
            "status -A -o wide",
            "status marcus-gmail -n mail -o json",
            "status -l app=billing -o jsonpath='{.items[*].metadata.name}'",
            "status --watch")
        {
            name, all, selector, format, watch,
        };
        command.Validators.Add(result =>
        {
            // As in kubectl.
            if (result.GetValue(name) is not null && result.GetValue(selector) is not null)
                result.AddError("A NAME and a selector cannot be combined. Omit one of them.");
        });
        options.Bind(command, (context, parsed, cancellationToken) => ExecuteAsync(
            context, parsed.GetValue(name), parsed.GetValue(all), parsed.GetValue(selector), parsed.GetRequiredValue(format), parsed.GetValue(watch), cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(
        VerbContext context, string? name, bool all, string? selector, OutputFormat format, bool watch, CancellationToken cancellationToken)
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
            await new StatusWatch(context, name, ns, selector, format).RunAsync(cancellationToken);
            return ExitCodes.Ok;
        }

        IReadOnlyList<V1Beta1OAuthToken> tokens = name is null ? await cluster.ListAsync(ns, selector, cancellationToken) : [await cluster.GetAsync(name, cancellationToken)];
        var now = context.Now;
        var items = TokenStatus.Sorted(tokens, now);
        if (items.Count == 0 && !all)
            await cluster.CheckNamespaceAsync(cancellationToken);
        if (items.Count == 0 && format.IsForPeople)
            await Console.Error.WriteLineAsync($"{(all ? "This cluster" : $"The namespace {cluster.Namespace}")} has no OAuthTokens{(selector is null ? "" : " with these labels")}.{(all ? "" : " To list those of all namespaces, add -A.")}");
        else
            Console.Out.Write(new StatusPage(format, isOne: name is not null, all, context.Style).Render(items, now));
        return items.All(item => item.Ready) ? ExitCodes.Ok : ExitCodes.Failed;
    }
}
