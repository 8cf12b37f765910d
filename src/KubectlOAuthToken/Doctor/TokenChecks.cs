using k8s.Models;
using KubectlOAuthToken.Output;
using KubeRuntime;
using Microsoft.Extensions.Configuration;
using TokenOperator.Api;
using TokenOperator.Core.Net;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers;

namespace KubectlOAuthToken.Doctor;

/// <summary>Checks what the tokens depend on: Postgres, the provider, and how apps read the Secrets.</summary>
internal static class TokenChecks
{
    private static readonly TimeSpan ProviderTimeout = TimeSpan.FromSeconds(5);

    /// <summary>What the OAuthTokens report about Postgres.</summary>
    public static CheckResult Postgres(DoctorContext context) => Reported(context, Reasons.StoreUnavailable);

    public static async Task<IReadOnlyList<CheckResult>> ProviderAsync(DoctorContext context, CancellationToken cancellationToken)
    {
        var results = new List<CheckResult> { Reported(context, Reasons.ProviderUnavailable) };
        var used = context.Tokens.Select(token => token.Spec?.Provider).ToHashSet();
        try
        {
            var known = ProviderSettings.Read(new ConfigurationBuilder().AddEnvironmentVariables().Build());
            foreach (var provider in known.Where(provider => used.Contains(provider.Name)))
                results.Add(await ReachAsync(provider.Name, provider.TokenEndpoint, cancellationToken));
        }
        catch (InvalidSettingException e)
        {
            results.Add(CheckResult.Warning($"The connection from this machine was not checked. {e.Message}"));
        }

        return results;
    }

    public static async Task<IReadOnlyList<CheckResult>> MountsAsync(DoctorContext context, CancellationToken cancellationToken) =>
        Mounts(context.Tokens, await context.Cluster.Api.ListAsync<V1Pod>(ResourceKind.Of<V1Pod>(), context.Cluster.Namespace, null, cancellationToken));

    /// <summary>Which pods read which Secret. Some ways of reading never show a new token (Kubernetes documentation, "Mounted Secrets are updated automatically").</summary>
    internal static IReadOnlyList<CheckResult> Mounts(IEnumerable<V1Beta1OAuthToken> tokens, IReadOnlyList<V1Pod> pods)
    {
        var results = new List<CheckResult>();
        foreach (var secret in tokens.Select(TokenRequest.SecretNameOf).Distinct().Order(StringComparer.Ordinal))
        {
            var good = new List<string>();
            foreach (var pod in pods)
            {
                var volumes = (pod.Spec.Volumes ?? []).Where(volume => Holds(volume, secret)).Select(volume => volume.Name).ToHashSet();
                foreach (var container in pod.Spec.Containers)
                {
                    var mounts = (container.VolumeMounts ?? []).Where(mount => volumes.Contains(mount.Name)).ToList();
                    var where = $"pod {pod.Metadata.Name}, container {container.Name}";
                    if (mounts.Exists(mount => !string.IsNullOrEmpty(mount.SubPath) || !string.IsNullOrEmpty(mount.SubPathExpr)))
                        results.Add(CheckResult.Fail($"The Secret {secret} is mounted with subPath in {where}. Kubernetes never updates such a file, so its token expires. Mount the Secret as a directory: docs/use-the-token.md"));
                    else if (mounts.Count > 0)
                        good.Add(pod.Metadata.Name);
                    if (IsInEnvironment(container, secret))
                        results.Add(CheckResult.Fail($"The Secret {secret} is in the environment of {where}. Kubernetes never updates the environment, so the token expires. Mount the Secret as a directory: docs/use-the-token.md"));
                }
            }

            if (good.Count > 0)
                results.Add(CheckResult.Ok($"The Secret {secret} is mounted as a directory by {DisplayText.List(good.Distinct())}."));
        }

        return results.Count > 0 ? results : [CheckResult.Ok("No pod of the namespace reads a Secret of an OAuthToken.")];
    }

    /// <summary>The output of <c>status</c> in one line.</summary>
    internal static CheckResult Tokens(IReadOnlyList<V1Beta1OAuthToken> tokens, string ns, DateTimeOffset now)
    {
        if (tokens.Count == 0)
            return CheckResult.Warning($"The namespace {ns} has none. To list those of all namespaces, run: kubectl oauthtoken status -A");
        var bad = TokenStatus.Sorted(tokens, now).Where(item => item.Health != Health.Ok).ToList();
        return bad.Count == 0 ? CheckResult.Ok($"All {tokens.Count} are healthy.")
            : new CheckResult(
                bad.Max(item => item.Health),
                $"{bad.Count} of {tokens.Count} have a problem ({DisplayText.List(bad.Select(item => $"{item.Name}: {item.Reason}"))}). To see the cause and the next step, run: kubectl oauthtoken status -n {ns}");
    }

    private static bool Holds(V1Volume volume, string secret) =>
        volume.Secret?.SecretName == secret || volume.Projected?.Sources?.Any(source => source.Secret?.Name == secret) == true;

    private static bool IsInEnvironment(V1Container container, string secret) =>
        container.Env?.Any(variable => variable.ValueFrom?.SecretKeyRef?.Name == secret) == true
        || container.EnvFrom?.Any(source => source.SecretRef?.Name == secret) == true;

    /// <summary>Fails if an OAuthToken reports <paramref name="reason"/>.</summary>
    private static CheckResult Reported(DoctorContext context, string reason) => context.Tokens
        .SelectMany(token => (token.Status?.Conditions ?? []).Where(condition => condition.Reason == reason).Select(condition => $"{token.Metadata.Name}: {DisplayText.Of(condition.Message, 500)}"))
        .FirstOrDefault() is { } problem
            ? CheckResult.Fail($"The operator reports: {problem}")
            : CheckResult.Ok("No OAuthToken of the namespace reports a problem with it.");

    /// <summary>Checks that the endpoint responds. Any response counts.</summary>
    internal static async Task<CheckResult> ReachAsync(string provider, Uri endpoint, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = ProviderTimeout };
        var where = $"{endpoint.Host}{EnvironmentProxy.Through(HttpClient.DefaultProxy, endpoint)}";
        try
        {
            using var answer = await http.GetAsync(endpoint, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return CheckResult.Ok($"This machine can reach {provider} ({where}).");
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return CheckResult.Warning($"This machine cannot reach {provider} ({where}: {e.InnerException?.Message ?? e.Message}). The operator can have another route.");
        }
    }
}
