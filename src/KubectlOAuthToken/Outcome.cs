using TokenOperator.Api;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken;

/// <summary>What came of something that was waited for.</summary>
internal static class Outcome
{
    /// <summary>Prints one sentence when it is good; else the page that <c>status</c> shows.</summary>
    /// <param name="token">The object as it is now.</param>
    /// <param name="done">The word for success.</param>
    /// <param name="refreshed">Whether what was asked for has happened.</param>
    /// <returns>The exit code.</returns>
    public static int Report(V1Alpha1OAuthToken token, string done, bool refreshed)
    {
        var now = TimeProvider.System.GetUtcNow();
        var status = TokenStatus.From(token, now);
        if (refreshed && status.Ready)
        {
            Console.Out.WriteLine($"{done}: Secret {status.Namespace}/{status.SecretName} holds a token that is valid until {status.ExpiresAt} ({StatusPage.Ago(status.ExpiresAt, now)}).");
            return ExitCodes.Ok;
        }

        Console.Out.WriteLine(StatusPage.Render("table", [status], withNamespace: true, AnsiStyle.ForOutput(), now));
        return ExitCodes.Failed;
    }
}
