using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using KubectlOAuthToken.Output;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>refresh</c>: requests a refresh with the annotation. The operator ignores its backoff.</summary>
internal static class RefreshVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var wait = new Option<bool>("--wait") { Description = "Wait for the refresh and show the result. The exit code is 1 if it failed." };
        var timeout = ClusterOptions.Timeout("How long to wait, such as 90s or 5m. Default: 1m. Implies --wait.");
        var command = new Verb(
            "refresh",
            "Refresh the token now, without waiting for a backoff.",
            "refresh marcus-gmail -n mail --wait")
        {
            name, wait, timeout,
        };
        options.Bind(command, (context, parsed, cancellationToken) => ExecuteAsync(
            context,
            parsed.GetRequiredValue(name),
            parsed.GetValue(wait) || parsed.GetValue(timeout) is not null,
            parsed.GetValue(timeout) ?? ClusterOptions.DefaultTimeout,
            cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VerbContext context, string name, bool wait, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var cluster = context.Cluster;
        if ((await cluster.GetAsync(name, cancellationToken)).Spec?.Suspend == true)
            throw new PluginException($"{cluster.Namespace}/{name} is suspended, so the operator does not refresh it. To resume it, run: kubectl oauthtoken resume {name} -n {cluster.Namespace}", ExitCodes.Refused);
        var request = context.Now.ToString("O", CultureInfo.InvariantCulture);
        var annotations = new JsonObject { [V1Beta1OAuthToken.RefreshRequestedAnnotation] = request };
        await cluster.PatchAsync(name, new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = annotations } }, cancellationToken);
        if (!wait)
        {
            Console.Out.WriteLine($"Requested a refresh of {cluster.Namespace}/{name}. To see the result, run: kubectl oauthtoken status {name} -n {cluster.Namespace}");
            return ExitCodes.Ok;
        }

        await Console.Error.WriteLineAsync($"Waiting up to {DurationText.Format(timeout)} for the refresh of {cluster.Namespace}/{name}.");
        var (token, inTime) = await cluster.WaitAsync(name, seen => seen.Status?.LastHandledRefreshRequest == request, timeout, cancellationToken);
        if (!inTime)
        {
            throw new PluginException(
                $"The operator did not refresh the token within {DurationText.Format(timeout)}. It will do so when it can. To check the operator, run: kubectl oauthtoken doctor -n {cluster.Namespace}");
        }

        return context.Report(token, "Refreshed", succeeded: token.Status!.Find(ConditionTypes.Refreshed)?.IsTrue == true);
    }
}
