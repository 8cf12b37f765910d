using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken;

/// <summary><c>refresh</c>: asks the operator by the annotation, past any backoff.</summary>
internal static class RefreshVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var wait = new Option<bool>("--wait") { Description = "Wait for the outcome and report it; exit code 1 when the refresh failed." };
        var timeout = ClusterOptions.Timeout();
        timeout.Description = "How long to wait, such as 90s or 5m; a minute without it. Implies --wait.";
        var command = new Verb(
            "refresh",
            "Have the token refreshed now, once, past any backoff.",
            "refresh marcus-gmail -n mail --wait")
        {
            name, wait, timeout,
        };
        options.Bind(command, (cluster, parsed, ct) => ExecuteAsync(cluster, parsed.GetRequiredValue(name), parsed.GetValue(wait) || parsed.GetValue(timeout) is not null, parsed.GetValue(timeout) ?? ClusterOptions.UsualTimeout, ct));
        return command;
    }

    private static async Task<int> ExecuteAsync(Cluster cluster, string name, bool wait, TimeSpan timeout, CancellationToken ct)
    {
        if ((await cluster.GetAsync(name, ct)).Spec?.Suspend == true)
            throw new PluginException($"{cluster.Namespace}/{name} is suspended: nothing is refreshed until kubectl oauthtoken resume {name} -n {cluster.Namespace}.", ExitCodes.Refused);
        var request = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
        var annotations = new JsonObject { [V1Alpha1OAuthToken.RefreshRequestedAnnotation] = request };
        await cluster.PatchAsync(name, new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = annotations } }, ct);
        if (!wait)
        {
            Console.Out.WriteLine($"Asked for a refresh of {cluster.Namespace}/{name}. What comes of it: kubectl oauthtoken status {name} -n {cluster.Namespace}");
            return ExitCodes.Ok;
        }

        await Console.Error.WriteLineAsync($"Waiting for the refresh of {cluster.Namespace}/{name}, for {DurationText.Format(timeout)} at most.");
        var (token, inTime) = await cluster.WaitAsync(name, seen => seen.Status?.LastHandledRefreshRequest == request, timeout, ct);
        if (!inTime)
        {
            throw new PluginException(
                $"The operator has not acted on it within {DurationText.Format(timeout)}; it will when it can. See whether it runs: kubectl oauthtoken doctor -n {cluster.Namespace}");
        }

        return Outcome.Report(token, "Refreshed", refreshed: token.Status!.Find(ConditionTypes.Refreshed)?.IsTrue == true);
    }
}
