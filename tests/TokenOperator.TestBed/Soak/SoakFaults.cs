using TokenOperator.TestBed.Faults;

namespace TokenOperator.TestBed.Soak;

/// <summary>Random faults, one after the other, each undone before the next; the same seed makes the same choices.</summary>
internal sealed class SoakFaults(SoakBed bed, int seed)
{
    /// <summary>A dead leader's lease is taken by the other replica within this.</summary>
    private static readonly TimeSpan Takeover = TimeSpan.FromSeconds(20);

    /// <summary>Half of the tokens' life: what is due and cannot be done for longer than this ends in an expired token.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    private readonly Random _dice = new(seed);
    private readonly List<(DateTimeOffset From, DateTimeOffset To)> _excused = [];

    /// <summary>How many there were.</summary>
    public int Count { get; private set; }

    /// <summary>True at a moment when a token may be expired: an injected outage, with the takeover that it can cause, lasted longer than the margin.</summary>
    public bool Excuses(DateTimeOffset moment)
    {
        lock (_excused)
            return _excused.Exists(span => span.From <= moment && moment <= span.To);
    }

    /// <summary>Makes faults until <paramref name="ct"/>, and undoes the last one.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(5 + (10 * _dice.NextDouble())), ct);
                Count++;
                await (_dice.Next(12) switch
                {
                    < 4 => HitProcessAsync(ct),
                    4 => RestartAsync("Postgres", crash => bed.Postgres.StopAsync(crash), () => bed.Postgres.StartAgainAsync(), ct),
                    5 => RestartAsync("API server", crash => bed.Plane.StopApiServerAsync(crash), () => bed.Plane.StartApiServerAsync(), ct),
                    _ => HitLinkAsync(ct),
                });
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            foreach (var link in bed.Links.Values)
                link.Pass();
            foreach (var replica in bed.Running)
                await replica.SignalAsync("CONT", CancellationToken.None);
        }
    }

    private async Task HitLinkAsync(CancellationToken ct)
    {
        var (name, link) = bed.Links.ElementAt(_dice.Next(bed.Links.Count));
        // One in eight is long.
        var length = TimeSpan.FromSeconds(_dice.Next(8) == 0 ? 20 + (25 * _dice.NextDouble()) : 1 + (6 * _dice.NextDouble()));
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
            ("is cut in the middle of a message", () => link.CutAfter(_dice.Next(2000), Direction.ToServer | Direction.ToClient)),
            ("is slow", () => link.Latency = TimeSpan.FromMilliseconds(_dice.Next(50, 1500))),
        ];
        var (what, begin) = kinds[_dice.Next(kinds.Length)];
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
            Excuse(from, DateTimeOffset.UtcNow + Takeover);
        }
    }

    private async Task RestartAsync(string name, Func<bool, Task> stop, Func<Task> start, CancellationToken ct)
    {
        var crash = _dice.Next(2) == 0;
        var length = TimeSpan.FromSeconds(6 * _dice.NextDouble());
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
            Excuse(from, DateTimeOffset.UtcNow + Takeover);
        }
    }

    private async Task HitProcessAsync(CancellationToken ct)
    {
        var running = bed.Running.ToList();
        if (running.Count == 0)
            return;
        var replica = running[_dice.Next(running.Count)];
        switch (_dice.Next(4))
        {
            case 0:
                Say($"process {replica.Id} is stopped (SIGTERM)");
                await replica.SignalAsync("TERM", ct);
                break;
            case 1:
                var pause = TimeSpan.FromSeconds(1 + (24 * _dice.NextDouble()));
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

    private void Excuse(DateTimeOffset from, DateTimeOffset to)
    {
        // What queued up is worked off within as much again.
        lock (_excused)
        {
            if (to - from > Margin)
                _excused.Add((from + Margin, to + Margin));
        }
    }

    private static void Say(string what) => Console.WriteLine($"{DateTimeOffset.UtcNow:HH:mm:ss} {what}");
}
