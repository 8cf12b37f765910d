using System.CommandLine;
using System.Net;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.OAuth2;
using k8s.Models;

namespace KubectlOAuthToken;

/// <summary><c>authorize</c>: a consent in the person's own browser, whose result goes into the seed Secret.</summary>
internal static class AuthorizeVerb
{
    private static readonly ResourceKind Secrets = ResourceKind.Of<V1Secret>();

    private static readonly TimeSpan UsualConsentTime = TimeSpan.FromMinutes(5);

    /// <summary>Reasons against which a new consent helps.</summary>
    private static readonly string[] Helps =
        [Reasons.ReauthorizationRequired, Reasons.SessionPolicyReauth, Reasons.ScopesMissing, Reasons.SeedMissing, Reasons.SeedInvalid, Reasons.RequestRejected];

    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var noBrowser = new Option<bool>("--no-browser") { Description = "Print the address instead of opening a browser, and read from standard input what the browser ends on." };
        var port = new Option<int>("--port") { Description = "Port of this machine that the browser comes back to; a free one without it. A client of the kind web needs a fixed one: register http://127.0.0.1:PORT/ for it." };
        port.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 65535)
                result.AddError("--port is expected to be a number from 1 to 65535.");
        });
        var authorization = new Option<string?>("--authorization-endpoint") { Description = "The provider's address for consent; without it Google's, or Providers__NAME__AuthorizationEndpoint of the environment." };
        var token = new Option<string?>("--token-endpoint") { Description = "The provider's address for tokens, where the client's secret is sent; likewise." };
        var timeout = ClusterOptions.Timeout();
        timeout.Description = "How long to wait for the consent (5m without it), and then for the operator (1m without it).";
        var command = new Verb(
            "authorize",
            "Consent again, in your own browser, for an OAuthToken that needs a human; the operator picks the result up. Needs the right to read the Secret of the OAuth client and to write the seed Secret.",
            "authorize marcus-gmail -n mail",
            "authorize marcus-gmail -n mail --no-browser")
        {
            name, noBrowser, port, authorization, token, timeout,
        };
        options.Bind(command, (cluster, parsed, ct) => ExecuteAsync(
            cluster, parsed.GetRequiredValue(name), parsed.GetValue(authorization), parsed.GetValue(token),
            new AuthorizationCodeFlow(parsed.GetValue(noBrowser), parsed.GetValue(port), parsed.GetValue(timeout) ?? UsualConsentTime),
            parsed.GetValue(timeout) ?? ClusterOptions.UsualTimeout,
            ct));
        return command;
    }

    private static async Task<int> ExecuteAsync(
        Cluster cluster, string name, string? authorizationEndpoint, string? tokenEndpoint, AuthorizationCodeFlow dialog, TimeSpan timeout, CancellationToken ct)
    {
        var entity = await cluster.GetAsync(name, ct);
        var request = TokenRequest.From(entity, out var error)
            ?? throw new PluginException($"The OAuthToken {cluster.Namespace}/{name} is not valid: {error}", ExitCodes.BadInput);
        CheckThatItHelps(entity, request);
        using var endpoints = new TokenEndpointClient(TimeProvider.System);
        var provider = new OAuth2AuthorizationProvider(LocalProvider.Read(request.Key.Provider, authorizationEndpoint, tokenEndpoint), endpoints, TimeProvider.System);
        var client = await ReadClientAsync(cluster, request, ct);
        var target = new ConsentTarget(cluster, entity, request);
        await target.CheckRightsAsync(ct);
        var expected = new ExpectedIdentity(request.Identity, await target.RecordedIdentityAsync(ct));
        var scopes = request.Scopes.Count > 0 ? request.Scopes
            : entity.Status?.Scopes is { Count: > 0 } granted ? granted
            : throw new PluginException($"spec.scopes of {request.Owner} is empty, so there is nothing to ask consent for. Set it, such as [https://mail.google.com/] for Gmail.", ExitCodes.BadInput);

        var where = await dialog.AskAsync(
            provider, client, scopes, expected, consent => target.WriteAsync(consent.ToTokenSet(dialog.AskedAt), client.ClientId, ct), ct);
        return await SeedSecret.WaitAsync(cluster, entity, where, timeout, ct);
    }

    /// <summary>Nobody is bothered with a consent that would change nothing: the operator imports a seed only where it needs one.</summary>
    private static void CheckThatItHelps(V1Alpha1OAuthToken entity, TokenRequest request)
    {
        if (request.Suspended)
            throw new PluginException($"{request.Owner} is suspended, so the operator would not look at a new consent: kubectl oauthtoken resume {request.Owner.Name} -n {request.Owner.Namespace}", ExitCodes.Refused);
        if (entity.Status is not { } status || status.ObservedGeneration != entity.Metadata.Generation || status.Find(ConditionTypes.Stalled) is not { } stalled)
            return;
        if (!stalled.IsTrue)
            throw new PluginException($"{request.Owner} needs no human, so nothing is done. {status.Find(ConditionTypes.Ready)?.Message}", ExitCodes.Refused);
        if (!Helps.Contains(stalled.Reason))
            throw new PluginException($"A new consent does not help against {stalled.Reason}: {stalled.Message}", ExitCodes.Refused);
    }

    private static async Task<OAuthClient> ReadClientAsync(Cluster cluster, TokenRequest request, CancellationToken ct)
    {
        try
        {
            var secret = await cluster.Api.GetAsync<V1Secret>(Secrets, request.Client.Secret, ct)
                ?? throw new PluginException($"Secret {request.Client.Secret} does not exist. Create it with the key {request.Client.Key} holding the OAuth client (credentials.json from the Google console).", ExitCodes.NotFound);
            return secret.Data is { } data && data.TryGetValue(request.Client.Key, out var content)
                ? ClientFileReader.Read(content, request.Client.ToString())
                : throw new PluginException($"{request.Client} is not there; the Secret has {(secret.Data is { Count: > 0 } keys ? string.Join(", ", keys.Keys.Order(StringComparer.Ordinal)) : "no keys")}.", ExitCodes.NotFound);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            throw new PluginException(
                $"You may not read Secret {request.Client.Secret}, which holds the OAuth client that asks for consent. Ask for the right to read it, or have somebody who may do this; where the operator offers it, status.authorizationURL needs no rights.",
                ExitCodes.Refused);
        }
    }
}
