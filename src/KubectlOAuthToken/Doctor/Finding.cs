using TokenOperator.Api;

namespace KubectlOAuthToken.Doctor;

/// <summary>What one look has shown.</summary>
/// <param name="Health">Critical makes the exit code 1.</param>
/// <param name="Text">What was found and, when it is not good, what to do.</param>
internal sealed record CheckResult(Health Health, string Text)
{
    public static CheckResult Ok(string text) => new(Health.Ok, text);

    public static CheckResult Warning(string text) => new(Health.Warning, text);

    public static CheckResult Fail(string text) => new(Health.Critical, text);
}

/// <summary>What is looked at.</summary>
/// <param name="Cluster">The cluster, and the namespace of the call.</param>
/// <param name="Install">The operator.</param>
/// <param name="ServerTime">The API server's clock, to the second; null when it did not tell.</param>
/// <param name="Now">This machine's clock at the same moment.</param>
/// <param name="Tokens">The OAuthTokens of the namespace.</param>
internal sealed record DoctorContext(
    Cluster Cluster, OperatorInstall Install, DateTimeOffset? ServerTime, DateTimeOffset Now, IReadOnlyList<V1Alpha1OAuthToken> Tokens);
