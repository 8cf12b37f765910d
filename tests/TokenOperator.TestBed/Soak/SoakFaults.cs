using TokenOperator.TestBed.Faults;

namespace TokenOperator.TestBed.Soak;

/// <summary>
/// Random faults, one after the other, each undone before the next. The same seed makes the same choices. Usually the operator has
/// time to recover before the next fault. One in four follows at once and extends the outage of the previous one.
/// </summary>
internal sealed class SoakFaults(SoakFixture fixture, int seed)
{
    /// <summary>The time to recover after the end of a fault: the leader may have lost its lease, and the other replica takes it within this time.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(20);

    /// <summary>Half of a token's lifetime: a token expires if its refresh is due and impossible for longer than this.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A refresh that a fault interrupts became due at most this long before the fault: the provider takes 0.1 s and has a rate limit,
    /// and a Secret's expires_at has whole seconds.
    /// </summary>
    private static readonly TimeSpan InWork = TimeSpan.FromSeconds(2);

    private readonly Random _random = new(seed);
    private readonly List<(DateTimeOffset From, DateTimeOffset To)> _outages = [];

    /// <summary>The number of faults.</summary>
    public int Count { get; private set; }

    /// <summary>The total time in seconds during which tokens were allowed to be expired.</summary>
    public double ExcusedSeconds
    {
        get
        {
            lock (_outages)
                return _outages.Where(IsLong).Sum(outage => (outage.To - outage.From).TotalSeconds);
        }
    }

    /// <summary>
    /// True for a moment at which a token may be expired: an injected outage, from the start of its first fault to the recovery from
    /// its last one, lasted longer than the margin. The backlog is processed within another margin.
    /// </summary>
    public bool Excuses(DateTimeOffset moment)
    {
        lock (_outages)
            return _outages.Exists(outage => IsLong(outage) && outage.From - InWork + Margin <= moment && moment <= outage.To + Margin);
    }

    /// <summary>Injects faults until <paramref name="ct"/>, and undoes the last one.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                var pause = TimeSpan.FromSeconds(1 + (4 * _random.NextDouble()));
                await Task.Delay(_random.Next(4) == 0 ? pause : Recovery + pause, ct);
                Count++;
                await (_random.Next(12) switch
                {
                    < 4 => HitProcessAsync(ct),
                    4 => RestartAsync("Postgres", crash => fixture.Postgres.StopAsync(crash), () => fixture.Postgres.StartAgainAsync(), ct),
                    5 => RestartAsync("API server", crash => fixture.Plane.StopApiServerAsync(crash), () => fixture.Plane.StartApiServerAsync(), ct),
                    _ => HitLinkAsync(ct),
                });
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            foreach (var link in fixture.Links.Values)
                link.Pass();
            foreach (var replica in fixture.Running)
                await replica.SignalAsync("CONT", CancellationToken.None);
        }
    }

    private async Task HitLinkAsync(CancellationToken ct)
    {
        var (name, link) = fixture.Links.ElementAt(_random.Next(fixture.Links.Count));
        // One fault in eight is long.
        var length = TimeSpan.FromSeconds(_random.Next(8) == 0 ? 20 + (25 * _random.NextDouble()) : 1 + (6 * _random.NextDouble()));
        (string What, Action Begin)[] kinds =
        [
            ("refuses", link.Refuse),
            ("stalls", () => link.Stall()),
            ("stalls to the server", () => link.Stall(Direction.ToServer)),
            ("stalls to the client", () => link.Stall(Direction.ToClient)),
            ("is a black hole", link.Blackhole),
            ("goes half-open", link.HalfOpen),
            ("is reset", () => link.Cut()),
            ("is closed", () => link.Cut(reset: false)),
            ("is cut in the middle of a message", () => link.CutAfter(_random.Next(2000), Direction.ToServer | Direction.ToClient)),
            ("is slow", () => link.Latency = TimeSpan.FromMilliseconds(_random.Next(50, 1500))),
        ];
        var (what, begin) = kinds[_random.Next(kinds.Length)];
        Say($"{name} {what} for {length.TotalSeconds:0.0} s");
        var from = DateTimeOffset.UtcNow;
        begin();
        try
        {
            await Task.Delay(length, ct);
        }
        finally
        {
            // Requests of a process that has died meanwhile must not be delivered after its death.
            if (what.StartsWith("stalls", StringComparison.Ordinal) && name.EndsWith("provider", StringComparison.Ordinal))
                link.Cut();
            link.CutAfter(null, Direction.None);
            link.Pass();
            Disturbed(from, DateTimeOffset.UtcNow + Recovery);
        }
    }

    private async Task RestartAsync(string name, Func<bool, Task> stop, Func<Task> start, CancellationToken ct)
    {
        var crash = _random.Next(2) == 0;
        var length = TimeSpan.FromSeconds(6 * _random.NextDouble());
        Say($"{name} {(crash ? "is killed" : "is stopped")} and starts again after {length.TotalSeconds:0.0} s");
        var from = DateTimeOffset.UtcNow;
        await stop(crash);
        try
        {
            await Task.Delay(length, ct);
        }
        finally
        {
            // Also when the soak is over: the final count needs all servers.
            await start();
            Disturbed(from, DateTimeOffset.UtcNow + Recovery);
        }
    }

    private async Task HitProcessAsync(CancellationToken ct)
    {
        var running = fixture.Running.ToList();
        if (running.Count == 0)
            return;
        var replica = running[_random.Next(running.Count)];
        // The lease of a paused process is taken over within this time as well.
        Disturbed(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow + Recovery);
        switch (_random.Next(4))
        {
            case 0:
                Say($"process {replica.Id} is stopped (SIGTERM)");
                await replica.SignalAsync("TERM", ct);
                break;
            case 1:
                var pause = TimeSpan.FromSeconds(1 + (24 * _random.NextDouble()));
                Say($"process {replica.Id} is paused for {pause.TotalSeconds:0.0} s (SIGSTOP)");
                await replica.SignalAsync("STOP", ct);
                await Task.Delay(pause, ct);
                await replica.SignalAsync("CONT", ct);
                break;
            default:
                Say($"process {replica.Id} is killed (SIGKILL)");
                await replica.SignalAsync("KILL", ct);
                break;
        }
    }

    private void Disturbed(DateTimeOffset from, DateTimeOffset to)
    {
        lock (_outages)
        {
            if (_outages.Count > 0 && _outages[^1] is var last && from <= last.To)
                _outages[^1] = (last.From, to > last.To ? to : last.To);
            else
                _outages.Add((from, to));
        }
    }

    private static bool IsLong((DateTimeOffset From, DateTimeOffset To) outage) => outage.To - outage.From > Margin;

    private static void Say(string what) => Console.WriteLine($"{DateTimeOffset.UtcNow:HH:mm:ss} {what}");
}
