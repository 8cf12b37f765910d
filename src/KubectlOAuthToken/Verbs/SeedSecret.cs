using System.Net;
using System.Text.Json.Nodes;
using k8s.Models;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken.Verbs;

/// <summary>Writes a token file to the Secret that the operator reads it from, and waits until the operator has done so.</summary>
internal static class SeedSecret
{
    private const string DefaultKey = "token.json";
    private static readonly ResourceKind Secrets = ResourceKind.Of<V1Secret>();

    /// <summary>
    /// Writes <paramref name="content"/> to the seed Secret of <paramref name="token"/>, waits, and reports the result. Creates the
    /// Secret and names it in the spec if the spec names none.
    /// </summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="PluginException">The Secret is not a seed Secret, or the token was not Ready in time.</exception>
    public static async Task<int> PutAndWaitAsync(VerbContext context, V1Beta1OAuthToken token, ReadOnlyMemory<byte> content, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var (name, ns) = (token.Metadata.Name, context.Cluster.Namespace);
        var healthy = TokenStatus.From(token, context.Now) is { Ready: true, NeedsHuman: false } && token.Status?.Find(ConditionTypes.Refreshed)?.IsTrue == true
            && !RefreshPolicy.ConsentEndsSoon(Timestamps.Parse(token.Status.ConsentExpiresAt), context.Now);
        var secret = await PutAsync(context.Cluster, token, content, dryRun: false, cancellationToken);
        Console.Out.WriteLine($"Wrote the token file to {secret}.");
        if (token.Spec?.Suspend == true)
            throw new PluginException($"{ns}/{name} is suspended, so the operator does not read the file yet. To resume it, run: kubectl oauthtoken resume {name} -n {ns}", ExitCodes.Refused);
        if (healthy)
        {
            Console.Out.WriteLine($"{ns}/{name} is Ready with its current refresh token, which stays in use. The operator reads the file when that refresh token no longer works.");
            return ExitCodes.Ok;
        }

        return await WaitAsync(context, token, secret, timeout, cancellationToken);
    }

    /// <summary>Waits until the operator has read the file in <paramref name="secret"/>, and reports the result.</summary>
    /// <param name="context">The cluster and the clock.</param>
    /// <param name="token">The object before the file was written.</param>
    /// <param name="secret">Where the file is.</param>
    /// <param name="timeout">How long to wait.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="PluginException">The token was not Ready in time.</exception>
    public static async Task<int> WaitAsync(VerbContext context, V1Beta1OAuthToken token, SecretKey secret, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var (name, ns) = (token.Metadata.Name, context.Cluster.Namespace);
        var before = TokenStatus.From(token, context.Now);
        await Console.Error.WriteLineAsync($"Waiting up to {DurationText.Format(timeout)} until {ns}/{name} is Ready.");
        (token, var inTime) = await context.Cluster.WaitAsync(name, seen => IsDecided(TokenStatus.From(seen, context.Now), seen, (before.Reason, before.Message)), timeout, cancellationToken);
        var code = context.Report(token, "Ready", IsGood(token));
        return inTime ? code : throw new PluginException(
            $"{ns}/{name} was not Ready within {DurationText.Format(timeout)}. The file is in {secret}. If its content did not change, its refresh token still does not work. Otherwise check the operator: kubectl oauthtoken doctor -n {ns}");
    }

    /// <summary>Whether the token works, or needs someone to act for another cause than before.</summary>
    private static bool IsDecided(TokenStatus status, V1Beta1OAuthToken seen, (string, string) before) =>
        (status.Ready && IsGood(seen))
        || (status.NeedsHuman && seen.Status?.ObservedGeneration >= seen.Metadata.Generation && (status.Reason, status.Message) != before);

    private static bool IsGood(V1Beta1OAuthToken token) =>
        token.Status is { } status && status.Find(ConditionTypes.Refreshed)?.IsTrue == true && status.Find(ConditionTypes.Stalled)?.IsTrue == false;

    /// <summary>
    /// Writes <paramref name="content"/> to the seed Secret, without waiting. A new Secret gets the labels of spec.secretTemplate, which
    /// policies of the cluster can demand.
    /// </summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="token">The object.</param>
    /// <param name="content">A token file.</param>
    /// <param name="dryRun">True to change nothing, and only to find out whether the API server would accept the Secret.</param>
    /// <param name="cancellationToken">Cancels the requests.</param>
    /// <exception cref="PluginException">The Secret is not a seed Secret.</exception>
    /// <exception cref="ApiException">The API server rejects the Secret.</exception>
    public static async Task<SecretKey> PutAsync(Cluster cluster, V1Beta1OAuthToken token, ReadOnlyMemory<byte> content, bool dryRun, CancellationToken cancellationToken)
    {
        var named = token.Spec?.SeedSecretRef;
        var where = new SecretKey(cluster.Namespace, named?.Name ?? $"{token.Metadata.Name}-seed", named?.Key ?? DefaultKey);
        if (where.Name == TokenRequest.SecretNameOf(token))
            throw new PluginException($"The operator writes access tokens to the Secret {where.Secret}. Name another Secret in spec.seedSecretRef.", ExitCodes.Refused);

        var data = new Dictionary<string, byte[]> { [where.Key] = content.ToArray() };
        if (named is not null && await TryUpdateAsync(cluster, where, data, dryRun, cancellationToken))
            return where;

        try
        {
            var labels = token.Spec?.SecretTemplate?.Labels?.ToDictionary();
            var secret = new V1Secret { ApiVersion = "v1", Kind = "Secret", Metadata = new V1ObjectMeta { Name = where.Name, NamespaceProperty = where.Namespace, Labels = labels }, Data = data };
            await cluster.Api.CreateAsync<V1Secret>(Secrets, secret, dryRun, cancellationToken);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            throw new PluginException(
                $"The Secret {where.Secret} already exists, and {cluster.Namespace}/{token.Metadata.Name} does not name it. If it is for this token, name it in spec.seedSecretRef; otherwise delete it. Then run this command again.",
                ExitCodes.Refused);
        }

        if (named is null)
        {
            var reference = new JsonObject { ["name"] = where.Name };
            await cluster.PatchAsync(token.Metadata.Name, new JsonObject { ["spec"] = new JsonObject { ["seedSecretRef"] = reference } }, dryRun, cancellationToken);
        }

        return where;
    }

    /// <summary>Replaces one key of the Secret, which needs no right to read it. Returns false if the Secret does not exist.</summary>
    private static async Task<bool> TryUpdateAsync(Cluster cluster, SecretKey where, Dictionary<string, byte[]> data, bool dryRun, CancellationToken cancellationToken)
    {
        try
        {
            var entries = new JsonObject(data.Select(entry => KeyValuePair.Create<string, JsonNode?>(entry.Key, Convert.ToBase64String(entry.Value))));
            await cluster.Api.MergePatchAsync<PartialObjectMetadata>(Secrets, where.Secret, new JsonObject { ["data"] = entries }, dryRun, cancellationToken);
            return true;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
    }
}
