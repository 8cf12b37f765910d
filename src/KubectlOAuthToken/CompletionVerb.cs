using System.CommandLine;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken;

/// <summary><c>completion</c>: the script that makes a shell complete words; and the verb that those scripts ask.</summary>
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

    public static Command Build()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh, fish or powershell." };
        shell.AcceptOnlyFromAmong([.. Scripts.Keys]);
        var command = new Verb(
            "completion",
            "Print the script that makes a shell complete kubectl-oauthtoken. kubectl's own completion needs none: make install-plugin is enough.",
            "completion bash")
        {
            shell,
        };
        command.SetAction(parsed => Console.Out.WriteLine(Scripts[parsed.GetRequiredValue(shell)]));
        return command;
    }

    /// <summary>What may follow the words given, one to a line, and <c>:4</c>, which tells kubectl to offer no files (cobra's ShellCompDirectiveNoFileComp).</summary>
    public static Command BuildComplete(Func<Command> root)
    {
        var words = new Argument<string[]>("WORDS") { CaptureRemainingTokens = true, Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("__complete", "For completion.") { words };
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

    /// <summary>What may stand for the last of <paramref name="words"/>, which may be empty or begun.</summary>
    internal static IReadOnlyList<string> Complete(Command root, IReadOnlyList<string> words)
    {
        var begun = words.Count > 0 ? words[^1] : "";
        // After --watch comes a name; false, which may stand there too, is never wanted.
        var flags = root.Subcommands.SelectMany(verb => verb.Options).Where(option => option.ValueType == typeof(bool)).SelectMany(option => option.Aliases.Append(option.Name)).ToHashSet();
        var line = string.Join(' ', words.SkipLast(1).Where(word => !flags.Contains(word)).Append(begun));
        // Options only when one is begun, and never help's names for Windows.
        return
        [
            .. root.Parse(line).GetCompletions(line.Length)
                .Select(item => item.Label)
                .Where(label => label.StartsWith(begun, StringComparison.Ordinal) && !label.StartsWith('/') && (begun.Length > 0 || !label.StartsWith('-'))),
        ];
    }
}
