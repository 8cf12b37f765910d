using System.CommandLine;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>completion</c>: scripts for shell completion, and the hidden verb that those scripts call.</summary>
internal static class CompletionVerb
{
    private static readonly Dictionary<string, string> Scripts = new(StringComparer.Ordinal)
    {
        ["bash"] =
            """
            # For .bashrc:  source <(kubectl oauthtoken completion bash)
            _kubectl_oauthtoken() {
              local IFS=$'\n'
              COMPREPLY=($(compgen -W "$(kubectl-oauthtoken __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | sed '/^:/d')" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -F _kubectl_oauthtoken kubectl-oauthtoken
            """,
        ["zsh"] =
            """
            # For .zshrc, after compinit:  source <(kubectl oauthtoken completion zsh)
            _kubectl_oauthtoken() {
              local -a found
              found=("${(@f)$(kubectl-oauthtoken __complete "${(@)words[2,CURRENT]}" 2>/dev/null | sed '/^:/d')}")
              compadd -a found
            }
            compdef _kubectl_oauthtoken kubectl-oauthtoken
            """,
        ["fish"] =
            """
            # For config.fish:  kubectl oauthtoken completion fish | source
            function __kubectl_oauthtoken
                set -l words (commandline --tokenize --cut-at-cursor --current-process)
                kubectl-oauthtoken __complete $words[2..] (commandline --current-token --cut-at-cursor) 2>/dev/null | string match --invert --regex '^:'
            end
            complete --command kubectl-oauthtoken --no-files --arguments '(__kubectl_oauthtoken)'
            """,
        ["powershell"] =
            """
            # For $PROFILE:  kubectl oauthtoken completion powershell | Out-String | Invoke-Expression
            Register-ArgumentCompleter -Native -CommandName kubectl-oauthtoken -ScriptBlock {
              param($wordToComplete, $commandAst, $cursorPosition)
              $words = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { "$_" })
              kubectl-oauthtoken __complete @words "$wordToComplete" 2>$null | Where-Object { $_ -notlike ':*' } |
                ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
            }
            """,
    };

    /// <summary>The file of the completion script of each shell, as the shell or its packages name it, and the script.</summary>
    public static IEnumerable<(string File, string Text)> Files =>
    [
        ("kubectl-oauthtoken.bash", Scripts["bash"]),
        ("_kubectl-oauthtoken", $"#compdef kubectl-oauthtoken\n{Scripts["zsh"]}"),
        ("kubectl-oauthtoken.fish", Scripts["fish"]),
        ("kubectl-oauthtoken.ps1", Scripts["powershell"]),
    ];

    public static Command Build()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh, fish or powershell." };
        shell.AcceptOnlyFromAmong([.. Scripts.Keys]);
        var command = new Verb(
            "completion",
            "Print a script for shell completion of the command kubectl-oauthtoken. For kubectl's own completion, 'make install-plugin' is enough.",
            "completion bash")
        {
            shell,
        };
        command.SetAction(parsed => Console.Out.WriteLine(Scripts[parsed.GetRequiredValue(shell)]));
        return command;
    }

    /// <summary>Prints the candidates for the last word, one per line, and <c>:4</c>, which tells kubectl not to offer files (cobra's ShellCompDirectiveNoFileComp).</summary>
    public static Command BuildComplete(Func<Command> root)
    {
        var words = new Argument<string[]>("WORDS") { CaptureRemainingTokens = true, Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("__complete", "Print candidates for shell completion.") { words };
        command.Hidden = true;
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parsed =>
        {
            foreach (var word in Complete(root(), parsed.GetValue(words) ?? []))
                Console.Out.WriteLine(word);
            Console.Out.WriteLine(":4");
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>The candidates for the last of <paramref name="words"/>, which can be empty or incomplete.</summary>
    internal static IReadOnlyList<string> Complete(Command root, IReadOnlyList<string> words)
    {
        var prefix = words.Count > 0 ? words[^1] : "";
        // Without the flags the parser offers a name after --watch. With them it would offer "true" and "false".
        var flags = WithSubcommands(root).SelectMany(verb => verb.Options).Where(option => option.ValueType == typeof(bool)).SelectMany(option => option.Aliases.Append(option.Name)).ToHashSet();
        var line = string.Join(' ', words.SkipLast(1).Where(word => !flags.Contains(word)).Append(prefix));
        // Offer options only after a dash. Never offer the Windows aliases of --help, such as /h.
        return
        [
            .. root.Parse(line).GetCompletions(line.Length)
                .Select(item => item.Label)
                .Where(label => label.StartsWith(prefix, StringComparison.Ordinal) && !label.StartsWith('/') && (prefix.Length > 0 || !label.StartsWith('-'))),
        ];
    }

    private static IEnumerable<Command> WithSubcommands(Command command) => command.Subcommands.SelectMany(WithSubcommands).Prepend(command);
}
