using k8s.Models;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Commands;
using TokenOperator.Controller;
using TokenOperator.Entities;
using TokenOperator.Providers;
using TokenOperator.Runtime;
using TokenOperator.Storage;

namespace TokenOperator.Plugin.Doctor;

/// <summary>What the tokens hang on: Postgres, the provider, and how the apps read them.</summary>
internal static class TokenChecks
{
    private const int Most = 5;
    private static readonly TimeSpan ProviderPatience = TimeSpan.FromSeconds(5);

    public static async Task<IReadOnlyList<Finding>> PostgresAsync(Patient patient, bool fromHere, CancellationToken ct)
    {
        var said = Said(patient, Reasons.StoreUnavailable) is { } trouble
            ? Finding.Fail($"The operator says: {trouble}")
            : Finding.Ok("No OAuthToken of the namespace tells of trouble with it.");
        return fromHere ? [said, await PostgresFromHereAsync(ct)] : [said];
    }

    public static async Task<IReadOnlyList<Finding>> ProviderAsync(Patient patient, CancellationToken ct)
    {
        var findings = new List<Finding>
        {
            Said(patient, Reasons.ProviderUnavailable) is { } trouble
                ? Finding.Fail($"The operator says: {trouble}")
                : Finding.Ok("No OAuthToken of the namespace tells of trouble with it."),
        };
        var used = patient.Tokens.Select(token => token.Spec?.Provider).ToHashSet();
        try
        {
            var known = ProviderSettings.Read(new ConfigurationBuilder().AddEnvironmentVariables().Build());
            foreach (var provider in known.Where(provider => used.Contains(provider.Name)))
                findings.Add(await ReachAsync(provider.Name, provider.TokenEndpoint, ct));
        }
        catch (ProviderSettingException e)
        {
            findings.Add(Finding.Warning($"is not looked for from this machine. {e.Message}"));
        }

        return findings;
    }

    public static async Task<IReadOnlyList<Finding>> MountsAsync(Patient patient, CancellationToken ct) =>
        Mounts(patient.Tokens, await patient.Cluster.Api.ListAsync<V1Pod>(ResourceKind.Of<V1Pod>(), patient.Cluster.Namespace, null, ct));

    /// <summary>Who reads which Secret, and who reads it in a way that never shows a new token (Kubernetes, "Mounted Secrets are updated automatically").</summary>
    internal static IReadOnlyList<Finding> Mounts(IEnumerable<V1Alpha1OAuthToken> tokens, IReadOnlyList<V1Pod> pods)
    {
        var findings = new List<Finding>();
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
                        findings.Add(Finding.Fail($"Secret {secret} is mounted by subPath in {who}: such a file is never updated, and the token in it ends. Mount the Secret as a directory: docs/use-the-token.md."));
                    else if (mounts.Count > 0)
                        good.Add(pod.Metadata.Name);
                    if (IsInEnvironment(container, secret))
                        findings.Add(Finding.Fail($"Secret {secret} is in the environment of {who}, which is never updated: the token in it ends. Mount the Secret as a directory: docs/use-the-token.md."));
                }
            }

            if (good.Count > 0)
                findings.Add(Finding.Ok($"Secret {secret} is mounted as a directory by {string.Join(", ", good.Distinct())}."));
        }

        return findings.Count > 0 ? findings : [Finding.Ok("No pod of the namespace reads a Secret of an OAuthToken.")];
    }

    /// <summary>What <c>status</c> says, in a line.</summary>
    internal static Finding Tokens(IReadOnlyList<V1Alpha1OAuthToken> tokens, string ns, DateTimeOffset now)
    {
        if (tokens.Count == 0)
            return Finding.Warning($"There are none in {ns}; kubectl oauthtoken status -A shows those of all namespaces.");
        var bad = StatusVerb.Sorted(tokens, now).Where(item => item.Health != Health.Ok).ToList();
        return bad.Count == 0 ? Finding.Ok($"{tokens.Count} of {tokens.Count} are as they should be.")
            : new Finding(
                bad.Max(item => item.Health),
                $"{bad.Count} of {tokens.Count} are not as they should be ({string.Join(", ", bad.Take(Most).Select(item => $"{item.Name}: {item.Reason}"))}{(bad.Count > Most ? ", ..." : "")}). kubectl oauthtoken status -n {ns} says why, and what to do.");
    }

    private static bool Holds(V1Volume volume, string secret) =>
        volume.Secret?.SecretName == secret || volume.Projected?.Sources?.Any(source => source.Secret?.Name == secret) == true;

    private static bool IsInEnvironment(V1Container container, string secret) =>
        container.Env?.Any(variable => variable.ValueFrom?.SecretKeyRef?.Name == secret) == true
        || container.EnvFrom?.Any(source => source.SecretRef?.Name == secret) == true;

    private static string? Said(Patient patient, string reason) => patient.Tokens
        .SelectMany(token => (token.Status?.Conditions ?? []).Where(condition => condition.Reason == reason).Select(condition => $"{token.Metadata.Name}: {ShownText.Of(condition.Message, 500)}"))
        .FirstOrDefault();

    private static async Task<Finding> PostgresFromHereAsync(CancellationToken ct)
    {
        try
        {
            await using var services = StoreServices.Create();
            var status = await services.GetRequiredService<IMigrator>().StatusAsync(ct);
            return status.Current == status.Latest ? Finding.Ok($"Reached from this machine; the table is at version {status.Current}.")
                : Finding.Fail($"Reached from this machine; the table is at version {status.Current}, and this program wants {status.Latest}. The operator migrates it at its start; or: token-operator migrate up");
        }
        catch (Exception e) when (e is StoreUnavailableException or SchemaException or Storage.Postgres.ConnectionSettingException)
        {
            return Finding.Fail($"From this machine: {e.Message}");
        }
    }

    /// <summary>Any answer will do: what is asked here is whether there is a way.</summary>
    internal static async Task<Finding> ReachAsync(string provider, Uri endpoint, CancellationToken ct)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = ProviderPatience };
        try
        {
            using var answer = await http.GetAsync(endpoint, HttpCompletionOption.ResponseHeadersRead, ct);
            return Finding.Ok($"{provider} is reached from this machine ({endpoint.Host}).");
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !ct.IsCancellationRequested))
        {
            return Finding.Warning($"{provider} is not reached from this machine ({endpoint.Host}: {e.InnerException?.Message ?? e.Message}). The operator's own way may be another.");
        }
    }
}
