using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>
/// The shares of OAuth clients at providers that limit each client. A job first waits in the lane of its client, and then in that of the provider,
/// so a client with many accounts delays no other. A client has a lane from its first job on, and anyone can name any number of clients: a lane
/// that is as good as a new one is removed when there are many. Thread-safe.
/// </summary>
internal sealed class ClientLanes(TimeProvider time) : IDisposable
{
    /// <summary>How many lanes there can be before unused ones are removed.</summary>
    public const int MaxUnused = 256;

    private readonly Lock _sync = new();
    private readonly Dictionary<(string Provider, string ClientId), Share> _shares = [];

    /// <summary>How many lanes there are.</summary>
    public int Count
    {
        get
        {
            lock (_sync)
                return _shares.Count;
        }
    }

    /// <summary>Adds a job to the lane of a client, at the rate that the provider's document has now.</summary>
    /// <returns>False if the job has to wait for the rate.</returns>
    public bool Add(string clientId, RequestRate rate, LaneJob job)
    {
        var share = Enter((job.Key.Provider, clientId), rate);
        return share.Lane.Add(job with
        {
            RunAsync = async () =>
            {
                var isSent = await job.RunAsync();
                Leave(share);
                return isSent;
            },
        });
    }

    /// <summary>How long the jobs of a client take that wait, from now on at <paramref name="rate"/>.</summary>
    public TimeSpan BacklogOf(string provider, string clientId, RequestRate rate)
    {
        ProviderLane? lane;
        lock (_sync)
            lane = _shares.GetValueOrDefault((provider, clientId))?.Lane;
        lane?.Follow(rate);
        return lane?.Backlog ?? TimeSpan.Zero;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_sync)
        {
            foreach (var share in _shares.Values)
                share.Lane.Dispose();
        }
    }

    private Share Enter((string Provider, string ClientId) client, RequestRate rate)
    {
        Share? share;
        lock (_sync)
        {
            if (!_shares.TryGetValue(client, out share))
            {
                if (_shares.Count >= MaxUnused)
                    RemoveUnused();
                // The provider's lane limits how many run at once.
                _shares[client] = share = new Share(new ProviderLane(rate, concurrency: int.MaxValue, time));
            }

            share.Jobs++;
        }

        share.Lane.Follow(rate);
        return share;
    }

    private void Leave(Share share)
    {
        lock (_sync)
            share.Jobs--;
    }

    private void RemoveUnused()
    {
        foreach (var (client, share) in _shares.Where(entry => entry.Value is { Jobs: 0, Lane.IsUnused: true }).ToList())
        {
            _shares.Remove(client);
            share.Lane.Dispose();
        }
    }

    private sealed class Share(ProviderLane lane)
    {
        public ProviderLane Lane => lane;

        /// <summary>The jobs that were added and have not ended. While there are any, the lane stays.</summary>
        public int Jobs { get; set; }
    }
}
