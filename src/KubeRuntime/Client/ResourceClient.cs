// Talks to the API server; the only namespace that knows HTTP. A thin layer over the connection that KubernetesClientFactory prepares,
// for exact control of timeouts, retries and what the server sends.
using System.Buffers;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using k8s;
using k8s.Models;

namespace KubeRuntime.Client;

/// <summary>
/// Calls to the API server. Each throws <see cref="ApiException"/> when the server rejects the request and
/// <see cref="ApiUnavailableException"/> when it does not respond in time (<see cref="ApiServerConfiguration.RequestTimeout"/> for each attempt). For <see cref="PartialObjectMetadata"/>, the
/// server sends metadata only.
/// </summary>
public sealed class ResourceClient
{
    private const int FirstPageSize = 250;
    private const int MinPageSize = 5;
    private const int MaxPageSize = 500;
    private const long PageBytes = 4 * 1024 * 1024;

    /// <summary>The most that <see cref="ListCachedAsync"/> reads: about 10,000 objects of an ordinary size.</summary>
    internal const long MaxCachedBytes = 32 * 1024 * 1024;

    private readonly ApiTransport _transport;
    private readonly string _fieldManager;

    /// <summary>Creates a client outside the host of an operator. Its requests are not counted in the metrics.</summary>
    /// <param name="connection">The connection to the API server.</param>
    /// <param name="json">The source-generated JSON of each type that the client reads or writes.</param>
    /// <param name="fieldManager">The field manager of all writes.</param>
    /// <param name="time">The clock for timeouts.</param>
    public ResourceClient(ApiConnection connection, IEnumerable<IJsonTypeInfoResolver> json, string fieldManager, TimeProvider time)
        : this(new ApiTransport(connection, new ApiJson(json), metrics: null, time), fieldManager)
    {
    }

    internal ResourceClient(ApiTransport transport, string fieldManager)
    {
        _transport = transport;
        _fieldManager = Uri.EscapeDataString(fieldManager);
    }

    /// <summary>Reads one object; null when it does not exist.</summary>
    public async Task<T?> GetAsync<T>(ResourceKind kind, NamespacedName name, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var request = new ApiRequest("get", HttpMethod.Get, kind, name) { Accept = ApiRequest.AcceptFor<T>() };
        try
        {
            return await _transport.SendAsync<T>(request, cancellationToken);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>Reads the current state of all objects of a kind, page by page.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="ns">The namespace; empty means all.</param>
    /// <param name="labelSelector">Reads only objects with these labels.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    public async Task<IReadOnlyList<T>> ListAsync<T>(
        ResourceKind kind, string ns, string? labelSelector, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var all = new List<T>();
        await ListAsync<T>(new(kind, ns, labelSelector), all.Add, skip: null, cancellationToken);
        return all;
    }

    /// <summary>Creates an object; a 409 means that it exists already.</summary>
    public Task<T> CreateAsync<T>(ResourceKind kind, T body, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => CreateAsync(kind, body, dryRun: false, cancellationToken);

    /// <summary>Creates an object, or with <paramref name="dryRun"/> only asks the server whether it would accept the object.</summary>
    public Task<T> CreateAsync<T>(ResourceKind kind, T body, bool dryRun, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        _transport.SendAsync<T>(
            new("create", HttpMethod.Post, kind, new(body.Key().Namespace, ""))
            {
                Query = $"fieldManager={_fieldManager}{DryRun(dryRun)}",
                Body = _transport.Json.Serialize(body),
                Accept = ApiRequest.AcceptFor<T>(),
            },
            cancellationToken);

    /// <summary>Replaces an object; a 409 means that it has changed since it was read.</summary>
    public Task<T> ReplaceAsync<T>(ResourceKind kind, T body, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        _transport.SendAsync<T>(
            new("update", HttpMethod.Put, kind, body.Key())
            {
                Query = $"fieldManager={_fieldManager}",
                Body = _transport.Json.Serialize(body),
                Accept = ApiRequest.AcceptFor<T>(),
            },
            cancellationToken);

    /// <summary>Deletes an object; false when it does not exist. With a <paramref name="uid"/>, a 409 means that another object has its name by now.</summary>
    public async Task<bool> DeleteAsync(ResourceKind kind, NamespacedName name, string? uid, CancellationToken cancellationToken)
    {
        var options = new V1DeleteOptions { Preconditions = uid is null ? null : new V1Preconditions { Uid = uid } };
        try
        {
            await _transport.SendAsync<PartialObjectMetadata>(
                new("delete", HttpMethod.Delete, kind, name) { Body = _transport.Json.Serialize(options) }, cancellationToken);
            return true;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    /// <summary>
    /// Applies an object on the server: <paramref name="body"/> contains only the fields that this field manager owns, with apiVersion,
    /// kind and name. A 409 names fields that other managers own; <paramref name="force"/> takes these over.
    /// </summary>
    public Task<T> ApplyAsync<T>(
        ResourceKind kind, NamespacedName name, object body, bool force, string? subresource, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        _transport.SendAsync<T>(
            new("apply", HttpMethod.Patch, kind, name)
            {
                Subresource = subresource,
                Query = $"fieldManager={_fieldManager}{(force ? "&force=true" : "")}",
                Body = _transport.Json.Serialize(body),
                ContentType = "application/apply-patch+yaml",
                Accept = ApiRequest.AcceptFor<T>(),
            },
            cancellationToken);

    /// <summary>Applies a JSON patch (RFC 6902). A failed test is a 422, or a 409 if it tested the resourceVersion.</summary>
    public Task<T> JsonPatchAsync<T>(
        ResourceKind kind, NamespacedName name, IReadOnlyList<JsonPatchOperation> operations, string? subresource,
        CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        _transport.SendAsync<T>(
            new("patch", HttpMethod.Patch, kind, name)
            {
                Subresource = subresource,
                Query = $"fieldManager={_fieldManager}",
                Body = _transport.Json.Serialize(operations.ToArray()),
                ContentType = "application/json-patch+json",
                Accept = ApiRequest.AcceptFor<T>(),
            },
            cancellationToken);

    /// <summary>Sends a request that no other method covers, and returns once the headers have arrived. The caller disposes of the response.</summary>
    public Task<HttpResponseMessage> OpenAsync(ApiRequest request, CancellationToken cancellationToken) => _transport.OpenAsync(request, cancellationToken);

    /// <summary>Applies a JSON merge patch (RFC 7386): the fields of <paramref name="patch"/> replace those of the object.</summary>
    public Task<T> MergePatchAsync<T>(ResourceKind kind, NamespacedName name, object patch, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => MergePatchAsync<T>(kind, name, patch, dryRun: false, cancellationToken);

    /// <summary>Applies a JSON merge patch, or with <paramref name="dryRun"/> only asks the server whether it would accept the result.</summary>
    public Task<T> MergePatchAsync<T>(ResourceKind kind, NamespacedName name, object patch, bool dryRun, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        _transport.SendAsync<T>(
            new("patch", HttpMethod.Patch, kind, name)
            {
                Query = $"fieldManager={_fieldManager}{DryRun(dryRun)}",
                Body = _transport.Json.Serialize(patch),
                ContentType = "application/merge-patch+json",
                Accept = ApiRequest.AcceptFor<T>(),
            },
            cancellationToken);

    /// <summary>
    /// Reads the current state page by page, passes each object to <paramref name="item"/>, and returns the version of the collection. Memory
    /// holds one object at a time. The key of an object that does not fit its class goes to <paramref name="skip"/>; without that, such an
    /// object fails the call.
    /// </summary>
    // A version would make the server answer from its cache, and ignore the limit: see ListCachedAsync.
    public async Task<string> ListAsync<T>(ResourceScope scope, Action<T> item, Action<NamespacedName>? skip, CancellationToken cancellationToken)
    {
        var (limit, next) = (FirstPageSize, "");
        while (true)
        {
            var page = (await ReadPageAsync(Collection<T>("list", scope, $"limit={limit}{scope.Selector}{next}", list: true), item, skip, long.MaxValue, cancellationToken))!.Value;
            if (string.IsNullOrEmpty(page.Metadata.ContinueProperty))
                return page.Metadata.ResourceVersion ?? "";
            next = $"&continue={Uri.EscapeDataString(page.Metadata.ContinueProperty)}";
            limit = PageSizeAfter(page);
        }
    }

    /// <summary>
    /// As <see cref="ListAsync{T}(ResourceScope, Action{T}, Action{NamespacedName}?, CancellationToken)"/>, but reads what the server's cache
    /// holds: a state that is not older than <paramref name="resourceVersion"/>, or any state for "0". The server does not read its database
    /// for that, and ignores limits, so it sends everything in one page.
    /// </summary>
    /// <returns>The version of the collection. Null if the page is longer than 32 MiB: then not all objects were passed to <paramref name="item"/>.</returns>
    public async Task<string?> ListCachedAsync<T>(
        ResourceScope scope, string resourceVersion, Action<T> item, Action<NamespacedName>? skip, CancellationToken cancellationToken)
    {
        var request = Collection<T>("list", scope, $"resourceVersion={resourceVersion}{scope.Selector}", list: true);
        return await ReadPageAsync(request, item, skip, MaxCachedBytes, cancellationToken) is { Metadata: { ContinueProperty: null or "" } metadata }
            ? metadata.ResourceVersion ?? ""
            : null;
    }

    /// <summary>Streams the changes after <paramref name="resourceVersion"/>; ends when the server ends the watch.</summary>
    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        ResourceScope scope, string resourceVersion, TimeSpan timeout, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var query = $"watch=true&allowWatchBookmarks=true&timeoutSeconds={timeout.TotalSeconds:0}{scope.Selector}"
            + $"&resourceVersion={resourceVersion}";
        using var response = await _transport.OpenAsync(Collection<T>("watch", scope, query, list: false), cancellationToken);
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var change in WatchStream.ReadAsync<T>(body, _transport.Json, cancellationToken))
            yield return change;
    }

    /// <summary>Pages of about the same size in bytes: the server ends a page by the number of objects only, and must send it within the timeout.</summary>
    internal static int PageSizeAfter(ListPage page) =>
        page.Bytes == 0 ? FirstPageSize : (int)Math.Clamp(PageBytes * page.Count / page.Bytes, MinPageSize, MaxPageSize);

    private Task<ListPage?> ReadPageAsync<T>(
        ApiRequest request, Action<T> item, Action<NamespacedName>? skip, long maxBytes, CancellationToken cancellationToken) =>
        _transport.SendAsync(
            request,
            (body, token) => ListStream.ReadAsync(
                body, _transport.Json,
                json =>
                {
                    if (Read<T>(json, skip is not null) is { } fits)
                        item(fits);
                    else
                        skip?.Invoke(Read<PartialObjectMetadata>(json, true)?.Key() ?? new("", "an object without a name"));
                },
                maxBytes,
                token),
            cancellationToken);

    /// <summary>Reads one object; null if it does not fit its class and <paramref name="mayFail"/>.</summary>
    private T? Read<T>(ReadOnlySequence<byte> json, bool mayFail)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            return JsonSerializer.Deserialize(ref reader, _transport.Json.Info<T>());
        }
        catch (Exception e) when (mayFail && WatchStream.IsUnreadable(e))
        {
            return default;
        }
    }

    private static string DryRun(bool dryRun) => dryRun ? "&dryRun=All" : "";

    private static ApiRequest Collection<T>(string verb, ResourceScope scope, string query, bool list) =>
        new(verb, HttpMethod.Get, scope.Kind, new(scope.Namespace, "")) { Query = query, Accept = ApiRequest.AcceptFor<T>(list) };
}
