using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using KubeRuntime;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Registry;

namespace TokenOperator.Refreshing;

/// <summary>A request to refresh an account.</summary>
/// <param name="Owner">The object that asks.</param>
/// <param name="Account">The row on which the decision to refresh was made.</param>
/// <param name="Client">The OAuth client to authenticate as; null for a grant without one.</param>
/// <param name="Inputs">Fingerprint of client and refresh token.</param>
/// <param name="Cause">What made the object ask.</param>
public sealed record RefreshRequest(NamespacedName Owner, AccountRecord Account, OAuthClient? Client, string Inputs, RefreshCause Cause)
{
    /// <summary>True if a person asked for the refresh.</summary>
    public bool IsRequested { get; init; }

    /// <summary>How the token is obtained.</summary>
    public Grant Grant { get; init; } = Grant.RefreshToken.Instance;

    /// <summary>The key to sign with; null for a grant without one.</summary>
    public PrivateKey? Key { get; init; }

    /// <summary>What the token is issued for: see <see cref="Grant.InputsFingerprint"/>.</summary>
    public string? GrantInputs { get; init; }

    /// <summary>The scopes of the object's spec. Only some providers receive them.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>True if a response with these scopes helps the other objects of the account, too.</summary>
    public Func<AccountRecord, bool> HelpsOthers { get; init; } = _ => true;

    /// <summary>True as long as the object wants the refresh. It is asked once more when the refresh has its turn, which can be minutes later.</summary>
    public Func<bool> IsStillWanted { get; init; } = () => true;
}

/// <summary>What made an object ask for a refresh. An object whose cause was attended to does not ask for the same again.</summary>
/// <param name="Uid">The uid of the object: another one of the same name has causes of its own.</param>
/// <param name="Annotation">The value of the annotation that requests a refresh, or null.</param>
/// <param name="Generation">The generation of its spec.</param>
/// <param name="IsPoked">True if the object asks because of one of them, and not because a refresh is due.</param>
public readonly record struct RefreshCause(string Uid, string? Annotation, long? Generation, bool IsPoked = false);

/// <summary>What the scheduler knows of an account's refresh.</summary>
public abstract record RefreshState
{
    private RefreshState()
    {
    }

    /// <summary>Nothing is running, and nothing has ended recently.</summary>
    public sealed record Idle : RefreshState
    {
        /// <summary>The one instance.</summary>
        public static Idle Instance { get; } = new();
    }

    /// <summary>A refresh waits for its turn or for its provider.</summary>
    /// <param name="IsSlow">True if it has taken longer than a second.</param>
    /// <param name="WaitsForRate">What it waits for; null if no rate delays it.</param>
    public sealed record Running(bool IsSlow, RateWait? WaitsForRate) : RefreshState;

    /// <summary>A refresh ended.</summary>
    /// <param name="Outcome">How.</param>
    /// <param name="Age">How long ago.</param>
    /// <param name="Attended">The cause of the object that asks now, if that refresh attended to it.</param>
    public sealed record Ended(RefreshOutcome Outcome, TimeSpan Age, RefreshCause? Attended) : RefreshState;
}

/// <summary>A rate limit that delays a refresh.</summary>
/// <param name="Longest">How long it does so at most.</param>
/// <param name="IsOfClient">True if it is that of the account's OAuth client, and not that of the provider.</param>
public readonly record struct RateWait(TimeSpan Longest, bool IsOfClient);

/// <summary>
/// Refreshes accounts outside of the workers that reconcile: a worker hands over a request and does not wait. Each provider has a
/// <see cref="ProviderLane"/>. When a refresh ends, the objects that asked for it are reconciled again.
/// </summary>
public sealed partial class RefreshScheduler : IDisposable
{
    /// <summary>The meter's name, for the exporter.</summary>
    public const string MeterName = "TokenOperator.Refreshing";

    private static readonly TimeSpan SlowAfter = TimeSpan.FromSeconds(1);

    private readonly AccountRefresher _refresher;
    private readonly ProviderRegistry _providers;
    private readonly IAccountQueue _queue;
    private readonly ILeadershipGuard _guard;
    private readonly TimeProvider _time;
    private readonly ILogger<RefreshScheduler> _logger;
    private readonly int _concurrency;
    private readonly ConcurrentDictionary<string, Lazy<ProviderLane>> _lanes = new(StringComparer.Ordinal);
    private readonly ClientLanes _clients;
    private readonly ConcurrentDictionary<AccountKey, ScheduledRefresh> _refreshes = new();
    private readonly ConcurrentDictionary<string, long> _rateWaits = new(StringComparer.Ordinal);
    private volatile bool _isClosed;
    private readonly ITimer _slow;
    private int _isSlowArmed;
    private readonly Meter _meter;

    /// <summary>Creates a scheduler without lanes: a provider has one from its first job on.</summary>
    /// <param name="refresher">Refreshes an account.</param>
    /// <param name="providers">The providers.</param>
    /// <param name="queue">Reconciles the objects of an account again.</param>
    /// <param name="guard">Whether this process leads.</param>
    /// <param name="concurrency">How many requests wait for one provider at once; 1 to 256.</param>
    /// <param name="time">Measures rates and waits.</param>
    /// <param name="meters">Creates the meter.</param>
    /// <param name="logger">Receives faults.</param>
    public RefreshScheduler(
        AccountRefresher refresher, ProviderRegistry providers, IAccountQueue queue, ILeadershipGuard guard, int concurrency,
        TimeProvider time, IMeterFactory meters, ILogger<RefreshScheduler> logger)
    {
        (_refresher, _providers, _queue, _guard, _time, _logger, _concurrency) = (refresher, providers, queue, guard, time, logger, concurrency);
        _clients = new ClientLanes(time);
        _slow = time.CreateTimer(_ => TellSlow(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _meter = meters.Create(MeterName);
        _meter.CreateObservableCounter(
            "tokenoperator_provider_rate_limit_waits",
            () => _rateWaits.Select(waits => new Measurement<long>(waits.Value, new KeyValuePair<string, object?>("provider", waits.Key))),
            null,
            "Refreshes that had to wait for a rate limit of the provider or of their client.");
    }

    /// <summary>What is known of the account's refresh, as seen by <paramref name="owner"/>.</summary>
    public RefreshState Find(AccountKey key, NamespacedName owner) => _refreshes.GetValueOrDefault(key) switch
    {
        null => RefreshState.Idle.Instance,
        { Outcome: { } outcome } ended => new RefreshState.Ended(outcome, _time.GetElapsedTime(ended.EndedAt), outcome.IsSettled ? ended.CauseOf(owner) : null),
        var running => new RefreshState.Running(running.IsSlow, running.WaitsForRate),
    };

    /// <summary>Starts a refresh. A refresh of the account that runs already answers this request, too.</summary>
    public void Start(RefreshRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var key = request.Account.Key;
        var urgency = UrgencyOf(request.Account);
        var fresh = new ScheduledRefresh(_time.GetTimestamp(), urgency);
        var refresh = _refreshes.AddOrUpdate(key, fresh, (_, known) => known.Outcome is null ? known : fresh);
        refresh.Join(request);
        if (refresh != fresh)
        {
            // After a new seed, the account must not wait in the place of its dead token. The job in that place then does nothing.
            if (refresh.TryRaise(urgency))
                Enqueue(refresh, request, urgency);
            // It can have ended in between, and then it does not wake this object.
            if (refresh.Outcome is not null)
                _queue.Enqueue(request.Owner);
            return;
        }

        ArmSlow();
        Enqueue(fresh, request, urgency);
    }

    /// <summary>Forgets an object that is gone, and with the last one the account.</summary>
    public void Forget(AccountKey key, NamespacedName owner)
    {
        if (_refreshes.TryGetValue(key, out var refresh) && refresh.Leave(owner))
            RemoveEnded(key, refresh);
    }

    /// <summary>Runs other work that waits for a provider, within the provider's share. The work must not throw.</summary>
    public void Run(AccountKey key, string ns, Func<Task> work) => LaneOf(key.Provider).Add(new LaneJob(key, ns, JobUrgency.NoToken, ExpiresAt: null, TakesPermit: false, async () =>
    {
        await work();
        return true;
    }));

    /// <summary>Starts no more refreshes.</summary>
    public void Close()
    {
        _isClosed = true;
        foreach (var lane in _lanes.Values)
            _ = lane.Value.CloseAsync();
    }

    /// <summary>Waits for the responses to requests that were sent, and starts no more.</summary>
    /// <returns>False if a response had not arrived when <paramref name="cancellationToken"/> was cancelled.</returns>
    public async Task<bool> DrainAsync(CancellationToken cancellationToken)
    {
        _isClosed = true;
        var closed = Task.WhenAll(_lanes.Values.Select(lane => lane.Value.CloseAsync()));
        await closed.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return closed.IsCompletedSuccessfully;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var lane in _lanes.Values)
            lane.Value.Dispose();
        _clients.Dispose();
        _slow.Dispose();
        _meter.Dispose();
    }

    private LaneJob JobFor(ScheduledRefresh refresh, RefreshRequest request, JobUrgency urgency) =>
        new(request.Account.Key, request.Owner.Namespace, urgency, request.Account.Token.NeverExpires ? DateTimeOffset.MaxValue : request.Account.Token.ExpiresAt, TakesPermit: true, () => RunAsync(refresh, request));

    /// <summary>Has a refresh wait for its turn: for that of its client, if the provider limits each client, and then for that of the provider.</summary>
    private void Enqueue(ScheduledRefresh refresh, RefreshRequest request, JobUrgency urgency)
    {
        var job = JobFor(refresh, request, urgency);
        if (request.Client is not { ClientId: var client } || ClientRateOf(job.Key.Provider) is not { } rate)
        {
            EnqueueAtProvider(refresh, job);
            return;
        }

        Wait(
            refresh, job with { RunAsync = () => PassOnAsync(refresh, job) }, waiting => _clients.Add(client, rate, waiting),
            () => new RateWait(_clients.BacklogOf(job.Key.Provider, client, ClientRateOf(job.Key.Provider) ?? RequestRate.Highest), IsOfClient: true));
    }

    /// <summary>Has a refresh that has the permit of its client wait for its provider. Returns when it has ended.</summary>
    private Task<bool> PassOnAsync(ScheduledRefresh refresh, LaneJob job)
    {
        var isSent = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        EnqueueAtProvider(refresh, job with
        {
            RunAsync = async () =>
            {
                var result = await job.RunAsync();
                isSent.SetResult(result);
                return result;
            },
        });
        return isSent.Task;
    }

    private void EnqueueAtProvider(ScheduledRefresh refresh, LaneJob job) =>
        Wait(refresh, job, waiting => LaneOf(job.Key.Provider).Add(waiting), () => new RateWait(LaneOf(job.Key.Provider).Backlog, IsOfClient: false));

    /// <summary>Adds a job to a lane, and remembers what it waits for if it has to.</summary>
    private void Wait(ScheduledRefresh refresh, LaneJob job, Func<LaneJob, bool> add, Func<RateWait> wait)
    {
        // Before the job can begin, which ends the wait.
        refresh.BeginWait(wait);
        if (add(job))
            refresh.EndWait(wait);
        else if (refresh.IsFirstDelay())
            _rateWaits.AddOrUpdate(job.Key.Provider, 1, (_, count) => count + 1);
    }

    private RequestRate? ClientRateOf(string provider) => _providers.Find(provider)?.Document.Limits.ClientRate;

    /// <summary>The lane of a provider, at the rate that its document has now.</summary>
    private ProviderLane LaneOf(string provider)
    {
        var rate = _providers.Find(provider)?.Rate;
        var lane = _lanes.GetOrAdd(provider, name => new Lazy<ProviderLane>(() =>
        {
            _rateWaits.TryAdd(name, 0);
            return new ProviderLane(rate ?? RequestRate.Default, _concurrency, _time);
        })).Value;
        if (rate is not null)
            lane.Follow(rate);
        if (_isClosed)
            _ = lane.CloseAsync();
        return lane;
    }

    private async Task<bool> RunAsync(ScheduledRefresh refresh, RefreshRequest request)
    {
        if (!refresh.TryBegin())
            return false;
        var key = request.Account.Key;
        var outcome = refresh.IsStillWanted ? await RefreshAsync(request) : new RefreshOutcome.Withdrawn();
        refresh.End(outcome.WithoutRecord(), _time.GetTimestamp());
        // A better token helps every object of the account: they can be waiting for someone who helped this one. Anything worse is left
        // to the schedule of each object, so that two objects with useless seeds do not wake each other forever.
        if (outcome is RefreshOutcome.Asked { Record: { Failure: null } record } && request.HelpsOthers(record))
            _queue.Enqueue(key);
        else
            refresh.Owners.ForEach(_queue.Enqueue);
        if (refresh.Owners.Count == 0)
            RemoveEnded(key, refresh);
        return outcome.IsSent;
    }

    private JobUrgency UrgencyOf(AccountRecord account) =>
        account.Token.IsValidAt(_time.GetUtcNow()) ? JobUrgency.LivingToken
        : RefreshPolicy.NeedsHuman(account) ? JobUrgency.Hopeless
        : JobUrgency.NoToken;

    private void RemoveEnded(AccountKey key, ScheduledRefresh refresh)
    {
        if (refresh.Outcome is not null)
            _refreshes.TryRemove(KeyValuePair.Create(key, refresh));
    }

    private async Task<RefreshOutcome> RefreshAsync(RefreshRequest request)
    {
        try
        {
            // The provider can be gone by now, and the objects are reconciled then.
            if (_providers.Find(request.Account.Key.Provider) is not { } provider)
                return new RefreshOutcome.Withdrawn();
            return await _refresher.RefreshAsync(provider, request, _guard.Term);
        }
        catch (OperationCanceledException)
        {
            return new RefreshOutcome.LeadershipLost();
        }
#pragma warning disable CA1031 // A fault in one refresh must not stop the lane of its provider.
        catch (Exception e)
        {
            LogThrew(e, request.Account.Key.Provider, request.Account.Key.Account);
            return new RefreshOutcome.Faulted();
        }
#pragma warning restore CA1031
    }

    /// <summary>Has the objects of slow refreshes reconciled, so that their status says what they wait for.</summary>
    private void TellSlow()
    {
        Volatile.Write(ref _isSlowArmed, 0);
        var isAnyFresh = false;
        foreach (var refresh in _refreshes.Values.Where(refresh => refresh is { Outcome: null, IsSlow: false }))
        {
            if (_time.GetElapsedTime(refresh.StartedAt) < SlowAfter)
            {
                isAnyFresh = true;
                continue;
            }

            refresh.IsSlow = true;
            refresh.Owners.ForEach(_queue.Enqueue);
        }

        if (isAnyFresh)
            ArmSlow();
    }

    /// <summary>A refresh that starts while the timer runs does not put it off: the timer then runs once more.</summary>
    private void ArmSlow()
    {
        if (Interlocked.Exchange(ref _isSlowArmed, 1) == 0)
            _slow.Change(SlowAfter, Timeout.InfiniteTimeSpan);
    }

    /// <summary>One refresh, from the first request to the next refresh of the account.</summary>
    private sealed class ScheduledRefresh(long startedAt, JobUrgency urgency)
    {
        private readonly Lock _sync = new();
        private JobUrgency _urgency = urgency;
        private bool _hasBegun;
        private readonly Dictionary<NamespacedName, (RefreshCause Cause, Func<bool> IsStillWanted)> _requests = [];
        private RefreshOutcome? _outcome;
        private Func<RateWait>? _wait;
        private bool _wasDelayed;

        public long StartedAt => startedAt;

        public bool IsSlow { get; set; }

        /// <summary>The rate limit that delays it; null if none does.</summary>
        public RateWait? WaitsForRate
        {
            get
            {
                Func<RateWait>? wait;
                lock (_sync)
                    wait = _wait;
                return wait?.Invoke();
            }
        }

        /// <summary>How it ended; null while it runs.</summary>
        public RefreshOutcome? Outcome => Volatile.Read(ref _outcome);

        public long EndedAt { get; private set; }

        public List<NamespacedName> Owners
        {
            get
            {
                lock (_sync)
                    return [.. _requests.Keys];
            }
        }

        /// <summary>True if at least one of the objects that asked still wants it.</summary>
        public bool IsStillWanted
        {
            get
            {
                lock (_sync)
                    return _requests.Values.Any(request => request.IsStillWanted());
            }
        }

        public void Join(RefreshRequest request)
        {
            lock (_sync)
                _requests[request.Owner] = (request.Cause, request.IsStillWanted);
        }

        /// <summary>True if it still waits for its turn, and in a less urgent place than <paramref name="urgency"/>.</summary>
        public bool TryRaise(JobUrgency urgency)
        {
            lock (_sync)
            {
                if (_hasBegun || urgency >= _urgency)
                    return false;
                _urgency = urgency;
                return true;
            }
        }

        /// <summary>True for the first of its jobs.</summary>
        public bool TryBegin()
        {
            lock (_sync)
            {
                _wait = null;
                return !_hasBegun && (_hasBegun = true);
            }
        }

        /// <summary>Notes what it waits for, unless it has begun.</summary>
        public void BeginWait(Func<RateWait> wait)
        {
            lock (_sync)
                _wait = _hasBegun ? null : wait;
        }

        /// <summary>Notes that it does not wait for this any more.</summary>
        public void EndWait(Func<RateWait> wait)
        {
            lock (_sync)
                _wait = _wait == wait ? null : _wait;
        }

        /// <summary>True once: when a rate limit delays it for the first time.</summary>
        public bool IsFirstDelay()
        {
            lock (_sync)
                return !_wasDelayed && (_wasDelayed = true);
        }

        /// <summary>True if no other object is left.</summary>
        public bool Leave(NamespacedName owner)
        {
            lock (_sync)
            {
                _requests.Remove(owner);
                return _requests.Count == 0;
            }
        }

        public RefreshCause? CauseOf(NamespacedName owner)
        {
            lock (_sync)
                return _requests.TryGetValue(owner, out var request) ? request.Cause : null;
        }

        public void End(RefreshOutcome outcome, long at)
        {
            EndedAt = at;
            Volatile.Write(ref _outcome, outcome);
        }
    }

    [LoggerMessage(141, LogLevel.Error, "Refreshing {Provider}/{Account} threw an exception")]
    private partial void LogThrew(Exception exception, string provider, string account);
}
