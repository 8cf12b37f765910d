// The cluster of the user's kubeconfig, with the user's own rights. Only this folder connects to the API server.
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using k8s.Exceptions;
using k8s.Models;
using KubectlOAuthToken.Output;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Kubernetes;

/// <summary>The cluster that a context of the kubeconfig names.</summary>
internal sealed class Cluster : IDisposable
{
    private const string FieldManager = "kubectl-oauthtoken";
    private const string EarlierVersion = "v1alpha1";
    private static readonly ResourceKind Namespaces = ResourceKind.Of<V1Namespace>();
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);
    private readonly ApiConnection _connection;
    private readonly TimeProvider _time;
    private IReadOnlyCollection<string>? _served;

    private Cluster(ApiConnection connection, string ns, TimeProvider time)
    {
        _connection = connection;
        _time = time;
        Api = new ResourceClient(_connection, [OAuthTokenJson.Default, PluginJson.Default], FieldManager, time);
        Namespace = ns;
    }

    /// <summary>The client for all calls.</summary>
    public ResourceClient Api { get; }

    /// <summary>The namespace of the command line, or of the context.</summary>
    public string Namespace { get; }

    /// <summary>The API server's address.</summary>
    public Uri Server => _connection.Address;

    /// <summary>Reads the kubeconfig and prepares the connection. Sends nothing to the API server.</summary>
    /// <param name="kubeconfig">The path of the kubeconfig, or null for the default.</param>
    /// <param name="overrides">What the command line says in place of the kubeconfig.</param>
    /// <param name="ns">The namespace, or null for that of the context.</param>
    /// <param name="time">Measures timeouts.</param>
    /// <exception cref="KubeConfigException">The kubeconfig or the context does not exist, or cannot be used.</exception>
    public static Cluster Connect(string? kubeconfig, KubeconfigOverrides overrides, string? ns, TimeProvider time)
    {
        NamespaceName.Check(ns);
        var (connection, contextNamespace) = Kubeconfig.Connect(kubeconfig, overrides, time);
        return new Cluster(connection, ns ?? contextNamespace, time);
    }

    /// <summary>
    /// A kind of the operator's API, in the version that this cluster serves. The CRDs of an earlier release serve v1alpha1 alone, which has
    /// the same fields.
    /// </summary>
    public async Task<ResourceKind> KindAsync<T>(CancellationToken cancellationToken)
    {
        var kind = ResourceKind.Of<T>();
        _served ??= await ServedVersionsAsync(kind.Group, cancellationToken);
        return !_served.Contains(kind.Version) && _served.Contains(EarlierVersion) ? kind with { Version = EarlierVersion } : kind;
    }

    /// <summary>All OAuthTokens of a namespace; an empty name means all namespaces.</summary>
    public Task<IReadOnlyList<V1Beta1OAuthToken>> ListAsync(string ns, CancellationToken cancellationToken) => ListAsync(ns, selector: null, cancellationToken);

    /// <summary>The OAuthTokens of a namespace with the labels of <paramref name="selector"/>; an empty name means all namespaces.</summary>
    public Task<IReadOnlyList<V1Beta1OAuthToken>> ListAsync(string ns, string? selector, CancellationToken cancellationToken) =>
        RequireCrdAsync(async () => await Api.ListAsync<V1Beta1OAuthToken>(await KindAsync<V1Beta1OAuthToken>(cancellationToken), ns, selector, cancellationToken));

    /// <summary>The OAuthToken of this name in <see cref="Namespace"/>.</summary>
    /// <exception cref="PluginException">It does not exist. The message suggests similar names.</exception>
    public async Task<V1Beta1OAuthToken> GetAsync(string name, CancellationToken cancellationToken) =>
        await Api.GetAsync<V1Beta1OAuthToken>(await KindAsync<V1Beta1OAuthToken>(cancellationToken), new(Namespace, name), cancellationToken) ?? throw await MissingAsync(name, cancellationToken);

    /// <summary>Changes fields of an OAuthToken with a merge patch.</summary>
    /// <exception cref="PluginException">It does not exist.</exception>
    public Task<V1Beta1OAuthToken> PatchAsync(string name, JsonObject patch, CancellationToken cancellationToken) => PatchAsync(name, patch, dryRun: false, cancellationToken);

    /// <summary>Changes fields of an OAuthToken, or with <paramref name="dryRun"/> only asks the server whether it would accept the change.</summary>
    /// <exception cref="PluginException">It does not exist.</exception>
    public async Task<V1Beta1OAuthToken> PatchAsync(string name, JsonObject patch, bool dryRun, CancellationToken cancellationToken)
    {
        try
        {
            return await Api.MergePatchAsync<V1Beta1OAuthToken>(await KindAsync<V1Beta1OAuthToken>(cancellationToken), new(Namespace, name), patch, dryRun, cancellationToken);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            throw await MissingAsync(name, cancellationToken);
        }
    }

    /// <summary>Polls an OAuthToken until <paramref name="until"/> is true of it.</summary>
    /// <returns>The last version of the object, and whether the condition came true within <paramref name="timeout"/>.</returns>
    public async Task<(V1Beta1OAuthToken Token, bool InTime)> WaitAsync(string name, Func<V1Beta1OAuthToken, bool> until, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        while (true)
        {
            var token = await GetAsync(name, cancellationToken);
            if (until(token))
                return (token, true);
            if (_time.GetElapsedTime(started) > timeout)
                return (token, false);
            await Task.Delay(PollInterval, _time, cancellationToken);
        }
    }

    /// <summary>Checks that <see cref="Namespace"/> exists. Passes if the user cannot read namespaces.</summary>
    /// <exception cref="PluginException">The namespace does not exist.</exception>
    public async Task CheckNamespaceAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await Api.GetAsync<PartialObjectMetadata>(Namespaces, new("", Namespace), cancellationToken) is null)
                throw new PluginException($"The namespace {Namespace} does not exist. To list the namespaces, run: kubectl get namespaces", ExitCodes.NotFound);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            // Most users do not have this right.
        }
    }

    /// <summary>The API server's clock, in whole seconds; null if the server does not report it.</summary>
    public async Task<DateTimeOffset?> ServerTimeAsync(CancellationToken cancellationToken)
    {
        var kind = await KindAsync<V1Beta1OAuthToken>(cancellationToken);
        using var response = await RequireCrdAsync(() => Api.OpenAsync(new ApiRequest("list", HttpMethod.Get, kind, new(Namespace, "")) { Query = "limit=1" }, cancellationToken));
        return response.Headers.Date;
    }

    /// <summary>Runs <paramref name="list"/>, a call that lists OAuthTokens. The API server answers such a call with 404 only if it does not have the CRD.</summary>
    /// <exception cref="PluginException">The CRD is not installed.</exception>
    public static async Task<T> RequireCrdAsync<T>(Func<Task<T>> list)
    {
        try
        {
            return await list();
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            throw new PluginException(
                "This cluster does not have the resource OAuthToken. Install the operator (docs/install.md), or check that this is the right cluster: kubectl config current-context",
                ExitCodes.NotFound);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    /// <summary>The versions of an API group that the cluster serves; empty if it has no such group or does not say.</summary>
    private async Task<IReadOnlyCollection<string>> ServedVersionsAsync(string group, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await Api.OpenAsync(new ApiRequest("get", HttpMethod.Get, ResourceKind.Of<V1Beta1OAuthToken>(), new("", "")) { Path = $"apis/{group}" }, cancellationToken);
            var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
            return [.. (body?["versions"] as JsonArray ?? []).Select(version => (string?)version?["version"] ?? "")];
        }
        catch (Exception e) when (e is ApiException or JsonException or InvalidOperationException)
        {
            // The call that follows says what is wrong. A proxy can answer with a page of its own, or with any JSON.
            return [];
        }
    }

    private async Task<PluginException> MissingAsync(string name, CancellationToken cancellationToken)
    {
        var names = (await ListAsync(Namespace, cancellationToken)).Select(token => token.Metadata.Name).ToList();
        if (names.Count == 0)
            await CheckNamespaceAsync(cancellationToken);
        return new PluginException(
            $"The OAuthToken {Namespace}/{name} does not exist."
            + (DidYouMean.Suggest(name, names) is { Length: > 0 } suggestion ? suggestion
                : names.Count == 0 ? $" The namespace {Namespace} has no OAuthTokens. To list those of all namespaces, run: kubectl oauthtoken status -A"
                : $" To list those of the namespace, run: kubectl oauthtoken status -n {Namespace}"),
            ExitCodes.NotFound);
    }
}

/// <summary>Source-generated JSON of the types, other than OAuthTokens, that the verbs read or write.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(V1ConfigMap))]
[JsonSerializable(typeof(V1CustomResourceDefinition))]
[JsonSerializable(typeof(V1Secret))]
[JsonSerializable(typeof(V1Deployment))]
[JsonSerializable(typeof(V1Pod))]
[JsonSerializable(typeof(V1SelfSubjectAccessReview))]
[JsonSerializable(typeof(V1SubjectAccessReview))]
[JsonSerializable(typeof(V1Beta1ClusterOAuthProvider))]
internal sealed partial class PluginJson : JsonSerializerContext;
