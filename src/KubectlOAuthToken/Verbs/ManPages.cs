using System.CommandLine;
using System.CommandLine.Help;
using System.Text;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary>Manual pages (man(7)), one for the program and one for each verb, made from the command tree.</summary>
internal static class ManPages
{
    private const string Typed = "kubectl oauthtoken";

    private static readonly (int Code, string Meaning)[] Codes =
    [
        (ExitCodes.Ok, "Done, and everything is Ready."),
        (ExitCodes.Failed, "Something is not Ready, or an error occurred."),
        (ExitCodes.BadInput, "The command line, the kubeconfig or a file is not valid."),
        (ExitCodes.Unavailable, "The API server cannot be reached."),
        (ExitCodes.NotFound, "The object does not exist, or the operator is not installed."),
        (ExitCodes.Refused, "You do not have the required rights, or something would be overwritten."),
        (ExitCodes.Interrupted, "Stopped by Ctrl-C."),
    ];

    /// <summary>The file name and the text of each page.</summary>
    public static IEnumerable<(string File, string Text)> Of(Command root)
    {
        var verbs = Verbs(root).ToList();
        foreach (var (command, words) in verbs.Prepend((root, [])))
            yield return ($"{Name(root, words)}.1", Page(root, command, words, verbs));
    }

    /// <summary>The verbs that do something, with the words that name them: <c>provider check</c>, not <c>provider</c>.</summary>
    internal static IEnumerable<(Command Command, IReadOnlyList<string> Words)> Verbs(Command root) => Shown(root).SelectMany(verb => Shown(verb).Any()
        ? Shown(verb).Select(sub => (sub, (IReadOnlyList<string>)[verb.Name, sub.Name]))
        : [(verb, [verb.Name])]);

    private static IEnumerable<Command> Shown(Command command) => command.Subcommands.Where(verb => !verb.Hidden);

    private static string Name(Command root, IReadOnlyList<string> words) => string.Join('-', words.Prepend(root.Name));

    private static string Page(Command root, Command command, IReadOnlyList<string> words, List<(Command Command, IReadOnlyList<string> Words)> verbs)
    {
        var isRoot = words.Count == 0;
        var version = BuildInfo.Version.Split('+')[0];
        var typed = string.Join(' ', words.Prepend(Typed));
        var page = new StringBuilder();
        // Without a date, so that the same version always has the same pages.
        page.Append($".TH {Name(root, words).ToUpperInvariant()} 1 \"\" \"kubectl oauthtoken {version}\"\n");
        page.Append($".SH NAME\n{Text(Name(root, words))} \\- {Text(FirstSentence(command.Description!))}\n");
        page.Append($".SH SYNOPSIS\n.B {Text(typed)}\n{(isRoot ? "VERB " : "")}{Text(string.Concat(command.Arguments.Select(argument => $"{Shown(argument)} ")))}[OPTIONS]\n");
        page.Append($".SH DESCRIPTION\n{Paragraphs(command.Description!)}");
        if (isRoot)
        {
            page.Append(".SH VERBS\n");
            foreach (var (verb, verbWords) in verbs)
                Entry(page, $".B {Text(string.Join(' ', verbWords))}", verb.Description!);
        }

        if (command.Arguments.Count > 0)
            page.Append(".SH ARGUMENTS\n");
        foreach (var argument in command.Arguments)
            Entry(page, $".B {Text(argument.Name)}", argument.Description!);
        var options = command.Options.Where(option => !option.Hidden).ToList();
        if (options.Count > 0)
            page.Append(isRoot ? ".SH OPTIONS OF ALL VERBS\n" : ".SH OPTIONS\n");
        foreach (var option in options)
            Entry(page, $".B {Text(Shown(option))}", option.Description!);
        if (command is Verb { Examples: { Count: > 0 } examples })
            page.Append($".SH EXAMPLES\n.nf\n{string.Concat(examples.Select(example => $"{Text($"{Typed} {example}")}\n"))}.fi\n");
        if (isRoot)
        {
            page.Append(".SH EXIT STATUS\n");
            foreach (var (code, meaning) in Codes)
                Entry(page, $".B {code}", meaning);
            page.Append(".SH ENVIRONMENT\n");
            Entry(page, ".B KUBECONFIG", "The kubeconfigs, as in kubectl.");
            Entry(page, ".B NO_COLOR", "If it is set, the output has no colors.");
            Entry(page, ".B HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", "The proxy of a cluster whose kubeconfig names none, and of the providers.");
        }

        var others = isRoot ? verbs.Select(verb => Name(root, verb.Words)) : [root.Name];
        page.Append($".SH SEE ALSO\n{string.Join(" ,\n", others.Select(other => $".BR {Text(other)} (1)"))}\n");
        return page.ToString();
    }

    private static void Entry(StringBuilder page, string term, string description) => page.Append($".TP\n{term}\n{Text(description)}\n");

    private static string Paragraphs(string text) => string.Concat(text.Split("\n\n").Select((part, index) => $"{(index > 0 ? ".PP\n" : "")}{Text(part.Replace('\n', ' '))}\n"));

    /// <summary>As the help shows an argument.</summary>
    private static string Shown(Argument argument) => argument.Arity.MinimumNumberOfValues == 0 ? $"[{argument.Name}]" : argument.Name;

    /// <summary>As the help shows an option, such as <c>-n, --namespace NAMESPACE</c>.</summary>
    internal static string Shown(Option option)
    {
        var names = option is HelpOption ? ["-h", "--help"] : option.Aliases.Append(option.Name).OrderBy(name => name.Length).ToArray();
        return $"{string.Join(", ", names)}{(option.ValueType == typeof(bool) || option is HelpOption ? "" : $" {(option.HelpName ?? option.Name.TrimStart('-')).ToUpperInvariant()}")}";
    }

    internal static string FirstSentence(string description) => description.Split(". ")[0].TrimEnd('.');

    /// <summary>Text that roff shows as it is: a backslash, a hyphen and a dot or a quotation mark at the start of a line have a meaning.</summary>
    private static string Text(string text)
    {
        var escaped = text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
        return escaped.StartsWith('.') || escaped.StartsWith('\'') ? $"\\&{escaped}" : escaped;
    }
}
