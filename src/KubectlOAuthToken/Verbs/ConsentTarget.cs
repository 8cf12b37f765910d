using System.Text;
using System.Text.Json.Nodes;
using k8s.Models;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken.Verbs;

/// <summary>The seed Secret of an OAuthToken, which receives the tokens of a consent.</summary>
internal sealed class ConsentTarget(Cluster cluster, V1Beta1OAuthToken entity, TokenRequest request)
{
    private static readonly ResourceKind Secrets = ResourceKind.Of<V1Secret>();

    /// <summary>Who consented to the current tokens. Null if the Secret does not say so or cannot be read.</summary>
    public async Task<Identity?> RecordedIdentityAsync(CancellationToken cancellationToken)
    {
        if (request.Seed is not { } where)
            return null;
        try
        {
            var secret = await cluster.Api.GetAsync<V1Secret>(Secrets, where.Secret, cancellationToken);
            return secret?.Data is { } data && data.TryGetValue(where.Key, out var content) ? SeedFileReader.Read(content, where.ToString()).Token.Identity : null;
        }
        catch (Exception e) when (e is InvalidDocumentException or ApiException)
        {
            return null;
        }
    }

    /// <summary>Checks the rights to write the Secret, before anyone is asked to consent.</summary>
    /// <exception cref="PluginException">A right is missing.</exception>
    public async Task CheckRightsAsync(CancellationToken cancellationToken)
    {
        AccessRight[] needed =
        [
            request.Seed is { } named
                ? new("patch", "", "secrets") { Name = named.Name }
                : new("patch", V1Beta1OAuthToken.GroupName, "oauthtokens") { Name = request.Owner.Name },
            new("create", "", "secrets"),
        ];
        var missing = await AccessReview.MissingAsync(cluster, request.Owner.Namespace, needed, cancellationToken);
        if (missing.Count > 0)
        {
            throw new PluginException(
                $"You cannot {string.Join(" or ", missing)} in the namespace {request.Owner.Namespace}, so the consent could not be saved. Ask for the right, or ask someone who has it to run this command.",
                ExitCodes.Refused);
        }
    }

    /// <summary>Has the API server check the write that follows the consent, with all policies of the cluster, before anyone is asked to consent.</summary>
    /// <exception cref="PluginException">The API server would reject the Secret.</exception>
    public async Task RehearseAsync(CancellationToken cancellationToken)
    {
        try
        {
            await SeedSecret.PutAsync(cluster, entity, "{}"u8.ToArray(), dryRun: true, cancellationToken);
        }
        catch (ApiException e)
        {
            throw new PluginException(
                $"The cluster would reject the Secret in which the consent is saved, so nobody was asked to consent: {e.Message}. "
                + "If it demands labels, add them to spec.secretTemplate.labels, or create the Secret yourself and name it in spec.seedSecretRef.",
                ExitCodes.Refused);
        }
    }

    /// <summary>Writes the tokens to the Secret. If that fails, the user can remove the cause and try again: the tokens exist nowhere else.</summary>
    public async Task<SecretKey> WriteAsync(TokenSet token, string clientId, CancellationToken cancellationToken)
    {
        var file = TokenDocument.Write(token, new JsonObject { ["client_id"] = clientId }.ToJsonString());
        while (true)
        {
            try
            {
                return await WriteAsync(file, cancellationToken);
            }
            catch (Exception e) when (e is ApiException or ApiUnavailableException or PluginException)
            {
                await Console.Error.WriteLineAsync(
                    $"The consent could not be saved: {PluginErrors.Explain(e).Message}\nThe consent is still in memory. Remove the cause and press Enter to try again, or press Ctrl-C to give it up.");
                if (await Console.In.ReadLineAsync(cancellationToken) is null)
                    throw;
            }
        }
    }

    private async Task<SecretKey> WriteAsync(string file, CancellationToken cancellationToken)
    {
        var where = await SeedSecret.PutAsync(cluster, entity, Encoding.UTF8.GetBytes(file), dryRun: false, cancellationToken);
        await Console.Error.WriteLineAsync(request.Seed is not null
            ? $"Saved the consent in {where}."
            : $"Saved the consent in {where}. spec.seedSecretRef was not set and now names this Secret. Add it to your copy of the manifest.");
        return where;
    }
}
