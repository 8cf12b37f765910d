using System.CommandLine;
using System.Text.Json.Nodes;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>suspend</c> and <c>resume</c>: write <c>spec.suspend</c>.</summary>
internal static class SuspendVerb
{
    public static Command Build(ClusterOptions options) => Bind(
        options, suspend: true,
        new Verb("suspend", "Stop refreshing the token. The Secret does not change, and its token expires.", "suspend marcus-gmail -n mail"));

    public static Command BuildResume(ClusterOptions options) => Bind(
        options, suspend: false,
        new Verb("resume", "Refresh a suspended token again.", "resume marcus-gmail -n mail"));

    private static Verb Bind(ClusterOptions options, bool suspend, Verb command)
    {
        var name = options.Name<string>();
        command.Arguments.Add(name);
        options.Bind(command, (context, parsed, cancellationToken) => ExecuteAsync(context, parsed.GetRequiredValue(name), suspend, cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VerbContext context, string name, bool suspend, CancellationToken cancellationToken)
    {
        var (cluster, ns) = (context.Cluster, context.Cluster.Namespace);
        var token = await cluster.GetAsync(name, cancellationToken);
        if ((token.Spec?.Suspend == true) == suspend)
        {
            Console.Out.WriteLine($"{ns}/{name} is {(suspend ? "already suspended" : "not suspended")}, so nothing was changed.");
            return ExitCodes.Ok;
        }

        await cluster.PatchAsync(name, new JsonObject { ["spec"] = new JsonObject { ["suspend"] = suspend } }, cancellationToken);
        var expiry = TokenStatus.From(token, context.Now).ExpiresAt is { } end ? $"at {end} ({StatusPage.Ago(end, context.Now)})" : "at its expiry time";
        Console.Out.WriteLine(suspend
            ? $"Suspended {ns}/{name}. The operator no longer refreshes the token, which expires {expiry}. To resume it, run: kubectl oauthtoken resume {name} -n {ns}"
            : $"Resumed {ns}/{name}. To see its status, run: kubectl oauthtoken status {name} -n {ns}");
        return ExitCodes.Ok;
    }
}
