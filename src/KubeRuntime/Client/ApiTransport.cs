using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using k8s.Models;
using KubeRuntime.Observability;

namespace KubeRuntime.Client;

/// <summary>
/// Sends a request until the server responds: waits and retries when the server asks for that by Retry-After (429 and 5xx, up to 10
/// times, as client-go rest/request.go does), limits the time of each attempt, and turns a rejection into an exception.
/// </summary>
internal sealed class ApiTransport(ApiConnection connection, ApiJson json, RuntimeMetrics? metrics, TimeProvider time, Version? version = null)
{
    private const int MaxRetries = 10;
    private const int MaxErrorBody = 16 * 1024;
    private static readonly TimeSpan MaxTimeout = TimeSpan.FromDays(49);
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromSeconds(60);
    // The longest that a timer measures is 49 days.
    private readonly TimeSpan _timeout = connection.RequestTimeout == TimeSpan.Zero || connection.RequestTimeout > MaxTimeout ? Timeout.InfiniteTimeSpan : connection.RequestTimeout;

    /// <summary>Reads and writes bodies.</summary>
    public ApiJson Json => json;

    /// <summary>Sends a request and reads the whole response within the timeout.</summary>
    public Task<T> SendAsync<T>(ApiRequest request, CancellationToken cancellationToken) =>
        SendAsync(request, async (body, token) => await JsonSerializer.DeserializeAsync(body, json.Info<T>(), token)
            ?? throw new ApiException(HttpStatusCode.OK, "", $"{request}: the API server returned null"), cancellationToken);

    /// <summary>As <see cref="SendAsync{T}(ApiRequest, CancellationToken)"/>, with a function that reads the body.</summary>
    public async Task<T> SendAsync<T>(ApiRequest request, Func<Stream, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            TimeSpan wait;
            using (var limit = new CancellationTokenSource(_timeout, time))
            using (var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token))
            {
                try
                {
                    using var response = await SendOnceAsync(request, both.Token);
                    if (response.IsSuccessStatusCode)
                        return await ReadAsync(request, response, read, both.Token);
                    var error = await ReadErrorAsync(request, response, both.Token);
                    if (!IsRetryable(error, attempt))
                        throw error;
                    wait = error.RetryAfter!.Value;
                }
                catch (Exception e) when (IsFault(e, cancellationToken))
                {
                    throw Unavailable(request, e, limit.IsCancellationRequested);
                }
            }

            await Task.Delay(wait < MaxRetryAfter ? wait : MaxRetryAfter, time, cancellationToken);
        }
    }

    /// <summary>Sends a request and reads only the headers of the response, for a body without an end. The caller disposes of the response.</summary>
    public async Task<HttpResponseMessage> OpenAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            var response = await SendOnceAsync(request, both.Token);
            if (response.IsSuccessStatusCode)
                return response;
            using (response)
                throw await ReadErrorAsync(request, response, both.Token);
        }
        catch (Exception e) when (IsFault(e, cancellationToken))
        {
            throw Unavailable(request, e, limit.IsCancellationRequested);
        }
    }

    private static bool IsRetryable(ApiException error, int attempt) =>
        attempt < MaxRetries && error.RetryAfter is not null
        && (error.StatusCode == HttpStatusCode.TooManyRequests || (int)error.StatusCode >= 500);

    private static bool IsFault(Exception e, CancellationToken cancellationToken) =>
        e is HttpRequestException or IOException or SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private ApiUnavailableException Unavailable(ApiRequest request, Exception e, bool isTimeout) => isTimeout
        ? new($"{request}: the API server {connection.Route} did not answer within {_timeout.TotalSeconds:0} s", e)
        : new($"{request}: the API server {connection.Route} cannot be reached: {e.InnerException?.Message ?? e.Message}", e);

    private async Task<HttpResponseMessage> SendOnceAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(request.Method, new Uri(connection.Address, request.RelativeUri()))
        {
            Version = connection.RequiresHttp11 ? HttpVersion.Version11 : version ?? HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        message.Headers.TryAddWithoutValidation("Accept", request.Accept);
        if (request.Body is { } body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(request.ContentType);
        }

        if (connection.Credentials is not null)
            await connection.Credentials.ProcessHttpRequestAsync(message, cancellationToken);
        try
        {
            var response = await connection.Http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            metrics?.CountRequest(((int)response.StatusCode).ToString(CultureInfo.InvariantCulture), request.Method.Method, connection.Address.Authority);
            return response;
        }
        // SocketsHttpHandler throws a bare SocketException when a new connection breaks immediately after it was opened (.NET 10).
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            metrics?.CountRequest("<error>", request.Method.Method, connection.Address.Authority);
            throw;
        }
    }

    private static async Task<T> ReadAsync<T>(
        ApiRequest request, HttpResponseMessage response, Func<Stream, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        try
        {
            return await read(body, cancellationToken);
        }
        catch (Exception e) when (WatchStream.IsUnreadable(e))
        {
            // The exception's own text can quote the response, so the message contains only the position.
            throw new ApiException(response.StatusCode, "", $"{request}: the response cannot be read as {typeof(T).Name}{(e is JsonException { Path: { } path } ? $" at {path}" : "")}");
        }
    }

    private async Task<ApiException> ReadErrorAsync(
        ApiRequest request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await ReadStartAsync(response, cancellationToken);
        V1Status? status = null;
        try
        {
            status = JsonSerializer.Deserialize(text, json.Info<V1Status>());
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            // The response comes from something in front of the API server: its text becomes the message.
        }

        var retryAfter = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } when response.Headers.Date is { } now => date > now ? date - now : TimeSpan.Zero,
            _ => (TimeSpan?)null,
        };
        var start = Encoding.UTF8.GetString(text.AsSpan(0, Math.Min(text.Length, 200))).Trim();
        return ApiException.From(request.ToString(), response.StatusCode, status, start, retryAfter);
    }

    private static async Task<byte[]> ReadStartAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MaxErrorBody];
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return buffer[..length];
    }
}
