using System.Net;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// One request and its reply. The caller's wish to cancel holds until the first byte of the body is written; from there
/// on only the time limit ends it, since the answer can be a rotated refresh token.
/// </summary>
internal sealed class TokenEndpointCall : IDisposable
{
    private readonly CancellationTokenSource _end;
    private readonly CancellationTokenRegistration _wish;
    private readonly CancellationToken _caller;
    private volatile bool _sent;

    public TokenEndpointCall(TimeSpan timeout, TimeProvider time, CancellationToken caller)
    {
        _end = new CancellationTokenSource(timeout, time);
        _caller = caller;
        _wish = caller.UnsafeRegister(static end => ((CancellationTokenSource)end!).Cancel(), _end);
    }

    /// <summary>Ends the request.</summary>
    public CancellationToken End => _end.Token;

    /// <summary>True when the caller gave up while nothing was sent.</summary>
    public bool WasGivenUp => !_sent && _caller.IsCancellationRequested;

    /// <summary>The reply, once it has been read.</summary>
    public TokenReply? Reply { get; set; }

    /// <summary>Makes <paramref name="content"/> say when it is being sent.</summary>
    public HttpContent Watch(HttpContent content) => new WatchedContent(content, this);

    /// <inheritdoc/>
    public void Dispose()
    {
        _wish.Dispose();
        _end.Dispose();
    }

    private void BeginSending()
    {
        // Dispose waits for a callback that runs just now, so the two cannot cross.
        _wish.Dispose();
        _end.Token.ThrowIfCancellationRequested();
        _sent = true;
    }

    private sealed class WatchedContent : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly TokenEndpointCall _exchange;

        public WatchedContent(HttpContent inner, TokenEndpointCall exchange)
        {
            _inner = inner;
            _exchange = exchange;
            foreach (var header in inner.Headers)
                Headers.TryAddWithoutValidation(header.Key, header.Value);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            _exchange.BeginSending();
            return _inner.CopyToAsync(stream, context, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _inner.Headers.ContentLength ?? -1;
            return length >= 0;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
