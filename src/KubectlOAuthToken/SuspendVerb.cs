using System.CommandLine;
using System.Text.Json.Nodes;
using TokenOperator.Api;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken;

/// <summary><c>suspend</c> and <c>resume</c>: write <c>spec.suspend</c>.</summary>
internal static class SuspendVerb
{
    public static Command Build(ClusterOptions options)
    {
        var command = new Verb(
            "suspend", "Stop refreshing the token; the Secret stays as it is, and its token ends.", "suspend marcus-gmail -n mail");
        return Bind(options, command, suspend: true, "Suspended {0}: its token is not refreshed any more, and ends {2}. To go on: kubectl oauthtoken resume {1}");
    }

    public static Command BuildResume(ClusterOptions options)
    {
        var command = new Verb("resume", "Go on refreshing a token that was suspended.", "resume marcus-gmail -n mail");
        return Bind(options, command, suspend: false, "Resumed {0}. How it is: kubectl oauthtoken status {1}");
    }

    private static string End(V1Alpha1OAuthToken token) => token.Status?.ExpiresAt is { } end ? $"at {end} ({StatusPage.Ago(end, TimeProvider.System.GetUtcNow())})" : "when it expires";

    private static Verb Bind(ClusterOptions options, Verb command, bool suspend, string done)
    {
        var name = options.Name<string>();
        command.Arguments.Add(name);
        options.Bind(command, async (cluster, parsed, ct) =>
        {
            var typed = parsed.GetRequiredValue(name);
            var token = await cluster.GetAsync(typed, ct);
            if ((token.Spec?.Suspend == true) == suspend)
            {
                Console.Out.WriteLine($"{cluster.Namespace}/{typed} is {(suspend ? "suspended already" : "not suspended")}; nothing was changed.");
                return ExitCodes.Ok;
            }

            await cluster.PatchAsync(typed, new JsonObject { ["spec"] = new JsonObject { ["suspend"] = suspend } }, ct);
            Console.Out.WriteLine(done, $"{cluster.Namespace}/{typed}", $"{typed} -n {cluster.Namespace}", End(token));
            return ExitCodes.Ok;
        });
        return command;
    }
}
