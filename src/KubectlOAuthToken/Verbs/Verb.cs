// The verbs: their words, what they do, what they print.
using System.CommandLine;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using TokenOperator.Api;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary>A verb of the plugin.</summary>
/// <param name="name">The verb.</param>
/// <param name="description">The description for help; the list of verbs shows it too.</param>
/// <param name="examples">Examples for help, without <c>kubectl oauthtoken</c>.</param>
internal sealed class Verb(string name, string description, params IReadOnlyList<string> examples) : Command(name, description)
{
    /// <summary>Examples for help, without <c>kubectl oauthtoken</c>.</summary>
    public IReadOnlyList<string> Examples { get; } = examples;
}

/// <summary>What a verb runs with.</summary>
/// <param name="Cluster">The cluster, and the namespace of the command line.</param>
/// <param name="Time">The clock of this machine.</param>
/// <param name="Style">The colors of the output.</param>
internal sealed record VerbContext(Cluster Cluster, TimeProvider Time, AnsiStyle Style)
{
    /// <summary>The time on this machine.</summary>
    public DateTimeOffset Now => Time.GetUtcNow();

    /// <summary>Prints the result of a wait: one sentence on success, otherwise the output of <c>status</c>.</summary>
    /// <param name="token">The current object.</param>
    /// <param name="done">The word for success.</param>
    /// <param name="succeeded">Whether the operator did what was asked.</param>
    /// <returns>The exit code.</returns>
    public int Report(V1Beta1OAuthToken token, string done, bool succeeded)
    {
        var status = TokenStatus.From(token, Now);
        if (succeeded && status.Ready)
        {
            Console.Out.WriteLine($"{done}: the Secret {status.Namespace}/{status.SecretName} holds a token that {(status.ExpiresAt is null ? "does not expire" : $"is valid until {status.ExpiresAt} ({StatusPage.Ago(status.ExpiresAt, Now)})")}.");
            return ExitCodes.Ok;
        }

        Console.Out.Write(new StatusPage(OutputFormat.Table, isOne: true, withNamespace: true, Style).Render([status], Now));
        return ExitCodes.Failed;
    }
}
