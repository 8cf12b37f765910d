using System.CommandLine;
using System.Net;
using k8s.Models;
using KubectlOAuthToken.Consent;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.OAuth2;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>authorize</c>: asks for consent in the user's own browser and saves the tokens in the seed Secret.</summary>
internal static class AuthorizeVerb
{
    private static readonly ResourceKind Secrets = ResourceKind.Of<V1Secret>();

    private static readonly TimeSpan DefaultConsentTimeout = TimeSpan.FromMinutes(5);

    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var noBrowser = new Option<bool>("--no-browser") { Description = "Print the address instead of opening a browser, and read the final address of the browser from standard input." };
        var port = new Option<int>("--port") { Description = "The port of this machine that the browser returns to. Default: a free port. An OAuth client of the type \"web application\" needs a fixed port: register http://127.0.0.1:PORT/ for it." };
        port.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 65535)
                result.AddError("--port must be a number from 1 to 65535.");
        });
        var authorization = new Option<string?>("--authorization-endpoint") { Description = "The provider's authorization endpoint. Default: Providers__NAME__AuthorizationEndpoint in the environment, or Google's." };
        var token = new Option<string?>("--token-endpoint") { Description = "The provider's token endpoint, which receives the client secret. Default: Providers__NAME__TokenEndpoint in the environment, or Google's." };
        var timeout = ClusterOptions.Timeout("How long to wait for the consent (default: 5m), and then for the operator (default: 1m).");
        var command = new Verb(
            "authorize",
            "Authorize an account again, in your own browser. The operator then imports the result. Needs the right to read the Secret of the OAuth client and to write the seed Secret.",
            "authorize marcus-gmail -n mail",
            "authorize marcus-gmail -n mail --no-browser")
        {
            name, noBrowser, port, authorization, token, timeout,
        };
        options.Bind(command, (context, parsed, cancellationToken) => ExecuteAsync(
            context, parsed.GetRequiredValue(name), parsed.GetValue(authorization), parsed.GetValue(token),
            new AuthorizationCodeFlow(parsed.GetValue(noBrowser), parsed.GetValue(port), parsed.GetValue(timeout) ?? DefaultConsentTimeout, context.Time),
            parsed.GetValue(timeout) ?? ClusterOptions.DefaultTimeout,
            cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(
        VerbContext context, string name, string? authorizationEndpoint, string? tokenEndpoint, AuthorizationCodeFlow flow, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var cluster = context.Cluster;
        var entity = await cluster.GetAsync(name, cancellationToken);
        var request = TokenRequest.From(entity, out var error)
            ?? throw new PluginException($"The OAuthToken {cluster.Namespace}/{name} is not valid: {error}", ExitCodes.BadInput);
        CheckThatConsentHelps(entity, request, context.Now);
        using var endpoints = new TokenEndpointClient(context.Time);
        var provider = new OAuth2AuthorizationProvider(LocalProvider.Read(request.Key.Provider, authorizationEndpoint, tokenEndpoint), endpoints, context.Time);
        var client = await ReadClientAsync(cluster, request, provider.Document.ClientAuthentication.Credential, cancellationToken);
        var target = new ConsentTarget(cluster, entity, request);
        await target.CheckRightsAsync(cancellationToken);
        await target.RehearseAsync(cancellationToken);
        var expected = new ExpectedIdentity(request.Identity, await target.RecordedIdentityAsync(cancellationToken));
        var scopes = request.Scopes.Count > 0 ? request.Scopes
            : entity.Status?.Scopes is { Count: > 0 } granted ? granted
            : throw new PluginException($"spec.scopes of {request.Owner} is empty, so it is unknown which scopes to ask for. Set it, for example to [https://mail.google.com/] for Gmail.", ExitCodes.BadInput);

        var secret = await flow.RunAsync(provider, client, scopes, expected, tokens => target.WriteAsync(tokens, client.ClientId, cancellationToken), cancellationToken);
        return await SeedSecret.WaitAsync(context, entity, secret, timeout, cancellationToken);
    }

    /// <summary>Refuses a consent that would change nothing: the operator imports a seed only if it needs one.</summary>
    private static void CheckThatConsentHelps(V1Alpha1OAuthToken entity, TokenRequest request, DateTimeOffset now)
    {
        if (request.Suspended)
            throw new PluginException($"{request.Owner} is suspended, so the operator would ignore a new consent. To resume it, run: kubectl oauthtoken resume {request.Owner.Name} -n {request.Owner.Namespace}", ExitCodes.Refused);
        if (entity.Status is not { } status || status.ObservedGeneration != entity.Metadata.Generation || status.Find(ConditionTypes.Stalled) is not { } stalled)
            return;
        // An answer of the provider that may be wrong is tried again before the object is Stalled. Its owner may know better.
        var isRejected = status.Find(ConditionTypes.Refreshed) is { Status: "False" } refreshed && ReasonInfo.Find(refreshed.Reason) is { NeedsHuman: true, SeedHelps: true };
        if (!stalled.IsTrue && !isRejected && !RefreshPolicy.ConsentEndsSoon(Timestamps.Parse(status.ConsentExpiresAt), now))
            throw new PluginException($"{request.Owner} needs no human action, so nothing was changed. {status.Find(ConditionTypes.Ready)?.Message}", ExitCodes.Refused);
        if (stalled.IsTrue && ReasonInfo.Find(stalled.Reason) is not { SeedHelps: true })
            throw new PluginException($"A new consent does not fix {stalled.Reason}: {stalled.Message}", ExitCodes.Refused);
    }

    private static async Task<OAuthClient> ReadClientAsync(Cluster cluster, TokenRequest request, ClientCredential credential, CancellationToken cancellationToken)
    {
        try
        {
            var secret = await cluster.Api.GetAsync<V1Secret>(Secrets, request.Client.Secret, cancellationToken)
                ?? throw new PluginException($"The Secret {request.Client.Secret} does not exist. Create it, with the OAuth client (credentials.json from the Google console) in the key {request.Client.Key}.", ExitCodes.NotFound);
            return secret.Data is { } data && SecretDataReader.FindClient(data, request.Client.Key, key => (request.Client with { Key = key }).ToString(), credential) is { } client
                ? client
                : throw new PluginException($"{request.Client} does not exist. The Secret has {(secret.Data is { Count: > 0 } keys ? $"the keys {DisplayText.List(keys.Keys.Order(StringComparer.Ordinal))}" : "no keys")}.", ExitCodes.NotFound);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            throw new PluginException(
                $"You cannot read the Secret {request.Client.Secret}, which holds the OAuth client. Ask for the right to read it, or ask someone who has it to run this command. If the operator offers status.authorizationURL, that link needs no rights.",
                ExitCodes.Refused);
        }
    }
}
