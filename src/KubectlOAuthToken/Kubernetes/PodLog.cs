using System.Globalization;
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
    /// <param name="options">Which lines.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ApiUnavailableException">The connection broke.</exception>
    public static async IAsyncEnumerable<string> ReadAsync(
        ResourceClient api, NamespacedName pod, string container, PodLogOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var query = $"container={container}&timestamps=true&{options.Query}";
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

/// <summary>The lines of a log that are read.</summary>
internal sealed record PodLogOptions
{
    /// <summary>True to continue until the log ends.</summary>
    public bool Follow { get; init; }

    /// <summary>True for the container before its last restart.</summary>
    public bool Previous { get; init; }

    /// <summary>Lines from this second on (RFC 3339), or null for all lines.</summary>
    public string? Since { get; init; }

    /// <summary>At most so many lines from the end, or null for all lines.</summary>
    public int? TailLines { get; init; }

    /// <summary>As the API server wants them.</summary>
    internal string Query =>
        $"follow={(Follow ? "true" : "false")}&previous={(Previous ? "true" : "false")}"
        + (Since is null ? "" : $"&sinceTime={Uri.EscapeDataString(Since)}")
        + (TailLines is null ? "" : string.Create(CultureInfo.InvariantCulture, $"&tailLines={TailLines}"));
}
