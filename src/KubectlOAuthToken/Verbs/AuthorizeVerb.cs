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
using TokenOperator.Providers.Documents;
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
        var device = new Option<bool>("--device") { Description = "Print a code that is entered in a browser on any device (RFC 8628), for providers with a device authorization endpoint." };
        var noBrowser = new Option<bool>("--no-browser") { Description = "Print the address instead of opening a browser, and read the final address of the browser from standard input." };
        var port = new Option<int>("--port") { Description = "The port of this machine that the browser returns to. Default: a free port. An OAuth client of the type \"web application\" needs a fixed port: register http://HOST:PORT/ for it." };
        port.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 65535)
                result.AddError("--port must be a number from 1 to 65535.");
        });
        var host = new Option<string?>("--redirect-host") { Description = $"The host of the address that the browser returns to: {LoopbackListener.Literal} or {LoopbackListener.Localhost}. Default: the one that the provider needs.", HelpName = "host" };
        host.AcceptOnlyFromAmong(LoopbackListener.Literal, LoopbackListener.Localhost);
        var redirect = new Option<string?>("--redirect-uri") { Description = "The redirect address that is registered for the OAuth client, if the provider accepts only https, such as https://localhost/. Nothing listens there: as with --no-browser, you copy the final address of the browser.", HelpName = "uri" };
        redirect.Validators.Add(result =>
        {
            var text = result.GetValueOrDefault<string?>();
            if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttps || address is not { UserInfo: "", Fragment: "" })
                result.AddError("--redirect-uri must be an address that starts with https://, without a user name and a fragment (#).");
            // Providers compare each character with the address that is registered.
            else if (address.AbsoluteUri != text)
                result.AddError($"--redirect-uri is sent as {address.AbsoluteUri}. Register this address, and enter it here.");
        });
        var provider = new ProviderSourceOptions();
        var timeout = ClusterOptions.Timeout("How long to wait for the consent (default: 5m; with --device, as long as the code is valid), and then for the operator (default: 1m).");
        var command = new Verb(
            "authorize",
            "Authorize an account, or authorize it again, in your own browser. The operator then imports the result. Needs the right to read the Secret of the OAuth client and to write the seed Secret.",
            "authorize marcus-gmail -n mail",
            "authorize marcus-gmail -n mail --no-browser",
            "authorize marcus-github -n ci --device")
        {
            name, device, noBrowser, port, host, redirect, timeout,
        };
        provider.AddTo(command);
        command.Validators.Add(result =>
        {
            foreach (var other in new Option[] { noBrowser, port, host, redirect })
            {
                if (result.GetValue(device) && result.GetResult(other) is { Implicit: false })
                    result.AddError($"--device and {other.Name} cannot be combined, because a code needs no redirect.");
            }

            foreach (var other in new Option[] { port, host })
            {
                if (result.GetValue(redirect) is not null && result.GetResult(other) is { Implicit: false })
                    result.AddError($"--redirect-uri and {other.Name} cannot be combined, because the address has a host and a port.");
            }
        });
        options.Bind(command, async (context, parsed, cancellationToken) =>
        {
            var wait = parsed.GetValue(timeout);
            var target = await PrepareAsync(context, parsed.GetRequiredValue(name), (cluster, named) => provider.FindAsync(cluster, named, parsed, cancellationToken), cancellationToken);
            using var endpoints = new TokenEndpointClient(context.Time);
            var secret = parsed.GetValue(device)
                ? await new DeviceFlow(wait, context.Time).RunAsync(
                    DeviceProvider(target.Provider, endpoints, context.Time), target.Client, target.Scopes, target.Expected, target.Save(cancellationToken), cancellationToken)
                : await new AuthorizationCodeFlow(parsed.GetValue(noBrowser), parsed.GetValue(port), parsed.GetValue(host), parsed.GetValue(redirect) is { } uri ? new Uri(uri) : null, wait ?? DefaultConsentTimeout, context.Time).RunAsync(
                    CodeProvider(target.Provider, endpoints, context.Time), target.Client, target.Scopes, target.Expected, target.Save(cancellationToken), cancellationToken);
            return await SeedSecret.WaitAsync(context, target.Entity, secret, wait ?? ClusterOptions.DefaultTimeout, cancellationToken);
        });
        return command;
    }

    /// <summary>Everything that a consent needs, checked before anyone is asked.</summary>
    private static async Task<ConsentRequest> PrepareAsync(
        VerbContext context, string name, Func<Cluster, string, Task<DescribedProvider>> findProvider, CancellationToken cancellationToken)
    {
        var cluster = context.Cluster;
        var entity = await cluster.GetAsync(name, cancellationToken);
        var request = TokenRequest.From(entity, out var error)
            ?? throw new PluginException($"The OAuthToken {cluster.Namespace}/{name} is not valid: {error}", ExitCodes.BadInput);
        // Nothing else counts while the name is wrong, and every other answer would hide that.
        var described = await findProvider(cluster, request.Key.Provider);
        CheckThatConsentHelps(entity, request, context.Now);
        var provider = await described.ReadAsync();
        var client = await ReadClientAsync(cluster, request, provider.ClientAuthentication.Credential, cancellationToken);
        var target = new ConsentTarget(cluster, entity, request);
        await target.CheckRightsAsync(cancellationToken);
        await target.RehearseAsync(cancellationToken);
        var expected = new ExpectedIdentity(request.Identity, await target.RecordedIdentityAsync(cancellationToken));
        var scopes = request.Scopes.Count > 0 ? request.Scopes : entity.Status?.Scopes ?? [];
        if (scopes.Count == 0 && !provider.Scopes.AreNotComparable)
        {
            // RFC 6749 section 3.3: without the parameter, the provider decides. Many take the scopes that are registered for the client.
            await Console.Error.WriteLineAsync(
                $"spec.scopes of {request.Owner} is empty, so the consent requests {DisplayText.List(provider.Scopes.Consent, none: "no scopes, and the provider decides")}. If the app needs others, set spec.scopes, and start again.");
        }

        return new ConsentRequest(entity, provider, client, expected, scopes, target);
    }

    private static OAuth2AuthorizationProvider CodeProvider(ProviderDocument provider, TokenEndpointClient endpoints, TimeProvider time) =>
        provider.AuthorizationEndpoint is not null
            ? new OAuth2AuthorizationProvider(provider, endpoints, time)
            : throw new PluginException(
                $"No authorization endpoint of the provider \"{provider.Name}\" is known, so no consent in a browser is possible. Set --authorization-endpoint{(provider.DeviceAuthorizationEndpoint is null ? "" : ", or use --device")}.",
                ExitCodes.BadInput);

    private static OAuth2DeviceAuthorizationProvider DeviceProvider(ProviderDocument provider, TokenEndpointClient endpoints, TimeProvider time) =>
        provider.DeviceAuthorizationEndpoint is not null
            ? new OAuth2DeviceAuthorizationProvider(provider, endpoints, time)
            : throw new PluginException(
                $"No device authorization endpoint of the provider \"{provider.Name}\" is known. Run the command without --device, or set --device-authorization-endpoint.",
                ExitCodes.BadInput);

    /// <summary>Refuses a consent that would change nothing: the operator imports a seed only if it needs one.</summary>
    private static void CheckThatConsentHelps(V1Beta1OAuthToken entity, TokenRequest request, DateTimeOffset now)
    {
        if (!request.Grant.NeedsConsent)
            throw new PluginException($"{request.Owner} needs no consent, so there is nothing to authorize: spec.grant is {request.Grant.Name}. To see its state, run: kubectl oauthtoken status {request.Owner.Name} -n {request.Owner.Namespace}", ExitCodes.Refused);
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
        var where = request.Client!.Value;
        try
        {
            var secret = await cluster.Api.GetAsync<V1Secret>(Secrets, where.Secret, cancellationToken)
                ?? throw new PluginException($"The Secret {where.Secret} does not exist. Create it with {SecretDataReader.ExpectedClient(credential, where.Key)}.", ExitCodes.NotFound);
            return secret.Data is { } data && SecretDataReader.FindClient(data, where.Key, key => (where with { Key = key }).ToString(), credential) is { } client
                ? client
                : throw new PluginException($"Secret {where.Secret} has no key {where.Key}. It has {DisplayText.List(secret.Data?.Keys.Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>(), none: "no keys")}. Add {SecretDataReader.ExpectedClient(credential, where.Key)}.", ExitCodes.NotFound);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            throw new PluginException(
                $"You cannot read the Secret {where.Secret}, which holds the OAuth client. Ask for the right to read it, or ask someone who has it to run this command. If the operator offers status.authorizationURL, that link needs no rights.",
                ExitCodes.Refused);
        }
    }

    /// <summary>A consent that can be asked for.</summary>
    private sealed record ConsentRequest(
        V1Beta1OAuthToken Entity, ProviderDocument Provider, OAuthClient Client, ExpectedIdentity Expected, IReadOnlyList<string> Scopes, ConsentTarget Target)
    {
        public Func<TokenSet, Task<SecretKey>> Save(CancellationToken cancellationToken) => tokens => Target.WriteAsync(tokens, Client.ClientId, cancellationToken);
    }
}
