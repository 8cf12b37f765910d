using System.CommandLine;
using System.CommandLine.Parsing;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime.Client;
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Net;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken.Verbs;

/// <summary>The options and arguments that verbs share, under kubectl's names.</summary>
/// <param name="time">The clock of this machine.</param>
internal sealed class ClusterOptions(TimeProvider time)
{
    /// <summary>How long a verb waits without <c>--timeout</c>.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(1);

    private const string DefaultOperatorNamespace = "token-operator-system";
    private static readonly TimeSpan CompletionTimeout = TimeSpan.FromSeconds(3);

    private readonly Option<string?> _kubeconfig = new("--kubeconfig") { Description = "Path of the kubeconfig. Default: KUBECONFIG, or ~/.kube/config.", Recursive = true };
    private readonly Option<string?> _context = new("--context") { Description = "The context of the kubeconfig. Default: the current context.", Recursive = true };
    private readonly Option<string?> _namespace = new("--namespace", "-n") { Description = "The namespace. Default: that of the context, or \"default\".", Recursive = true };

    private readonly Option<string?> _cluster = new("--cluster") { Description = "The cluster of the kubeconfig. Default: that of the context.", HelpName = "name", Recursive = true };
    private readonly Option<string?> _user = new("--user") { Description = "The user of the kubeconfig. Default: that of the context.", HelpName = "name", Recursive = true };
    private readonly Option<string?> _server = new("--server", "-s") { Description = "The address of the API server. Default: that of the cluster.", HelpName = "address", Recursive = true };
    private readonly Option<TimeSpan?> _requestTimeout = RequestLimit();
    private readonly Option<string?> _as = new("--as") { Description = "The user to act as, such as system:serviceaccount:mail:app. Default: as in the kubeconfig.", HelpName = "user", Recursive = true };
    private readonly Option<string[]> _asGroups = new("--as-group") { Description = "A group to act as. Repeat the option for several groups.", HelpName = "group", Recursive = true };
    private readonly Option<string?> _asUid = new("--as-uid") { Description = "The UID to act as.", HelpName = "uid", Recursive = true };

    /// <summary>Adds the options of all verbs to <paramref name="root"/>.</summary>
    public void AddTo(Command root)
    {
        root.Options.Add(_kubeconfig);
        root.Options.Add(_context);
        root.Options.Add(_namespace);
        root.Options.Add(_cluster);
        root.Options.Add(_user);
        root.Options.Add(_server);
        root.Options.Add(_requestTimeout);
        root.Options.Add(_as);
        root.Options.Add(_asGroups);
        root.Options.Add(_asUid);
    }

    /// <summary>Makes <paramref name="command"/> connect to the cluster and run <paramref name="run"/>. Expected errors become a message and an exit code.</summary>
    public void Bind(Command command, Func<VerbContext, ParseResult, CancellationToken, Task<int>> run) =>
        command.SetAction((parsed, cancellationToken) => PluginErrors.GuardAsync(
            async () =>
            {
                using var cluster = Connect(parsed);
                return await run(new VerbContext(cluster, time, AnsiStyle.ForOutput()), parsed, cancellationToken);
            },
            cancellationToken));

    /// <summary>The argument NAME of a verb. The shell completes it with names from the cluster.</summary>
    public Argument<T> Name<T>()
    {
        var name = new Argument<T>("NAME") { Description = "The name of the OAuthToken." };
        name.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var typed }, ..] && typed.Contains('/', StringComparison.Ordinal))
                result.AddError($"\"{typed}\" is not a name. Enter the name alone, such as {typed[(typed.LastIndexOf('/') + 1)..]}.");
        });
        name.CompletionSources.Add(context => NamesFor(context.ParseResult));
        return name;
    }

    /// <summary>The option <c>--timeout</c> of a verb that waits. Without it the verb uses a default.</summary>
    public static Option<TimeSpan?> Timeout(string description = "How long to wait, such as 90s or 5m. Default: 1m.") => Duration("--timeout", description, DurationText.TryParse, "a duration such as 90s or 5m");

    /// <summary>The option <c>--selector</c> of a verb that lists objects.</summary>
    public static Option<string?> Selector() => new("--selector", "-l")
    {
        Description = "Only OAuthTokens with these labels, such as app=billing,tier!=test.",
        HelpName = "selector",
    };

    /// <summary>The option <c>--operator-namespace</c>.</summary>
    public static Option<string> OperatorNamespace() => new("--operator-namespace")
    {
        Description = "The namespace that the operator runs in.",
        HelpName = "namespace",
        DefaultValueFactory = _ => DefaultOperatorNamespace,
    };

    /// <summary>The first word of the command line that looks like an option but is none, or null.</summary>
    public static string? UnknownOption(ParseResult parsed)
    {
        // The parser takes such a word for an argument if the verb has one.
        var arguments = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(result => result.Tokens).Select(token => token.Value);
        return arguments.Concat(parsed.UnmatchedTokens).FirstOrDefault(word => word.StartsWith('-') && word.Length > 1)?.Split('=')[0];
    }

    /// <summary>The names of the options that the verb of the command line takes.</summary>
    public static IEnumerable<string> OptionNames(ParseResult parsed)
    {
        for (SymbolResult? result = parsed.CommandResult; result is CommandResult { Command: var command }; result = result.Parent)
        {
            foreach (var option in command.Options.Where(option => !option.Hidden))
                yield return option.Name;
        }
    }

    private Cluster Connect(ParseResult parsed)
    {
        // For the API server and the providers alike.
        HttpClient.DefaultProxy = EnvironmentProxy.Read(new ConfigurationBuilder().AddEnvironmentVariables().Build());
        var overrides = new KubeconfigOverrides
        {
            Context = Given(parsed.GetValue(_context)),
            Cluster = Given(parsed.GetValue(_cluster)),
            User = Given(parsed.GetValue(_user)),
            Server = Given(parsed.GetValue(_server)),
            RequestTimeout = parsed.GetValue(_requestTimeout),
            Impersonation = new Impersonation { User = Given(parsed.GetValue(_as)), Uid = Given(parsed.GetValue(_asUid)), Groups = parsed.GetValue(_asGroups) ?? [] },
        };
        return Cluster.Connect(Given(parsed.GetValue(_kubeconfig)), overrides, Given(parsed.GetValue(_namespace)), time);
    }

    private static Option<TimeSpan?> RequestLimit()
    {
        var option = Duration(
            "--request-timeout", "The limit for one request to the API server, such as 10s or 2m; 0 for none. Default: 30s.", RequestTimeout.TryParse,
            "a number of seconds or a duration such as 500ms, 10s or 1m30s; 0 for no limit");
        option.Recursive = true;
        return option;
    }

    private static Option<TimeSpan?> Duration(string name, string description, TryParseDuration tryParse, string expected) => new(name)
    {
        Description = description,
        HelpName = "duration",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (!tryParse(text, out var duration))
                result.AddError($"{name} is \"{text}\". Enter {expected}.");
            return duration;
        },
    };

    private delegate bool TryParseDuration(string text, out TimeSpan duration);

    // As with kubectl, an empty value is no value.
    private static string? Given(string? value) => string.IsNullOrEmpty(value) ? null : value;

    /// <summary>Names for completion. Errors give none: a message would break the command line that the user is typing.</summary>
    private IEnumerable<string> NamesFor(ParseResult parsed)
    {
        try
        {
            using var cluster = Connect(parsed);
            using var deadline = new CancellationTokenSource(CompletionTimeout, time);
            // System.CommandLine has no asynchronous completion.
            return [.. cluster.ListAsync(cluster.Namespace, deadline.Token).GetAwaiter().GetResult().Select(token => token.Metadata.Name)];
        }
        catch (Exception e) when (PluginErrors.IsExpected(e) || e is OperationCanceledException)
        {
            return [];
        }
    }
}
