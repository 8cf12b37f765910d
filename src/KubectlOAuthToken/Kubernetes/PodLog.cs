using System.Runtime.CompilerServices;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;

namespace KubectlOAuthToken.Kubernetes;

/// <summary>Reads the logs of pods.</summary>
internal static class PodLog
{
    private static readonly ResourceKind Pods = ResourceKind.Of<V1Pod>();

    /// <summary>Reads the log of a container line by line. Each line starts with its time (RFC 3339).</summary>
    /// <param name="api">The client.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="container">The container.</param>
    /// <param name="follow">True to continue until the log ends.</param>
    /// <param name="since">Return lines from this second on (RFC 3339), or null for all lines.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ApiUnavailableException">The connection broke.</exception>
    public static async IAsyncEnumerable<string> ReadAsync(
        ResourceClient api, NamespacedName pod, string container, bool follow, string? since, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var query = $"container={container}&timestamps=true&follow={(follow ? "true" : "false")}{(since is null ? "" : $"&sinceTime={Uri.EscapeDataString(since)}")}";
        using var response = await api.OpenAsync(new ApiRequest("get", HttpMethod.Get, Pods, pod) { Subresource = "log", Query = query, Accept = "*/*" }, cancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await ReadLineAsync(reader, cancellationToken) is { } line)
            yield return line;
    }

    private static async ValueTask<string?> ReadLineAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadLineAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new ApiUnavailableException($"the connection broke: {e.InnerException?.Message ?? e.Message}", e);
        }
    }
}
