using System.Net;
using System.Security.Authentication;
using System.Text.RegularExpressions;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Settings;
using k8s.Exceptions;

namespace KubectlOAuthToken;

/// <summary>What a person is to be told, in one sentence or two, and the exit code that goes with it.</summary>
public sealed class PluginException(string message, int exitCode = ExitCodes.Failed) : Exception(message)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;
}

/// <summary>Turns what goes wrong into a sentence that says what to do; no stack traces.</summary>
internal static partial class PluginErrors
{
    /// <summary>Runs a verb.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> run, CancellationToken ct)
    {
        try
        {
            return await run();
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return ExitCodes.Interrupted;
        }
        catch (Exception e) when (IsExpected(e))
        {
            var (sentence, code) = Explain(e);
            await Console.Error.WriteLineAsync($"kubectl oauthtoken: {sentence}");
            return code;
        }
    }

    /// <summary>True for what can go wrong without a fault in this program.</summary>
    public static bool IsExpected(Exception e) => e is PluginException or ApiException or ApiUnavailableException or KubeConfigException
        or InvalidSettingException or InvalidDocumentException or UnauthorizedAccessException or AuthenticationException
        || (e is IOException io && !PluginOutput.IsGone(io));

    /// <summary>The sentence and the exit code.</summary>
    public static (string Sentence, int ExitCode) Explain(Exception error) => error switch
    {
        PluginException e => (e.Message, e.ExitCode),
        ApiException { StatusCode: HttpStatusCode.Unauthorized } =>
            ("The API server does not know you: the credentials of this context are missing or have ended. Sign in to the cluster again, or choose another context by --context.", ExitCodes.Refused),
        ApiException { StatusCode: HttpStatusCode.Forbidden } e =>
            ($"You may not do this: {Refused(e)}. Ask whoever administers the cluster for that right, or choose another context by --context.", ExitCodes.Refused),
        ApiException { StatusCode: HttpStatusCode.NotFound } e when e.Message.Contains("oauthtokens", StringComparison.Ordinal) =>
            ("This cluster does not know the kind OAuthToken: the operator is not installed there, or this is another cluster. See docs/install.md, and kubectl config current-context.", ExitCodes.NotFound),
        ApiException e => ($"The API server refuses: {e.Message}", ExitCodes.Failed),
        ApiUnavailableException { InnerException.InnerException: AuthenticationException } e =>
            ($"{e.Message}. The kubeconfig's certificate-authority does not vouch for that server: get a fresh kubeconfig, and ask whoever administers the cluster if you did not expect this.", ExitCodes.Unavailable),
        ApiUnavailableException e => ($"{e.Message}. See whether the cluster runs and whether this machine reaches it.", ExitCodes.Unavailable),
        _ => (error.Message, ExitCodes.BadInput),
    };

    /// <summary>What a person may not do, and as whom; another kind of refusal (a quota, a webhook) in the server's own words.</summary>
    public static string Refused(ApiException e) => MissingRight().Match(e.Message) is { Success: true } match ? $"{match.Groups[1].Value} (you are {match.Groups[2].Value})" : e.Message;

    [GeneratedRegex("^(.+?): 403 .*: User \"([^\"]+)\" cannot ")]
    private static partial Regex MissingRight();
}
