using System.Text;
using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using k8s.Models;

namespace KubectlOAuthToken;

/// <summary>Where the result of a consent goes: the seed Secret of an OAuthToken, looked at before anybody is asked.</summary>
internal sealed class ConsentTarget(Cluster cluster, V1Alpha1OAuthToken entity, TokenRequest request)
{
    private static readonly ResourceKind Secrets = ResourceKind.Of<V1Secret>();

    // KubernetesClient's class lacks the plural.
    private static readonly ResourceKind Reviews = new("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews");

    /// <summary>Who consented to what is there now, or null; what cannot be read is of nobody.</summary>
    public async Task<Identity?> RecordedIdentityAsync(CancellationToken ct)
    {
        if (request.Seed is not { } where)
            return null;
        try
        {
            var secret = await cluster.Api.GetAsync<V1Secret>(Secrets, where.Secret, ct);
            return secret?.Data is { } data && data.TryGetValue(where.Key, out var content) ? SeedFileReader.Read(content, where.ToString()).Token.Identity : null;
        }
        catch (Exception e) when (e is InvalidDocumentException or ApiException)
        {
            return null;
        }
    }

    /// <summary>Asks whether the result could be written, before a person consents in vain.</summary>
    /// <exception cref="PluginException">It could not.</exception>
    public async Task CheckRightsAsync(CancellationToken ct)
    {
        if (request.Seed is { } named)
            await CheckAsync("patch", "", "secrets", named.Name, ct);
        else
            await CheckAsync("patch", V1Alpha1OAuthToken.GroupName, "oauthtokens", request.Owner.Name, ct);
        await CheckAsync("create", "", "secrets", null, ct);
    }

    /// <summary>Writes the token file.</summary>
    public async Task<SecretKey> WriteAsync(TokenSet token, string clientId, CancellationToken ct)
    {
        var file = TokenDocument.Write(token, new JsonObject { ["client_id"] = clientId }.ToJsonString());
        var where = await SeedSecret.PutAsync(cluster, entity, Encoding.UTF8.GetBytes(file), ct);
        await Console.Error.WriteLineAsync(request.Seed is not null
            ? $"The consent is in {where}."
            : $"The consent is in {where}. spec.seedSecretRef was not set and now names it: add it to your own copy of the manifest.");
        return where;
    }

    private async Task CheckAsync(string verb, string group, string resource, string? name, CancellationToken ct)
    {
        var attributes = new V1ResourceAttributes { Verb = verb, Group = group, Resource = resource, Name = name, NamespaceProperty = request.Owner.Namespace };
        var review = await cluster.Api.CreateAsync(
            Reviews,
            new V1SelfSubjectAccessReview
            {
                ApiVersion = Reviews.ApiVersion,
                Kind = Reviews.Kind,
                Metadata = new V1ObjectMeta(),
                Spec = new V1SelfSubjectAccessReviewSpec { ResourceAttributes = attributes },
            },
            ct);
        if (review.Status?.Allowed != true)
            throw new PluginException($"You may not {verb} {resource} {name} in the namespace {request.Owner.Namespace}, so the result could not be kept. Ask for that right, or have somebody who may do this.", ExitCodes.Refused);
    }
}
