namespace TokenOperator.TestBed.Faults;

/// <summary>Where a <see cref="HttpHold"/> keeps a request.</summary>
public enum HoldAt
{
    /// <summary>The server has not seen it.</summary>
    Request,

    /// <summary>The server has answered, and the client does not know.</summary>
    Answer,
}

/// <summary>Requests that wait in a <see cref="HttpFaultProxy"/>. One whose client goes away goes no further.</summary>
public sealed class HttpHold
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<HttpExchange> _reached = [];
    private int _waiting;

    internal HttpHold(HoldAt at, Func<HttpExchange, bool> match) => (At, Match) = (at, match);

    /// <summary>All that came this far, oldest first.</summary>
    public IReadOnlyList<HttpExchange> Reached
    {
        get
        {
            lock (_reached)
                return [.. _reached];
        }
    }

    /// <summary>How many wait now: those whose client has gone do no more.</summary>
    public int Waiting => _waiting;

    internal HoldAt At { get; }

    internal Func<HttpExchange, bool> Match { get; }

    /// <summary>Lets them go on; no further one is held.</summary>
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
