using System.Net;
using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;
using k8s.Models;

namespace KubectlOAuthToken;

/// <summary>Puts a token file where the operator picks it up, and waits until it has.</summary>
internal static class SeedSecret
{
    private const string UsualKey = "token.json";
    private static readonly ResourceKind Secrets = ResourceKind.Of<V1Secret>();

    /// <summary>Writes <paramref name="content"/> into the seed Secret of <paramref name="token"/>, which is made and named in the spec when there is none, and reports how the token is then.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="PluginException">The Secret is not one to write a seed into, or the token was not Ready in time.</exception>
    public static async Task<int> PutAndWaitAsync(Cluster cluster, V1Alpha1OAuthToken token, ReadOnlyMemory<byte> content, TimeSpan timeout, CancellationToken ct)
    {
        var (name, before) = (token.Metadata.Name, TokenStatus.From(token, TimeProvider.System.GetUtcNow()));
        var healthy = before is { Ready: true, NeedsHuman: false } && token.Status?.Find(ConditionTypes.Refreshed)?.IsTrue == true;
        var secret = await PutAsync(cluster, token, content, ct);
        Console.Out.WriteLine($"Wrote the token file into {secret}.");
        if (token.Spec?.Suspend == true)
            throw new PluginException($"{cluster.Namespace}/{name} is suspended: the file is read after kubectl oauthtoken resume {name} -n {cluster.Namespace}.", ExitCodes.Refused);
        if (healthy)
        {
            Console.Out.WriteLine($"{cluster.Namespace}/{name} is Ready with the refresh token that it has, which stays in use; the file is read when that one is dead.");
            return ExitCodes.Ok;
        }

        return await WaitAsync(cluster, token, secret, timeout, ct);
    }

    /// <summary>Waits for what the operator makes of the file in <paramref name="secret"/>, and reports it.</summary>
    /// <param name="cluster">Where it is.</param>
    /// <param name="token">The object as it was before.</param>
    /// <param name="secret">Where the file was put.</param>
    /// <param name="timeout">How long.</param>
    /// <param name="ct">Gives up.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="PluginException">The token was not Ready in time.</exception>
    public static async Task<int> WaitAsync(Cluster cluster, V1Alpha1OAuthToken token, SecretKey secret, TimeSpan timeout, CancellationToken ct)
    {
        var (name, before) = (token.Metadata.Name, TokenStatus.From(token, TimeProvider.System.GetUtcNow()));
        await Console.Error.WriteLineAsync($"Waiting until {cluster.Namespace}/{name} is Ready, for {DurationText.Format(timeout)} at most.");
        var told = (before.Reason, before.Message);
        (token, var inTime) = await cluster.WaitAsync(name, seen => IsDecided(TokenStatus.From(seen, TimeProvider.System.GetUtcNow()), seen, told), timeout, ct);
        var code = Outcome.Report(token, "Ready", IsGood(token));
        return inTime ? code : throw new PluginException(
            $"{cluster.Namespace}/{name} was not Ready within {DurationText.Format(timeout)}. The file is in {secret}. If it is the same as before, it is as dead as before; else see whether the operator runs: kubectl oauthtoken doctor -n {cluster.Namespace}");
    }

    /// <summary>Good; or bad in another way than before, and for a human again.</summary>
    private static bool IsDecided(TokenStatus status, V1Alpha1OAuthToken seen, (string, string) told) =>
        (status.Ready && IsGood(seen))
        || (status.NeedsHuman && seen.Status?.ObservedGeneration >= seen.Metadata.Generation && (status.Reason, status.Message) != told);

    private static bool IsGood(V1Alpha1OAuthToken token) =>
        token.Status is { } status && status.Find(ConditionTypes.Refreshed)?.IsTrue == true && status.Find(ConditionTypes.Stalled)?.IsTrue == false;

    /// <summary>Writes <paramref name="content"/> into the seed Secret, and waits for nothing.</summary>
    /// <exception cref="PluginException">The Secret is not one to write a seed into.</exception>
    public static async Task<SecretKey> PutAsync(Cluster cluster, V1Alpha1OAuthToken token, ReadOnlyMemory<byte> content, CancellationToken ct)
    {
        var named = token.Spec?.SeedSecretRef;
        var where = new SecretKey(cluster.Namespace, named?.Name ?? $"{token.Metadata.Name}-seed", named?.Key ?? UsualKey);
        if (where.Name == TokenRequest.SecretNameOf(token))
            throw new PluginException($"Secret {where.Secret} is the one that the operator writes access tokens into: name another one in spec.seedSecretRef.", ExitCodes.Refused);

        var data = new Dictionary<string, byte[]> { [where.Key] = content.ToArray() };
        var made = new V1Secret { ApiVersion = "v1", Kind = "Secret", Metadata = new V1ObjectMeta { Name = where.Name, NamespaceProperty = where.Namespace }, Data = data };
        if (named is not null && await TryUpdateAsync(cluster, where, data, ct))
            return where;

        try
        {
            await cluster.Api.CreateAsync<V1Secret>(Secrets, made, ct);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            throw new PluginException($"Secret {where.Secret} is there already, and {cluster.Namespace}/{token.Metadata.Name} does not name it. Name it in spec.seedSecretRef if it is for this token, or delete it; then run this again.", ExitCodes.Refused);
        }

        if (named is null)
        {
            var reference = new JsonObject { ["name"] = where.Name };
            await cluster.PatchAsync(token.Metadata.Name, new JsonObject { ["spec"] = new JsonObject { ["seedSecretRef"] = reference } }, ct);
        }

        return where;
    }

    /// <summary>Replaces the one key, and asks for no right to read the Secret; false when there is none.</summary>
    private static async Task<bool> TryUpdateAsync(Cluster cluster, SecretKey where, Dictionary<string, byte[]> data, CancellationToken ct)
    {
        try
        {
            var entries = new JsonObject(data.Select(entry => KeyValuePair.Create<string, JsonNode?>(entry.Key, Convert.ToBase64String(entry.Value))));
            await cluster.Api.MergePatchAsync<PartialObjectMetadata>(Secrets, where.Secret, new JsonObject { ["data"] = entries }, ct);
            return true;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
    }
}
