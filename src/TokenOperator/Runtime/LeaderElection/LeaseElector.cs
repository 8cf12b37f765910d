using System.Net;
using k8s.Models;
using Microsoft.Extensions.Logging;
using TokenOperator.Runtime.Client;

namespace TokenOperator.Runtime.LeaderElection;

/// <summary>The times of an election (client-go: 15, 10 and 2 s).</summary>
internal sealed record LeaseTimes(TimeSpan LeaseDuration, TimeSpan RenewDeadline, TimeSpan RetryPeriod);

/// <summary>
/// Leader election on a Lease, after client-go (tools/leaderelection): another's lease is over when it has not changed for its duration
/// on our own monotonic clock, so clocks need not agree. Beyond client-go the term ends by itself at the renew deadline, counted
/// from before the last successful request was sent. There is one term to a process: after it, the process has to end.
/// </summary>
internal sealed partial class LeaseElector : IElection, IDisposable
{
    private const double JitterFactor = 1.2;
    private static readonly ResourceKind Leases = ResourceKind.Of<V1Lease>();

    private readonly ResourceClient client;
    private readonly NamespacedName lease;
    private readonly LeaseTimes times;
    private readonly TimeProvider time;
    private readonly ILogger<LeaseElector> logger;
    private readonly CancellationTokenSource term;
    private readonly TaskCompletionSource acquired = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private V1Lease? known;
    private (string? Holder, DateTime? Renewed, long At) observed;
    private long renewedAt;
    private volatile bool isOver = true;
    private volatile bool hasEnded;
    private string lastTrouble = "";

    public LeaseElector(
        ResourceClient client, NamespacedName lease, string identity, LeaseTimes times, TimeProvider time, ILogger<LeaseElector> logger)
    {
        if (times.RenewDeadline >= times.LeaseDuration || times.RetryPeriod >= times.RenewDeadline)
        {
            throw new ArgumentException(
                $"Leader election needs RetryPeriod < RenewDeadline < LeaseDuration, but they are {times.RetryPeriod}, {times.RenewDeadline} and {times.LeaseDuration}.",
                nameof(times));
        }

        this.client = client;
        this.lease = lease;
        this.times = times;
        this.time = time;
        this.logger = logger;
        Identity = identity;
        term = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
    }

    public bool IsLeading =>
        !isOver && !term.IsCancellationRequested && time.GetElapsedTime(Volatile.Read(ref renewedAt)) < times.RenewDeadline;

    public string Scope => lease.ToString();

    public string Identity { get; }

    public CancellationToken Term => acquired.Task.IsCompleted ? term.Token : new CancellationToken(canceled: true);

    public Task Acquired => acquired.Task;

    public bool IsAlive => !hasEnded && (!acquired.Task.IsCompleted || IsLeading);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (await TryAsync(cancellationToken) != Attempt.Held)
            {
                var delay = times.RetryPeriod * (1 + (JitterFactor * Random.Shared.NextDouble()));
                await Task.Delay(delay, time, cancellationToken);
            }

            acquired.TrySetResult();
            await RenewAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Asked to stop: the term goes on until it is released or runs out, so that work in progress may end.
        }
        finally
        {
            hasEnded = true;
        }
    }

    public async Task ReleaseAsync(CancellationToken cancellationToken)
    {
        var held = IsLeading ? known : null;
        EndTerm();
        if (held is null) return;
        try
        {
            // One second in place of zero, which the server refuses.
            (held.Spec.HolderIdentity, held.Spec.LeaseDurationSeconds) = ("", 1);
            held.Spec.RenewTime = held.Spec.AcquireTime = MicroTime.From(time.GetUtcNow());
            await client.ReplaceAsync(Leases, held, cancellationToken);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException or OperationCanceledException)
        {
            LogTrouble(logger, $"the lease could not be released, the next leader has to wait for its end: {e.Message}");
        }
    }

    public void Dispose() => term.Dispose();

    private async Task RenewAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, term.Token);
            try
            {
                await Task.Delay(times.RetryPeriod, time, both.Token);
                if (await TryAsync(both.Token) != Attempt.HeldByOther && IsLeading) continue;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The deadline has passed.
            }

            EndTerm();
            return;
        }
    }

    /// <summary>Takes or renews the lease if it may; tells whether it is ours now.</summary>
    private async Task<Attempt> TryAsync(CancellationToken cancellationToken)
    {
        var sentAt = time.GetTimestamp();
        try
        {
            // A leader knows its lease and needs one request; anybody else looks first.
            if (known is null || known.Spec?.HolderIdentity != Identity) known = await client.GetAsync<V1Lease>(Leases, lease, cancellationToken);
            if (known is null)
            {
                known = await client.CreateAsync(Leases, Claim(null), cancellationToken);
            }
            else if (IsHeldByOther(known.Spec))
            {
                return Attempt.HeldByOther;
            }
            else
            {
                known = await client.ReplaceAsync(Leases, Claim(known), cancellationToken);
            }
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            // After a conflict and after a lost answer alike it is unknown what stands there now.
            known = null;
            if (e is not ApiException { StatusCode: HttpStatusCode.Conflict }) LogTrouble(logger, Once(e.Message));
            return Attempt.Failed;
        }

        lastTrouble = "";
        return BeginOrExtendTerm(sentAt) ? Attempt.Held : Attempt.Failed;
    }

    private bool IsHeldByOther(V1LeaseSpec? spec)
    {
        if (string.IsNullOrEmpty(spec?.HolderIdentity) || spec.HolderIdentity == Identity) return false;
        if (observed.Holder != spec.HolderIdentity || observed.Renewed != spec.RenewTime)
        {
            observed = (spec.HolderIdentity, spec.RenewTime, time.GetTimestamp());
        }

        var duration = spec.LeaseDurationSeconds is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : times.LeaseDuration;
        return time.GetElapsedTime(observed.At) < duration;
    }

    private V1Lease Claim(V1Lease? old)
    {
        var now = MicroTime.From(time.GetUtcNow());
        var isRenewal = old?.Spec?.HolderIdentity == Identity;
        return new V1Lease
        {
            ApiVersion = Leases.ApiVersion,
            Kind = Leases.Kind,
            Metadata = old?.Metadata ?? new V1ObjectMeta { Name = lease.Name, NamespaceProperty = lease.Namespace },
            Spec = new V1LeaseSpec
            {
                HolderIdentity = Identity,
                LeaseDurationSeconds = (int)times.LeaseDuration.TotalSeconds,
                AcquireTime = isRenewal ? MicroTime.From(old!.Spec.AcquireTime ?? now) : now,
                RenewTime = now,
                LeaseTransitions = old is null ? 0 : (old.Spec?.LeaseTransitions ?? 0) + (isRenewal ? 0 : 1),
            },
        };
    }

    private bool BeginOrExtendTerm(long sentAt)
    {
        var left = times.RenewDeadline - time.GetElapsedTime(sentAt);
        // What has seen the term end must not see it go on.
        if (left <= TimeSpan.Zero || (acquired.Task.IsCompleted && !IsLeading)) return false;
        Volatile.Write(ref renewedAt, sentAt);
        isOver = false;
        term.CancelAfter(left);
        return !term.IsCancellationRequested;
    }

    private void EndTerm()
    {
        isOver = true;
        term.Cancel();
    }

    private string Once(string trouble)
    {
        var isNew = trouble != lastTrouble;
        lastTrouble = trouble;
        return isNew ? trouble : "";
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message = "Leader election: {Trouble}")]
    private static partial void LogTroubleCore(ILogger logger, string trouble);

    private static void LogTrouble(ILogger logger, string trouble)
    {
        if (trouble.Length > 0) LogTroubleCore(logger, trouble);
    }

    private enum Attempt
    {
        Held,
        HeldByOther,
        Failed,
    }
}
