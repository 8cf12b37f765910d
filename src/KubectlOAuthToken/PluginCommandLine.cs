// kubectl oauthtoken: what a person with a kubeconfig does. May touch the API server through Runtime/Client, Entities, and the
// readers of token documents; never Postgres.
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using KubectlOAuthToken.Doctor;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken;

/// <summary>The same program as a kubectl plugin: its verbs, and who parses them.</summary>
public static class PluginCommandLine
{
    /// <summary>The file name by which kubectl finds the plugin for <c>kubectl oauthtoken</c>.</summary>
    public const string ProgramName = "kubectl-oauthtoken";

    private const string Typed = "kubectl oauthtoken";

    /// <summary>Runs the verb that <paramref name="words"/> name.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] words)
    {
        PluginOutput.Open();
        var parsed = Build().Parse(words);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in Errors(parsed))
                await Console.Error.WriteLineAsync($"{Typed}: {error}");
            await Console.Error.WriteLineAsync($"Run: {PathOf(parsed.CommandResult)} --help");
            return ExitCodes.BadInput;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (IOException e) when (PluginOutput.IsGone(e))
        {
            return PluginOutput.Gone;
        }
    }

    internal static Command Build()
    {
        var options = new ClusterOptions();
        var root = new Verb(
            ProgramName,
            "Shows how the OAuthTokens of a cluster are, and mends what is not good: docs/kubectl-plugin.md.",
            "status -A",
            "seed marcus-gmail -n mail --from-file token.json")
        {
            new HelpOption { Action = new HelpForPlugin() },
            StatusVerb.Build(options),
            RefreshVerb.Build(options),
            SeedVerb.Build(options),
            AuthorizeVerb.Build(options),
            SuspendVerb.Build(options),
            SuspendVerb.BuildResume(options),
            LogsVerb.Build(options),
            DoctorVerb.Build(options),
            CompletionVerb.Build(),
            CompletionVerb.BuildComplete(Build),
        };
        options.AddTo(root);
        root.SetAction(parsed => new HelpForPlugin().Invoke(parsed));
        return root;
    }

    /// <summary>The options that the verb of an argument takes.</summary>
    internal static IEnumerable<string> OptionsOf(SymbolResult argument)
    {
        for (var result = argument.Parent; result is CommandResult { Command: var command }; result = result.Parent)
        {
            foreach (var option in command.Options)
                yield return option.Name;
        }
    }

    /// <summary>What is wrong with the words of the call.</summary>
    internal static IEnumerable<string> Errors(ParseResult parsed)
    {
        if (parsed is { CommandResult: { Parent: null, Command: var root }, UnmatchedTokens: [var verb, ..] })
            return [$"There is no verb {verb}.{DidYouMean.Ask(verb, root.Subcommands.Where(command => !command.Hidden).Select(command => command.Name))}"];
        // Lists of what is allowed come on several lines. What follows a mistyped option is only too much because of it.
        var errors = parsed.Errors.Select(error => string.Join(' ', error.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).ToList();
        return errors.Find(error => error.StartsWith(ClusterOptions.NoSuchOption, StringComparison.Ordinal)) is { } mistyped ? [mistyped] : errors;
    }

    private static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : Typed;

    /// <summary>Help that shows the command as it is typed; a command's own name cannot have a space.</summary>
    private sealed class HelpForPlugin : SynchronousCommandLineAction
    {
        private readonly HelpOption _usual = new();

        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            using var text = new StringWriter();
            parseResult.InvocationConfiguration.Output = text;
            var code = ((SynchronousCommandLineAction)_usual.Action!).Invoke(parseResult);
            Console.Out.Write(text.ToString().Replace($"  {ProgramName}", $"  {Typed}", StringComparison.Ordinal));
            if (parseResult.CommandResult.Command is Verb { Examples: { Count: > 0 } examples })
                Console.Out.WriteLine($"Examples:\n  {string.Join("\n  ", examples.Select(example => $"{Typed} {example}"))}\n");
            return code;
        }
    }
}
