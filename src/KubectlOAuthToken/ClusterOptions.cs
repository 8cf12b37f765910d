using System.CommandLine;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken;

/// <summary>The options that all verbs share, under kubectl's names.</summary>
internal sealed class ClusterOptions
{
    private readonly Option<string?> _kubeconfig = new("--kubeconfig") { Description = "Path of the kubeconfig; without it KUBECONFIG, or ~/.kube/config.", Recursive = true };
    private readonly Option<string?> _context = new("--context") { Description = "The context of the kubeconfig; without it the current one.", Recursive = true };
    private readonly Option<string?> _namespace = new("--namespace", "-n") { Description = "The namespace; without it that of the context, or default.", Recursive = true };

    /// <summary>Gives them to <paramref name="root"/> and all verbs below it.</summary>
    public void AddTo(Command root)
    {
        root.Options.Add(_kubeconfig);
        root.Options.Add(_context);
        root.Options.Add(_namespace);
    }

    /// <summary>Makes <paramref name="command"/> connect to the cluster and run <paramref name="run"/>; what goes wrong becomes one sentence and an exit code.</summary>
    public void Bind(Command command, Func<Cluster, ParseResult, CancellationToken, Task<int>> run) =>
        command.SetAction((parsed, ct) => PluginErrors.GuardAsync(
            async () =>
            {
                using var cluster = Connect(parsed);
                return await run(cluster, parsed, ct);
            },
            ct));

    /// <summary>How the message about a mistyped option begins.</summary>
    internal const string NoSuchOption = "There is no option ";

    /// <summary>The verb's argument NAME, completed from the cluster.</summary>
    public Argument<T> Name<T>()
    {
        var name = new Argument<T>("NAME") { Description = "The OAuthToken's name." };
        // Where an option was mistyped, its words end up here.
        name.Validators.Add(result =>
        {
            if (result.Tokens is not [{ Value: var typed }, ..])
                return;
            var option = typed.Split('=')[0];
            if (typed.StartsWith('-'))
                result.AddError($"{NoSuchOption}{option}.{DidYouMean.Ask(option, PluginCommandLine.OptionsOf(result))}");
            else if (typed.Contains('/', StringComparison.Ordinal))
                result.AddError($"\"{typed}\" is no name; the name alone is expected, such as {typed[(typed.LastIndexOf('/') + 1)..]}.");
        });
        name.CompletionSources.Add(context => NamesFor(context.ParseResult));
        return name;
    }

    /// <summary>How long a verb waits that was not told.</summary>
    public static readonly TimeSpan UsualTimeout = TimeSpan.FromMinutes(1);

    /// <summary>The option <c>--timeout</c> of a verb that waits; without it <see cref="UsualTimeout"/>.</summary>
    public static Option<TimeSpan?> Timeout() => new("--timeout")
    {
        Description = "How long to wait, such as 90s or 5m; a minute without it.",
        HelpName = "duration",
        CustomParser = result =>
        {
            if (!DurationText.TryParse(result.Tokens[0].Value, out var duration))
                result.AddError($"--timeout is \"{result.Tokens[0].Value}\"; expected a duration such as 90s or 5m.");
            return duration;
        },
    };

    /// <summary>Connects as the words of the call and the kubeconfig say. Sends nothing yet.</summary>
    public Cluster Connect(ParseResult parsed) => Cluster.Connect(parsed.GetValue(_kubeconfig), parsed.GetValue(_context), parsed.GetValue(_namespace));

    /// <summary>For completion: nobody wants to read an error in the middle of a line.</summary>
    private IEnumerable<string> NamesFor(ParseResult parsed)
    {
        try
        {
            using var cluster = Connect(parsed);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(3));
            return [.. cluster.ListAsync(cluster.Namespace, limit.Token).GetAwaiter().GetResult().Select(token => token.Metadata.Name)];
        }
        catch (Exception e) when (PluginErrors.IsExpected(e) || e is OperationCanceledException)
        {
            return [];
        }
    }
}
