using System.Net;
using System.Security.Authentication;
using k8s.Exceptions;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Output;

/// <summary>A message for the user, one sentence or two, and the exit code that goes with it.</summary>
public sealed class PluginException(string message, int exitCode = ExitCodes.Failed) : Exception(message)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;
}

/// <summary>Turns expected exceptions into a message that says what to do, without a stack trace.</summary>
internal static class PluginErrors
{
    /// <summary>Runs a verb and reports expected exceptions.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> GuardAsync(Func<Task<int>> run, CancellationToken cancellationToken)
    {
        try
        {
            return await run();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCodes.Interrupted;
        }
        catch (Exception e) when (IsExpected(e))
        {
            var (message, code) = Explain(e);
            // Only errors in settings have several lines, one for each.
            var lines = e is InvalidSettingException { Errors: var errors } ? errors : [message];
            await Console.Error.WriteLineAsync($"kubectl oauthtoken: {string.Join('\n', lines.Select(DisplayText.Line))}");
            return code;
        }
    }

    /// <summary>Whether <paramref name="e"/> can occur without a bug in this program.</summary>
    public static bool IsExpected(Exception e) => e is PluginException or ApiException or ApiUnavailableException or KubeConfigException
        or InvalidSettingException or InvalidDocumentException or UnauthorizedAccessException or AuthenticationException
        || (e is IOException io && !StandardOutput.IsClosed(io));

    /// <summary>The message and the exit code.</summary>
    public static (string Message, int ExitCode) Explain(Exception error) => error switch
    {
        PluginException e => (e.Message, e.ExitCode),
        ApiException { StatusCode: HttpStatusCode.Unauthorized } =>
            ("The API server does not accept your credentials: they are missing or have expired. Sign in to the cluster again, or choose another context with --context.", ExitCodes.Refused),
        ApiException { StatusCode: HttpStatusCode.Forbidden } e =>
            ($"You cannot do this: {e.Message}. If you need the right, ask a cluster administrator, or choose another context with --context.", ExitCodes.Refused),
        ApiException e => ($"The API server refused the request: {e.Message}", ExitCodes.Failed),
        ApiUnavailableException { InnerException.InnerException: AuthenticationException } e =>
            ($"{e.Message}. The certificate-authority in the kubeconfig did not issue the server's certificate. Get a new kubeconfig. If you did not expect this, ask a cluster administrator.", ExitCodes.Unavailable),
        ApiUnavailableException e => ($"{e.Message}. Check that the cluster is running and that this machine can reach it.", ExitCodes.Unavailable),
        _ => (error.Message, ExitCodes.BadInput),
    };
}
