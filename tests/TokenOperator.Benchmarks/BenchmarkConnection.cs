using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using TokenOperator.TestBed;

namespace TokenOperator.Benchmarks;

/// <summary>The address of the API server, and the credentials.</summary>
/// <param name="Server">Its address.</param>
/// <param name="AuthorityFile">The certificate authority (PEM).</param>
/// <param name="Token">The bearer token.</param>
internal sealed record ApiAddress(Uri Server, string AuthorityFile, string Token);

/// <summary>One HTTP/2 connection to the API server with plain requests and watches, for the load generator and the bare loop.</summary>
internal sealed class BenchmarkConnection : IDisposable
{
    private readonly HttpClient _http;

    public BenchmarkConnection(ApiAddress address)
    {
        _http = new HttpClient(TrustedHandler.Create(address.AuthorityFile))
        {
            BaseAddress = address.Server,
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", address.Token);
    }

    /// <summary>Sends a request that must succeed, and ignores the body of the answer.</summary>
    public async Task SendAsync(HttpMethod method, string path, byte[]? body, string contentType, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Version = HttpVersion.Version20 };
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        }

        using var response = await _http.SendAsync(request, ct);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"{method} {path} failed with {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(ct)}");
    }

    /// <summary>Opens a watch of all changes from now on.</summary>
    /// <param name="path">The collection.</param>
    /// <param name="accept">The Accept header.</param>
    /// <param name="ct">Gives up.</param>
    public async Task<WatchLines> WatchAsync(string path, string accept, CancellationToken ct)
    {
        Task<HttpResponseMessage> OpenAsync(string version) => OpenWatchAsync($"{path}?watch=true&timeoutSeconds=7200&resourceVersion={version}", accept, ct);
        // Not "0": a watch that ended before its first event would restart with the current objects, and skip the changes that led to them.
        var version = await VersionAsync(path, accept, ct);
        return new WatchLines(OpenAsync, await OpenAsync(version), version);
    }

    private async Task<string> VersionAsync(string path, string accept, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{path}?limit=1") { Version = HttpVersion.Version20 };
        request.Headers.TryAddWithoutValidation("Accept", accept.Replace("PartialObjectMetadata;", "PartialObjectMetadataList;", StringComparison.Ordinal));
        using var response = await _http.SendAsync(request, ct);
        using var list = JsonDocument.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync(ct));
        return list.RootElement.GetProperty("metadata").GetProperty("resourceVersion").GetString()!;
    }

    private async Task<HttpResponseMessage> OpenWatchAsync(string address, string accept, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address) { Version = HttpVersion.Version20 };
        request.Headers.TryAddWithoutValidation("Accept", accept);
        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        return response.EnsureSuccessStatusCode();
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();
}

/// <summary>An open watch. The API server ends a slow watch, so it is reopened where it ended.</summary>
internal sealed class WatchLines(Func<string, Task<HttpResponseMessage>> open, HttpResponseMessage first, string version) : IDisposable
{
    private HttpResponseMessage _response = first;
    private string _version = version;

    /// <summary>The events as they arrive. Each is valid until the next one is requested.</summary>
    /// <param name="type">Returns only events of this type, such as ADDED. Others are not parsed.</param>
    /// <param name="ct">Ends it.</param>
    public async IAsyncEnumerable<JsonElement> ReadAsync(string type, [EnumeratorCancellation] CancellationToken ct)
    {
        // The API server writes the type first.
        var start = Encoding.UTF8.GetBytes($"{{\"type\":\"{type}\"");
        while (true)
        {
            var pipe = PipeReader.Create(await _response.Content.ReadAsStreamAsync(ct));
            ReadResult read;
            do
            {
                read = await pipe.ReadAsync(ct);
                var buffer = read.Buffer;
                while (buffer.PositionOf((byte)'\n') is { } end)
                {
                    var line = buffer.Slice(0, end);
                    buffer = buffer.Slice(buffer.GetPosition(1, end));
                    if (!StartsWith(line, start))
                        continue;
                    using var document = JsonDocument.Parse(line);
                    _version = document.RootElement.GetProperty("object").GetProperty("metadata").GetProperty("resourceVersion").GetString()!;
                    yield return document.RootElement;
                }

                pipe.AdvanceTo(buffer.Start, buffer.End);
            }
            while (!read.IsCompleted);
            _response.Dispose();
            _response = await open(_version);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _response.Dispose();

    private static bool StartsWith(ReadOnlySequence<byte> line, byte[] start)
    {
        if (line.Length < start.Length)
            return false;
        Span<byte> head = stackalloc byte[start.Length];
        line.Slice(0, start.Length).CopyTo(head);
        return head.SequenceEqual(start);
    }
}
