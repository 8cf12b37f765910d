using KubeRuntime;
using Microsoft.Extensions.Configuration;
using TokenOperator.Api;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers;
using k8s.Models;

namespace KubectlOAuthToken.Doctor;

/// <summary>What the tokens hang on: Postgres, the provider, and how the apps read them.</summary>
internal static class TokenChecks
{
    private const int Most = 5;
    private static readonly TimeSpan ProviderPatience = TimeSpan.FromSeconds(5);

    public static IReadOnlyList<CheckResult> Postgres(DoctorContext patient) =>
    [
        Said(patient, Reasons.StoreUnavailable) is { } trouble
            ? CheckResult.Fail($"The operator says: {trouble}")
            : CheckResult.Ok("No OAuthToken of the namespace tells of trouble with it."),
    ];

    public static async Task<IReadOnlyList<CheckResult>> ProviderAsync(DoctorContext patient, CancellationToken ct)
    {
        var findings = new List<CheckResult>
        {
            Said(patient, Reasons.ProviderUnavailable) is { } trouble
                ? CheckResult.Fail($"The operator says: {trouble}")
                : CheckResult.Ok("No OAuthToken of the namespace tells of trouble with it."),
        };
        var used = patient.Tokens.Select(token => token.Spec?.Provider).ToHashSet();
        try
        {
            var known = ProviderSettings.Read(new ConfigurationBuilder().AddEnvironmentVariables().Build());
            foreach (var provider in known.Where(provider => used.Contains(provider.Name)))
                findings.Add(await ReachAsync(provider.Name, provider.TokenEndpoint, ct));
        }
        catch (InvalidSettingException e)
        {
            findings.Add(CheckResult.Warning($"is not looked for from this machine. {e.Message}"));
        }

        return findings;
    }

    public static async Task<IReadOnlyList<CheckResult>> MountsAsync(DoctorContext patient, CancellationToken ct) =>
        Mounts(patient.Tokens, await patient.Cluster.Api.ListAsync<V1Pod>(ResourceKind.Of<V1Pod>(), patient.Cluster.Namespace, null, ct));

    /// <summary>Who reads which Secret, and who reads it in a way that never shows a new token (Kubernetes, "Mounted Secrets are updated automatically").</summary>
    internal static IReadOnlyList<CheckResult> Mounts(IEnumerable<V1Alpha1OAuthToken> tokens, IReadOnlyList<V1Pod> pods)
    {
        var findings = new List<CheckResult>();
        foreach (var secret in tokens.Select(TokenRequest.SecretNameOf).Distinct().Order(StringComparer.Ordinal))
        {
            var good = new List<string>();
            foreach (var pod in pods)
            {
                var volumes = (pod.Spec.Volumes ?? []).Where(volume => Holds(volume, secret)).Select(volume => volume.Name).ToHashSet();
                foreach (var container in pod.Spec.Containers)
                {
                    var mounts = (container.VolumeMounts ?? []).Where(mount => volumes.Contains(mount.Name)).ToList();
                    var who = $"pod {pod.Metadata.Name}, container {container.Name}";
                    if (mounts.Exists(mount => !string.IsNullOrEmpty(mount.SubPath) || !string.IsNullOrEmpty(mount.SubPathExpr)))
                        findings.Add(CheckResult.Fail($"Secret {secret} is mounted by subPath in {who}: such a file is never updated, and the token in it ends. Mount the Secret as a directory: docs/use-the-token.md."));
                    else if (mounts.Count > 0)
                        good.Add(pod.Metadata.Name);
                    if (IsInEnvironment(container, secret))
                        findings.Add(CheckResult.Fail($"Secret {secret} is in the environment of {who}, which is never updated: the token in it ends. Mount the Secret as a directory: docs/use-the-token.md."));
                }
            }

            if (good.Count > 0)
                findings.Add(CheckResult.Ok($"Secret {secret} is mounted as a directory by {string.Join(", ", good.Distinct())}."));
        }

        return findings.Count > 0 ? findings : [CheckResult.Ok("No pod of the namespace reads a Secret of an OAuthToken.")];
    }

    /// <summary>What <c>status</c> says, in a line.</summary>
    internal static CheckResult Tokens(IReadOnlyList<V1Alpha1OAuthToken> tokens, string ns, DateTimeOffset now)
    {
        if (tokens.Count == 0)
            return CheckResult.Warning($"There are none in {ns}; kubectl oauthtoken status -A shows those of all namespaces.");
        var bad = StatusVerb.Sorted(tokens, now).Where(item => item.Health != Health.Ok).ToList();
        return bad.Count == 0 ? CheckResult.Ok($"{tokens.Count} of {tokens.Count} are as they should be.")
            : new CheckResult(
                bad.Max(item => item.Health),
                $"{bad.Count} of {tokens.Count} are not as they should be ({string.Join(", ", bad.Take(Most).Select(item => $"{item.Name}: {item.Reason}"))}{(bad.Count > Most ? ", ..." : "")}). kubectl oauthtoken status -n {ns} says why, and what to do.");
    }

    private static bool Holds(V1Volume volume, string secret) =>
        volume.Secret?.SecretName == secret || volume.Projected?.Sources?.Any(source => source.Secret?.Name == secret) == true;

    private static bool IsInEnvironment(V1Container container, string secret) =>
        container.Env?.Any(variable => variable.ValueFrom?.SecretKeyRef?.Name == secret) == true
        || container.EnvFrom?.Any(source => source.SecretRef?.Name == secret) == true;

    private static string? Said(DoctorContext patient, string reason) => patient.Tokens
        .SelectMany(token => (token.Status?.Conditions ?? []).Where(condition => condition.Reason == reason).Select(condition => $"{token.Metadata.Name}: {DisplayText.Of(condition.Message, 500)}"))
        .FirstOrDefault();

    /// <summary>Any answer will do: what is asked here is whether there is a way.</summary>
    internal static async Task<CheckResult> ReachAsync(string provider, Uri endpoint, CancellationToken ct)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = ProviderPatience };
        try
        {
            using var answer = await http.GetAsync(endpoint, HttpCompletionOption.ResponseHeadersRead, ct);
            return CheckResult.Ok($"{provider} is reached from this machine ({endpoint.Host}).");
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !ct.IsCancellationRequested))
        {
            return CheckResult.Warning($"{provider} is not reached from this machine ({endpoint.Host}: {e.InnerException?.Message ?? e.Message}). The operator's own way may be another.");
        }
    }
}
