using TokenOperator.TestBed.Faults;

namespace TokenOperator.TestBed.Soak;

/// <summary>
/// Random faults, one after the other, each undone before the next; the same seed makes the same choices. Mostly the operator has
/// had the time to recover before the next one; one in four follows at once, and is one outage with the one before.
/// </summary>
internal sealed class SoakFaults(SoakFixture fixture, int seed)
{
    /// <summary>What a fault disturbs is served again within this after its end: it may have cost the leader its lease, which the other replica takes by then.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(20);

    /// <summary>Half of the tokens' life: what is due and cannot be done for longer than this ends in an expired token.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A refresh that a fault breaks off was due this long before it at most: the provider takes 0.1 s and has its rate, and a Secret's
    /// expires_at is in whole seconds.
    /// </summary>
    private static readonly TimeSpan InWork = TimeSpan.FromSeconds(2);

    private readonly Random _random = new(seed);
    private readonly List<(DateTimeOffset From, DateTimeOffset To)> _outages = [];

    /// <summary>How many there were.</summary>
    public int Count { get; private set; }

    /// <summary>For how long altogether a token was allowed to be expired, in seconds.</summary>
    public double ExcusedSeconds
    {
        get
        {
            lock (_outages)
                return _outages.Where(IsLong).Sum(outage => (outage.To - outage.From).TotalSeconds);
        }
    }

    /// <summary>
    /// True at a moment when a token may be expired: an injected outage, from the start of its first fault to the recovery from its
    /// last one, lasted longer than the margin. What queued up is worked off within as much again.
    /// </summary>
    public bool Excuses(DateTimeOffset moment)
    {
        lock (_outages)
            return _outages.Exists(outage => IsLong(outage) && outage.From - InWork + Margin <= moment && moment <= outage.To + Margin);
    }

    /// <summary>Makes faults until <paramref name="ct"/>, and undoes the last one.</summary>
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
        // One in eight is long.
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
            // What a process that has died meanwhile had sent is not delivered after its death.
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
            // Also when the soak is over: the reckoning needs them all.
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
        // Also a paused one's lease is taken by then, awake or not.
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
