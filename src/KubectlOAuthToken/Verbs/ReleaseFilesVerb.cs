using System.CommandLine;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary>A hidden verb for hack/plugin-archive.sh: writes the manual pages and the completion scripts.</summary>
internal static class ReleaseFilesVerb
{
    public static Command Build(Func<Command> root)
    {
        var folder = new Argument<string>("FOLDER");
        var command = new Command("__release-files", "Write the manual pages and the completion scripts into a folder.") { folder };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            var target = parsed.GetRequiredValue(folder);
            Write(Path.Combine(target, "man", "man1"), ManPages.Of(root()));
            Write(Path.Combine(target, "completions"), CompletionVerb.Files);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static void Write(string folder, IEnumerable<(string File, string Text)> files)
    {
        Directory.CreateDirectory(folder);
        foreach (var (file, text) in files)
            File.WriteAllText(Path.Combine(folder, file), text.EndsWith('\n') ? text : text + "\n");
    }
}
