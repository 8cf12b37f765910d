// The checks of doctor. They read the cluster and call the provider's token endpoint; they change and print nothing.
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using TokenOperator.Api;

namespace KubectlOAuthToken.Doctor;

/// <summary>The result of one check.</summary>
/// <param name="Health">Critical results in exit code 1.</param>
/// <param name="Text">What the check found and, if there is a problem, what to do.</param>
internal sealed record CheckResult(Health Health, string Text)
{
    public static CheckResult Ok(string text) => new(Health.Ok, text);

    public static CheckResult Warning(string text) => new(Health.Warning, text);

    public static CheckResult Fail(string text) => new(Health.Critical, text);
}

/// <summary>The input of the checks.</summary>
/// <param name="Cluster">The cluster, and the namespace of the command line.</param>
/// <param name="Install">The names of the operator's objects.</param>
/// <param name="ServerTime">The API server's clock, in whole seconds; null if the server does not report it.</param>
/// <param name="Now">This machine's clock at the same time.</param>
/// <param name="Tokens">The OAuthTokens of the namespace.</param>
internal sealed record DoctorContext(
    Cluster Cluster, OperatorInstall Install, DateTimeOffset? ServerTime, DateTimeOffset Now, IReadOnlyList<V1Beta1OAuthToken> Tokens);
