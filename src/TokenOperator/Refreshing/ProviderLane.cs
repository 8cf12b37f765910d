using KubeRuntime.RateLimiting;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>Work that waits for one provider.</summary>
/// <param name="Key">The account.</param>
/// <param name="Namespace">The namespace on whose behalf it runs, for its share.</param>
/// <param name="Urgency">How much depends on it.</param>
/// <param name="ExpiresAt">When the account's token expires, which decides between jobs of the same urgency; null if there is none.</param>
/// <param name="TakesPermit">True if the work counts against the provider's rate.</param>
/// <param name="RunAsync">The work. It returns false if no request was sent, so that its permit goes to the next job. It does not throw.</param>
internal sealed record LaneJob(AccountKey Key, string Namespace, JobUrgency Urgency, DateTimeOffset? ExpiresAt, bool TakesPermit, Func<Task<bool>> RunAsync);

/// <summary>How much depends on a job.</summary>
internal enum JobUrgency
{
    /// <summary>An app uses a token that expires soon.</summary>
    LivingToken,

    /// <summary>There is no token that can be lost, as after an outage or before the first token.</summary>
    NoToken,

    /// <summary>There is no token, and the last attempt showed that someone must act: most likely, the next one fails, too.</summary>
    Hopeless,
}

/// <summary>
/// One provider's share of the work. At most a fixed number of jobs wait for the provider at once, and no worker waits with them, so a
/// provider that never answers delays no other provider. Namespaces take turns, at the provider's share and at its rate, so a namespace
/// with many accounts does not delay the others. Within a namespace, a token that is still valid goes before accounts without one, and then the
/// earliest expiry goes first. Accounts that need someone to act come last, whatever their namespace: anyone can have many of them. A
/// token bucket limits the rate. It runs on the monotonic clock: a jump of the wall clock changes nothing. Each client has such a lane, too, where
/// the provider limits each: see <see cref="ClientLanes"/>.
/// </summary>
internal sealed class ProviderLane : IDisposable
{
    private readonly Lock _sync = new();
    private readonly TimeProvider _time;
    private readonly int _concurrency;
    private readonly ITimer _timer;
    private readonly Dictionary<string, NamespaceJobs> _namespaces = new(StringComparer.Ordinal);
    private readonly SortedSet<Turn> _turns = [];
    private RequestRate _rate;
    private TokenBucket _permits;
    private TaskCompletionSource? _idle;
    private long _turn;
    private int _waiting;
    private int _running;
    private bool _isStarting;

    /// <summary>Creates a lane with a full bucket.</summary>
    /// <param name="rate">How often the provider may be asked.</param>
    /// <param name="concurrency">How many jobs run at once.</param>
    /// <param name="time">Measures the rate.</param>
    public ProviderLane(RequestRate rate, int concurrency, TimeProvider time)
    {
        (_rate, _concurrency, _time) = (rate, concurrency, time);
        _permits = new TokenBucket(rate.PerSecond, rate.Burst, time);
        _timer = time.CreateTimer(_ => StartDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>How long the jobs that wait take at the provider's rate.</summary>
    public TimeSpan Backlog
    {
        get
        {
            lock (_sync)
            {
                return TimeSpan.FromSeconds(Math.Max(0, _waiting - _permits.Available) / _rate.PerSecond);
            }
        }
    }

    /// <summary>True if it is as good as a new lane: nothing waits or runs, and the bucket is full.</summary>
    public bool IsUnused
    {
        get
        {
            lock (_sync)
                return _waiting + _running == 0 && _permits.Available >= _rate.Burst;
        }
    }

    /// <summary>Continues at another rate. The permits that are left stay, so that a change is no burst.</summary>
    public void Follow(RequestRate rate)
    {
        lock (_sync)
        {
            if (rate == _rate)
                return;
            (_rate, _permits) = (rate, new TokenBucket(rate.PerSecond, rate.Burst, _time, _permits.Available));
            if (_waiting > 0)
                Arm();
        }
    }

    /// <summary>Adds a job, and starts it at once if the provider's rate and share allow it.</summary>
    /// <returns>False if the job has to wait for the rate.</returns>
    public bool Add(LaneJob job)
    {
        lock (_sync)
        {
            if (_idle is not null)
                return true;
            if (!_namespaces.TryGetValue(job.Namespace, out var jobs))
                _namespaces[job.Namespace] = jobs = new NamespaceJobs(job.Namespace, _turn);
            _turns.Remove(jobs.Turn);
            jobs.Add(job, _turn);
            _turns.Add(jobs.Turn);
            _waiting++;
        }

        StartDue();
        lock (_sync)
            return _waiting == 0 || _permits.TimeUntilNext == TimeSpan.Zero;
    }

    /// <summary>Starts no more jobs, and completes when those that run have ended.</summary>
    public Task CloseAsync()
    {
        lock (_sync)
        {
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_running == 0)
                _idle.TrySetResult();
            return _idle.Task;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void StartDue()
    {
        lock (_sync)
        {
            // The thread that is starting jobs sees this change before it stops.
            if (_isStarting)
                return;
            _isStarting = true;
        }

        while (TakeNext() is { } job)
            _ = RunAsync(job);
    }

    private async Task RunAsync(LaneJob job)
    {
        var isSent = await job.RunAsync();
        lock (_sync)
        {
            _running--;
            if (!isSent && job.TakesPermit)
                _permits.Return();
            if (_running == 0)
                _idle?.TrySetResult();
        }

        StartDue();
    }

    private LaneJob? TakeNext()
    {
        lock (_sync)
        {
            var job = _idle is null && _waiting > 0 && _running < _concurrency ? _namespaces[_turns.Min.Namespace].Next : null;
            if (job is { TakesPermit: true } && !_permits.TryTake())
            {
                Arm();
                job = null;
            }

            if (job is null)
            {
                _isStarting = false;
                return null;
            }

            Take(job);
            return job;
        }
    }

    private void Take(LaneJob job)
    {
        var jobs = _namespaces[job.Namespace];
        _turns.Remove(jobs.Turn);
        // A namespace that comes back with one job at a time must not go before those that still wait for this turn.
        _turn = Math.Max(_turn, jobs.Turn.Number + 1);
        jobs.RemoveNext();
        if (jobs.IsEmpty)
            _namespaces.Remove(job.Namespace);
        else
            _turns.Add(jobs.Turn);
        _waiting--;
        _running++;
    }

    // Rounded up to the timer's whole milliseconds, so that it does not fire too early and at once again.
    private void Arm() =>
        _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(_permits.TimeUntilNext.TotalMilliseconds)), Timeout.InfiniteTimeSpan);

    /// <summary>The place of a namespace in the order: hopeless jobs last, then the fewest turns, the most urgent job and the earliest expiry.</summary>
    private readonly record struct Turn(bool IsHopeless, long Number, JobUrgency Urgency, DateTimeOffset ExpiresAt, string Namespace) : IComparable<Turn>
    {
        public int CompareTo(Turn other) =>
            (IsHopeless, Number, (int)Urgency, ExpiresAt).CompareTo((other.IsHopeless, other.Number, (int)other.Urgency, other.ExpiresAt)) is var order and not 0
                ? order
                : string.CompareOrdinal(Namespace, other.Namespace);
    }

    /// <summary>The jobs of one namespace that wait. A namespace that was idle has saved up no turns.</summary>
    private sealed class NamespaceJobs(string name, long turn)
    {
        private readonly PriorityQueue<LaneJob, (JobUrgency Urgency, DateTimeOffset ExpiresAt, long Number)> _jobs = new();
        private long _added;
        private long _turn = turn;

        public bool IsEmpty => _jobs.Count == 0;

        public LaneJob Next => _jobs.Peek();

        public Turn Turn => IsEmpty
            ? new(false, _turn, JobUrgency.LivingToken, DateTimeOffset.MinValue, name)
            : new(Next.Urgency == JobUrgency.Hopeless, _turn, Next.Urgency, Next.ExpiresAt ?? DateTimeOffset.MinValue, name);

        /// <summary>Adds a job. While all jobs of a namespace are hopeless, it saves up no turns either.</summary>
        public void Add(LaneJob job, long turn)
        {
            if (!IsEmpty && Next.Urgency == JobUrgency.Hopeless && job.Urgency != JobUrgency.Hopeless)
                _turn = Math.Max(_turn, turn);
            _jobs.Enqueue(job, (job.Urgency, job.ExpiresAt ?? DateTimeOffset.MinValue, _added++));
        }

        public void RemoveNext()
        {
            _jobs.Dequeue();
            _turn++;
        }
    }
}
