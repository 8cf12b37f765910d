using System.CommandLine;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>version</c>: the version of the plugin. It needs no cluster.</summary>
internal static class VersionVerb
{
    public static Command Build()
    {
        var command = new Verb("version", "Print the version of the plugin.", "version");
        command.SetAction(_ => Console.Out.WriteLine($"kubectl oauthtoken {BuildInfo.Version}"));
        return command;
    }
}
