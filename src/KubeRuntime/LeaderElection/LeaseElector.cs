using System.Net;
using k8s.Models;
using KubeRuntime.Client;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.LeaderElection;

/// <summary>The durations of an election (client-go: 15, 10 and 2 s).</summary>
internal sealed record LeaseTimes(TimeSpan LeaseDuration, TimeSpan RenewDeadline, TimeSpan RetryPeriod);

/// <summary>
/// Leader election on a Lease, after client-go (tools/leaderelection): the lease of another process has expired when it has not changed
/// for its duration on the local monotonic clock, so the clocks of the processes need not agree. Beyond client-go, the term ends at the
/// renew deadline whatever else hangs; the deadline counts from the moment before the last successful request was sent. A process has
/// one term: when the term is over, the process must end.
/// </summary>
internal sealed partial class LeaseElector : IElection, IDisposable
{
    // client-go uses 1.2, for hundreds of candidates; with a few, a free lease is taken within 3 s.
    private const double JitterFactor = 0.2;

    // The share of the renew deadline for one attempt: after a request on a dead connection, there is time for another on a new one.
    private const double AttemptShare = 0.4;
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(3);
    private static readonly ResourceKind Leases = ResourceKind.Of<V1Lease>();

    private readonly ResourceClient _client;
    private readonly NamespacedName _lease;
    private readonly LeaseTimes _times;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger<LeaseElector> _logger;
    private readonly CancellationTokenSource _term;
    private readonly TaskCompletionSource _acquired = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private V1Lease? _known;
    private (string? Holder, DateTime? Renewed, long At) _observed;
    private long _renewedAt;
    private long _termNumber;
    private volatile bool _isOver = true;
    private volatile bool _hasEnded;
    private bool _hung;
    private string _lastTrouble = "";

    public LeaseElector(
        ResourceClient client, NamespacedName lease, string identity, LeaseTimes times, TimeProvider time, Random random, ILogger<LeaseElector> logger)
    {
        if (times.RenewDeadline >= times.LeaseDuration || times.RetryPeriod >= times.RenewDeadline)
        {
            throw new ArgumentException(
                $"Leader election needs RetryPeriod < RenewDeadline < LeaseDuration, but they are {times.RetryPeriod}, {times.RenewDeadline} and {times.LeaseDuration}.",
                nameof(times));
        }

        _client = client;
        _lease = lease;
        _times = times;
        _time = time;
        _random = random;
        _logger = logger;
        Identity = identity;
        _term = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
    }

    public bool IsLeading =>
        !_isOver && !_term.IsCancellationRequested && _time.GetElapsedTime(Volatile.Read(ref _renewedAt)) < _times.RenewDeadline;

    public string Scope => _lease.ToString();

    public string Identity { get; }

    public long TermNumber => Interlocked.Read(ref _termNumber);

    public CancellationToken Term => _acquired.Task.IsCompleted ? _term.Token : new CancellationToken(canceled: true);

    public Task Acquired => _acquired.Task;

    public bool IsAlive => !_hasEnded && (!_acquired.Task.IsCompleted || IsLeading);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (await TryAsync(cancellationToken) != LeaseAttempt.Held)
            {
                var delay = _times.RetryPeriod * (1 + (JitterFactor * _random.NextDouble()));
                await Task.Delay(delay, _time, cancellationToken);
            }

            _acquired.TrySetResult();
            await RenewAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host stops. The term continues until it is released or expires, so that work in progress can finish.
        }
        finally
        {
            _hasEnded = true;
        }
    }

    public async Task ReleaseAsync(CancellationToken cancellationToken)
    {
        // The stop may have cancelled the request that acquired the lease, after the API server had stored it.
        var mayHold = IsLeading || !_acquired.Task.IsCompleted;
        EndTerm();
        if (!mayHold)
            return;
        using var limit = new CancellationTokenSource(ReleaseTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            while (!await TryReleaseAsync(either.Token))
            {
                // A renewal that the stop cancelled was stored in between.
            }
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException or OperationCanceledException)
        {
            LogTrouble(_logger, $"the lease could not be released, so the next leader waits until it expires: {e.Message}");
        }
    }

    public void Dispose() => _term.Dispose();

    /// <summary>Reads the lease and releases it if this process holds it. False if it changed in between.</summary>
    private async Task<bool> TryReleaseAsync(CancellationToken cancellationToken)
    {
        if (await _client.GetAsync<V1Lease>(Leases, _lease, cancellationToken) is not { } held || held.Spec?.HolderIdentity != Identity)
            return true;
        // One second, because the server rejects zero.
        (held.Spec.HolderIdentity, held.Spec.LeaseDurationSeconds) = ("", 1);
        held.Spec.RenewTime = held.Spec.AcquireTime = MicroTime.From(_time.GetUtcNow());
        try
        {
            await _client.ReplaceAsync(Leases, held, cancellationToken);
            return true;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            return false;
        }
    }

    private async Task RenewAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _term.Token);
            try
            {
                if (!_hung)
                    await Task.Delay(_times.RetryPeriod, _time, both.Token);
                if (await TryAsync(both.Token) != LeaseAttempt.HeldByOther && IsLeading)
                    continue;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The deadline has passed.
            }

            EndTerm();
            return;
        }
    }

    /// <summary>Takes or renews the lease if this process may.</summary>
    private async Task<LeaseAttempt> TryAsync(CancellationToken cancellationToken)
    {
        // After an attempt that hung, a slow API server gets all the time that is left: the handshake, the read and the write take
        // three round trips.
        var limit = _hung ? _times.RenewDeadline : _times.RenewDeadline * AttemptShare;
        using var limited = new CancellationTokenSource(limit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limited.Token);
        try
        {
            _hung = false;
            return await TryOnceAsync(both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _hung = true;
            _known = null;
            LogTrouble(_logger, Once($"the API server did not answer within {limit.TotalSeconds:0.#} s"));
            return LeaseAttempt.Failed;
        }
    }

    private async Task<LeaseAttempt> TryOnceAsync(CancellationToken cancellationToken)
    {
        var sentAt = _time.GetTimestamp();
        try
        {
            // A leader knows its lease and needs one request; a candidate reads the lease first.
            if (_known?.Spec?.HolderIdentity != Identity)
                _known = await _client.GetAsync<V1Lease>(Leases, _lease, cancellationToken);
            if (_known is null)
            {
                _known = await _client.CreateAsync(Leases, Claim(null), cancellationToken);
            }
            else if (IsHeldByOther(_known.Spec))
            {
                return LeaseAttempt.HeldByOther;
            }
            else
            {
                _known = await _client.ReplaceAsync(Leases, Claim(_known), cancellationToken);
            }
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            // After a conflict, and after a response that was lost, the state of the lease is unknown.
            _known = null;
            if (e is not ApiException { StatusCode: HttpStatusCode.Conflict })
                LogTrouble(_logger, Once(e.Message));
            return LeaseAttempt.Failed;
        }

        _lastTrouble = "";
        return BeginOrExtendTerm(sentAt) ? LeaseAttempt.Held : LeaseAttempt.Failed;
    }

    private bool IsHeldByOther(V1LeaseSpec? spec)
    {
        if (string.IsNullOrEmpty(spec?.HolderIdentity) || spec.HolderIdentity == Identity)
            return false;
        if (_observed.Holder != spec.HolderIdentity || _observed.Renewed != spec.RenewTime)
        {
            _observed = (spec.HolderIdentity, spec.RenewTime, _time.GetTimestamp());
        }

        var duration = spec.LeaseDurationSeconds is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : _times.LeaseDuration;
        return _time.GetElapsedTime(_observed.At) < duration;
    }

    private V1Lease Claim(V1Lease? old)
    {
        var now = MicroTime.From(_time.GetUtcNow());
        var isRenewal = old?.Spec?.HolderIdentity == Identity;
        return new V1Lease
        {
            ApiVersion = Leases.ApiVersion,
            Kind = Leases.Kind,
            Metadata = old?.Metadata ?? new V1ObjectMeta { Name = _lease.Name, NamespaceProperty = _lease.Namespace },
            Spec = new V1LeaseSpec
            {
                HolderIdentity = Identity,
                LeaseDurationSeconds = (int)_times.LeaseDuration.TotalSeconds,
                AcquireTime = isRenewal ? MicroTime.From(old!.Spec.AcquireTime ?? now) : now,
                RenewTime = now,
                LeaseTransitions = old is null ? 0 : (old.Spec?.LeaseTransitions ?? 0) + (isRenewal ? 0 : 1),
            },
        };
    }

    private bool BeginOrExtendTerm(long sentAt)
    {
        var left = _times.RenewDeadline - _time.GetElapsedTime(sentAt);
        // Once a caller has seen the term end, the term must not continue.
        if (left <= TimeSpan.Zero || (_acquired.Task.IsCompleted && !IsLeading))
            return false;
        Volatile.Write(ref _renewedAt, sentAt);
        Interlocked.Exchange(ref _termNumber, _known?.Spec?.LeaseTransitions ?? 0);
        _isOver = false;
        _term.CancelAfter(left);
        return !_term.IsCancellationRequested;
    }

    private void EndTerm()
    {
        _isOver = true;
        _term.Cancel();
    }

    private string Once(string trouble)
    {
        var isNew = trouble != _lastTrouble;
        _lastTrouble = trouble;
        return isNew ? trouble : "";
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message = "Leader election: {Trouble}")]
    private static partial void LogTroubleCore(ILogger logger, string trouble);

    private static void LogTrouble(ILogger logger, string trouble)
    {
        if (trouble.Length > 0)
            LogTroubleCore(logger, trouble);
    }

    private enum LeaseAttempt
    {
        Held,
        HeldByOther,
        Failed,
    }
}
