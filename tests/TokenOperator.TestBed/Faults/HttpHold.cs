namespace TokenOperator.TestBed.Faults;

/// <summary>The place where a <see cref="HttpHold"/> holds a request.</summary>
public enum HoldAt
{
    /// <summary>The server has not received the request.</summary>
    Request,

    /// <summary>The server has answered, and the client has not received the answer.</summary>
    Answer,
}

/// <summary>Requests that a <see cref="HttpFaultProxy"/> holds. A request whose client disconnects is dropped.</summary>
public sealed class HttpHold
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<HttpExchange> _reached = [];
    private int _waiting;

    internal HttpHold(HoldAt at, Func<HttpExchange, bool> match) => (At, Match) = (at, match);

    /// <summary>All requests that were held, oldest first.</summary>
    public IReadOnlyList<HttpExchange> Reached
    {
        get
        {
            lock (_reached)
                return [.. _reached];
        }
    }

    /// <summary>The number of requests that are held now, without those whose client has disconnected.</summary>
    public int Waiting => _waiting;

    internal HoldAt At { get; }

    internal Func<HttpExchange, bool> Match { get; }

    /// <summary>Releases the requests, and holds no further ones.</summary>
    public void Release() => _released.TrySetResult();

    internal async Task WaitAsync(HttpExchange exchange, CancellationToken ct)
    {
        if (_released.Task.IsCompleted)
            return;
        lock (_reached)
            _reached.Add(exchange);
        Interlocked.Increment(ref _waiting);
        try
        {
            await _released.Task.WaitAsync(ct);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }
}
