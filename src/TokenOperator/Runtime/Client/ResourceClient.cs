using k8s;
using k8s.Models;

namespace TokenOperator.Runtime.Client;

/// <summary>All calls to the API server.</summary>
public sealed class ResourceClient
{
    /// <summary>Reads one object; null when there is none.</summary>
    public Task<T?> GetAsync<T>(ResourceKind kind, NamespacedName name, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotImplementedException();

    /// <summary>Reads all objects of a kind, page by page.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="ns">The namespace; empty means all.</param>
    /// <param name="labelSelector">Only objects with these labels.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<IReadOnlyList<T>> ListAsync<T>(ResourceKind kind, string ns, string? labelSelector, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotImplementedException();

    /// <summary>Creates an object; a 409 says that it is there already.</summary>
    public Task<T> CreateAsync<T>(ResourceKind kind, T body, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotImplementedException();

    /// <summary>Replaces an object; a 409 says that it changed since it was read.</summary>
    public Task<T> ReplaceAsync<T>(ResourceKind kind, T body, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotImplementedException();

    /// <summary>Deletes an object; false when there is none. With <paramref name="uid"/> just that one, else a 409.</summary>
    public Task<bool> DeleteAsync(ResourceKind kind, NamespacedName name, string? uid, CancellationToken cancellationToken) =>
        throw new NotImplementedException();

    /// <summary>Server-side apply; a 409 names the fields that others own, unless <paramref name="force"/> takes them.</summary>
    public Task<T> ApplyAsync<T>(
        ResourceKind kind, NamespacedName name, object body, bool force, string? subresource, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotImplementedException();

    /// <summary>JSON patch (RFC 6902); a failed test is a 422.</summary>
    public Task<T> JsonPatchAsync<T>(
        ResourceKind kind, NamespacedName name, IReadOnlyList<JsonPatchOperation> operations, string? subresource,
        CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotImplementedException();
}
