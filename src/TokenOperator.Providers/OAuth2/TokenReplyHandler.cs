using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// Reads the whole reply into the current <see cref="TokenEndpointCall"/>, within its limits, and gives the library above an
/// empty object of status 200. So the library neither retries, follows a redirect, logs a body, fails over an empty one
/// nor drops error_subtype and refresh_token_expires_in, all of which Google.Apis.Auth 1.78 does with a reply it sees.
/// </summary>
internal sealed class TokenReplyHandler(HttpMessageHandler inner, TimeProvider time) : DelegatingHandler(inner)
{
    // The library makes the request itself, so the exchange travels with the asynchronous flow instead of in it.
    private readonly AsyncLocal<TokenEndpointCall?> _current = new();

    /// <summary>What the requests of this asynchronous flow belong to.</summary>
    public TokenEndpointCall? Current
    {
        get => _current.Value;
        set => _current.Value = value;
    }

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var exchange = Current ?? throw new InvalidOperationException("There is no exchange that this request belongs to.");
        request.Version = HttpVersion.Version20;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionOrLower;
        request.Content = exchange.Watch(request.Content!);
        using var response = await SendToServerAsync(request, cancellationToken);
        var body = await ReadBodyAsync(response.Content, cancellationToken);
        exchange.Reply = TokenReply.Read((int)response.StatusCode, RetryAfter(response.Headers), body);
        return new HttpResponseMessage(HttpStatusCode.OK) { RequestMessage = request, Content = new ByteArrayContent("{}"u8.ToArray()) };
    }

    private async Task<HttpResponseMessage> SendToServerAsync(HttpRequestMessage request, CancellationToken ct)
    {
        try
        {
            return await base.SendAsync(request, ct);
        }
        catch (SocketException e)
        {
            // SocketsHttpHandler lets it out as it is when a new connection breaks in the moment after it was made (.NET 10).
            throw new HttpRequestException(e.Message, e);
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadBodyAsync(HttpContent content, CancellationToken ct)
    {
        var body = new ArrayBufferWriter<byte>(2048);
        await using var stream = await content.ReadAsStreamAsync(ct);
        while (body.WrittenCount <= TokenReply.MaxBytes)
        {
            var count = await stream.ReadAsync(body.GetMemory(1024), ct);
            if (count == 0)
                break;
            body.Advance(count);
        }

        return body.WrittenMemory;
    }

    private TimeSpan? RetryAfter(HttpResponseHeaders headers)
    {
        var wait = headers.RetryAfter?.Delta ?? headers.RetryAfter?.Date - time.GetUtcNow();
        return wait > TimeSpan.Zero ? wait : null;
    }
}
