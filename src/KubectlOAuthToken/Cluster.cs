using System.Net;
using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using k8s.Exceptions;
using k8s.Models;

namespace KubectlOAuthToken;

/// <summary>The cluster that a kubeconfig names, as the person that it names.</summary>
internal sealed class Cluster : IDisposable
{
    private static readonly ResourceKind Tokens = ResourceKind.Of<V1Alpha1OAuthToken>();
    private static readonly ResourceKind Namespaces = ResourceKind.Of<V1Namespace>();
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly ApiConnection _connection;

    private Cluster(ApiConnection connection, string ns)
    {
        _connection = connection;
        Api = new ResourceClient(_connection, [OAuthTokenJson.Default, PluginJson.Default], PluginCommandLine.ProgramName, TimeProvider.System);
        Server = _connection.Address;
        Namespace = ns;
    }

    /// <summary>All calls.</summary>
    public ResourceClient Api { get; }

    /// <summary>The namespace of the call, or of the context.</summary>
    public string Namespace { get; }

    /// <summary>The API server's address.</summary>
    public Uri Server { get; }

    /// <summary>Reads the kubeconfig and prepares the connection; nothing is sent yet.</summary>
    /// <exception cref="KubeConfigException">There is no kubeconfig, or not that context in it.</exception>
    public static Cluster Connect(string? kubeconfig, string? context, string? ns)
    {
        NamespaceName.Check(ns);
        var (connection, own) = Kubeconfig.Find(kubeconfig, context).Connect();
        return new Cluster(connection, ns ?? own);
    }

    /// <summary>All OAuthTokens of a namespace; empty means all.</summary>
    public Task<IReadOnlyList<V1Alpha1OAuthToken>> ListAsync(string ns, CancellationToken ct) => Api.ListAsync<V1Alpha1OAuthToken>(Tokens, ns, null, ct);

    /// <summary>The OAuthToken of this name in <see cref="Namespace"/>.</summary>
    /// <exception cref="PluginException">There is none: names those that are called nearly so.</exception>
    public async Task<V1Alpha1OAuthToken> GetAsync(string name, CancellationToken ct) =>
        await Api.GetAsync<V1Alpha1OAuthToken>(Tokens, new(Namespace, name), ct) ?? throw await MissingAsync(name, ct);

    /// <summary>Changes fields of an OAuthToken by a merge patch.</summary>
    /// <exception cref="PluginException">There is none of this name.</exception>
    public async Task<V1Alpha1OAuthToken> PatchAsync(string name, JsonObject patch, CancellationToken ct)
    {
        try
        {
            return await Api.MergePatchAsync<V1Alpha1OAuthToken>(Tokens, new(Namespace, name), patch, ct);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            throw await MissingAsync(name, ct);
        }
    }

    /// <summary>Looks at an OAuthToken until <paramref name="until"/> is true of it.</summary>
    /// <returns>The object as it was seen last, and whether the condition came true in time.</returns>
    public async Task<(V1Alpha1OAuthToken Token, bool InTime)> WaitAsync(string name, Func<V1Alpha1OAuthToken, bool> until, TimeSpan timeout, CancellationToken ct)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var token = await GetAsync(name, ct);
            if (until(token))
                return (token, true);
            if (TimeProvider.System.GetElapsedTime(started) > timeout)
                return (token, false);
            await Task.Delay(Interval, ct);
        }
    }

    /// <summary>Throws when <see cref="Namespace"/> is certainly not there; who may not ask is not told.</summary>
    /// <exception cref="PluginException">It is not there.</exception>
    public async Task CheckNamespaceAsync(CancellationToken ct)
    {
        try
        {
            if (await Api.GetAsync<PartialObjectMetadata>(Namespaces, new("", Namespace), ct) is null)
                throw new PluginException($"There is no namespace {Namespace}. kubectl get namespaces shows those that there are.", ExitCodes.NotFound);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            // Most people may not.
        }
    }

    /// <summary>The API server's clock, to the second; null when it does not tell.</summary>
    public async Task<DateTimeOffset?> ServerTimeAsync(CancellationToken ct)
    {
        using var response = await Api.OpenAsync(new ApiRequest("list", HttpMethod.Get, Tokens, new(Namespace, "")) { Query = "limit=1" }, ct);
        return response.Headers.Date;
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private async Task<Exception> MissingAsync(string name, CancellationToken ct)
    {
        // Without the CRD this list is a 404 of its own.
        var names = (await ListAsync(Namespace, ct)).Select(token => token.Metadata.Name).ToList();
        if (names.Count == 0)
            await CheckNamespaceAsync(ct);
        return new PluginException(
            $"There is no OAuthToken {Namespace}/{name}."
            + (DidYouMean.Ask(name, names) is { Length: > 0 } question ? question
                : names.Count == 0 ? $" The namespace {Namespace} has none; kubectl oauthtoken status -A shows those of all namespaces."
                : $" kubectl oauthtoken status -n {Namespace} shows those that there are."),
            ExitCodes.NotFound);
    }
}
