// kubectl oauthtoken: the command line. Below it: Verbs, then Report, then Doctor, then Kubernetes and Consent, then Output.
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using KubectlOAuthToken.Output;
using KubectlOAuthToken.Verbs;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken;

/// <summary>Parses the command line of the kubectl plugin and runs a verb.</summary>
public static class PluginCommandLine
{
    /// <summary>The file name by which kubectl finds the plugin for <c>kubectl oauthtoken</c>.</summary>
    private const string ProgramName = "kubectl-oauthtoken";

    private const string Typed = "kubectl oauthtoken";

    /// <summary>Runs the verb that <paramref name="args"/> name.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="time">The clock of this machine.</param>
    /// <returns>One of <see cref="ExitCodes"/>, or 141 if the reader of the output closed it.</returns>
    public static async Task<int> RunAsync(string[] args, TimeProvider time)
    {
        StandardOutput.Open();
        var parsed = Build(time).Parse(args);
        var errors = Errors(parsed);
        if (errors.Count > 0)
        {
            foreach (var error in errors)
                await Console.Error.WriteLineAsync($"{Typed}: {error}");
            await Console.Error.WriteLineAsync($"Run: {PathOf(parsed.CommandResult)} --help");
            return ExitCodes.BadInput;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (IOException e) when (StandardOutput.IsClosed(e))
        {
            return StandardOutput.ClosedExitCode;
        }
    }

    internal static Command Build(TimeProvider time)
    {
        var options = new ClusterOptions(time);
        var root = new Verb(
            ProgramName,
            "Inspect and fix the OAuthTokens in a cluster. Documentation: docs/kubectl-plugin.md",
            "status -A",
            "seed marcus-gmail -n mail --from-file token.json")
        {
            new HelpOption { Action = new PluginHelp() },
            StatusVerb.Build(options),
            RefreshVerb.Build(options),
            SeedVerb.Build(options),
            AuthorizeVerb.Build(options),
            SuspendVerb.Build(options),
            SuspendVerb.BuildResume(options),
            LogsVerb.Build(options),
            DoctorVerb.Build(options),
            ReportVerb.Build(options),
            ProviderVerb.Build(options),
            CompletionVerb.Build(),
            VersionVerb.Build(),
            CompletionVerb.BuildComplete(() => Build(time)),
            ReleaseFilesVerb.Build(() => Build(time)),
        };
        options.AddTo(root);
        root.SetAction(parsed => new PluginHelp().Invoke(parsed));
        return root;
    }

    /// <summary>What is wrong with the command line. An unknown option is reported alone, because it causes more errors.</summary>
    internal static IReadOnlyList<string> Errors(ParseResult parsed)
    {
        if (parsed.Action is PluginHelp)
            return [];
        if (parsed.CommandResult.Command is Verb && ClusterOptions.UnknownOption(parsed) is { } option)
            return [$"The option {option} does not exist.{DidYouMean.Suggest(option, ClusterOptions.OptionNames(parsed))}"];
        if (parsed is { CommandResult: { Parent: null, Command: var root }, UnmatchedTokens: [var verb, ..] })
            return [$"The verb {verb} does not exist.{DidYouMean.Suggest(verb, root.Subcommands.Where(command => !command.Hidden).Select(command => command.Name))}"];
        // System.CommandLine lists allowed values on several lines.
        return [.. parsed.Errors.Select(error => string.Join(' ', error.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)))];
    }

    private static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : Typed;

    /// <summary>Help that shows the command as users type it. The name of a command cannot contain a space.</summary>
    private sealed class PluginHelp : SynchronousCommandLineAction
    {
        private readonly HelpOption _help = new();

        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            using var text = new StringWriter();
            parseResult.InvocationConfiguration.Output = text;
            var code = ((SynchronousCommandLineAction)_help.Action!).Invoke(parseResult);
            Console.Out.Write(text.ToString().Replace($"  {ProgramName}", $"  {Typed}", StringComparison.Ordinal));
            if (parseResult.CommandResult.Command is Verb { Examples: { Count: > 0 } examples })
                Console.Out.WriteLine($"Examples:\n  {string.Join("\n  ", examples.Select(example => $"{Typed} {example}"))}\n");
            return code;
        }
    }
}
