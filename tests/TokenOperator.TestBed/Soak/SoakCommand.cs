using System.Globalization;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed.Soak;

/// <summary>The verb <c>soak</c>: injects random faults for some minutes, and then counts the damage.</summary>
internal static class SoakCommand
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Runs the soak. The last line is one JSON object. <c>lost_tokens</c> counts accounts whose stored refresh token does not work at
    /// the end, <c>expired_seconds</c> the seconds for which a Secret held an expired token, summed over Secrets, and <c>double_asks</c>
    /// the requests for an account that the provider received while it was processing another one for it.
    /// </summary>
    /// <returns>0 if no token was lost, expired or requested twice at once, otherwise 1.</returns>
    public static async Task<int> RunAsync(string[] args, CancellationToken ct)
    {
        var minutes = Arguments.Number(args, "--minutes", 20);
        var accounts = (int)Arguments.Number(args, "--accounts", 200);
        var seed = (int)Arguments.Number(args, "--seed", Environment.TickCount & 0xFFFF);
        Console.WriteLine($"{accounts} accounts, {minutes} minutes. To repeat the same choices: --seed {seed}");
        await using var fixture = await SoakFixture.StartAsync(ct);
        fixture.StartReplicas();
        await fixture.AddAccountsAsync(accounts, ct);
        await AllAsync(fixture, accounts, view => view.Status("Ready") == "True", "every account is Ready", ct);
        List<long> memory = [Memory(fixture)];

        var faults = new SoakFaults(fixture, seed);
        var expired = await SufferAsync(fixture, faults, TimeSpan.FromMinutes(minutes), memory, ct);
        var lost = await LostAsync(fixture, accounts, ct);
        var doubleAsks = fixture.Plain.DoubleAsks + fixture.Rotating.DoubleAsks;
        var report = new JsonObject
        {
            ["minutes"] = minutes,
            ["accounts"] = accounts,
            ["seed"] = seed,
            ["refreshes"] = fixture.Plain.Requests.Count + fixture.Rotating.Requests.Count,
            ["unanswered"] = fixture.Silent.Requests.Count,
            ["faults"] = faults.Count,
            ["process_starts"] = fixture.Starts,
            ["lost_tokens"] = lost,
            ["expired_seconds"] = expired.Unexcused,
            ["expired_seconds_in_long_outages"] = expired.Excused,
            ["long_outages_s"] = Math.Round(faults.ExcusedSeconds),
            ["double_asks"] = doubleAsks,
            ["memory_start_mib"] = memory[0],
            ["memory_end_mib"] = Memory(fixture),
            ["memory_each_minute_mib"] = new JsonArray([.. memory.Select(mib => JsonValue.Create(mib))]),
        };
        if (lost > 0 || expired.Unexcused > 0)
            await KeepLogsAsync(fixture);
        Console.WriteLine(report.ToJsonString());
        return lost == 0 && expired.Unexcused == 0 && doubleAsks == 0 ? 0 : 1;
    }

    private static async Task<(int Unexcused, int Excused)> SufferAsync(SoakFixture fixture, SoakFaults faults, TimeSpan length, List<long> memory, CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        end.CancelAfter(length);
        var running = faults.RunAsync(end.Token);
        var (unexcused, samples) = (0, new List<(DateTimeOffset At, IReadOnlyList<string> Names)>());
        var started = DateTimeOffset.UtcNow;
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (!running.IsCompleted)
        {
            await second.WaitForNextTickAsync(ct);
            try
            {
                if (await ExpiredAsync(fixture, ct) is { Count: > 0 } names)
                    samples.Add((DateTimeOffset.UtcNow, names));
            }
            catch (Exception e) when (e is HttpRequestException or InvalidOperationException || (e is OperationCanceledException && !ct.IsCancellationRequested))
            {
                // The API server is restarting, so no application can read a Secret either.
            }

            if (DateTimeOffset.UtcNow - started > memory.Count * TimeSpan.FromMinutes(1))
                memory.Add(Memory(fixture));
        }

        await running;
        // The length of an outage is known only after its end.
        foreach (var (at, names) in samples.Where(sample => !faults.Excuses(sample.At)))
        {
            Console.WriteLine($"{at:HH:mm:ss} expired: {string.Join(' ', names.Take(5))}{(names.Count > 5 ? $" and {names.Count - 5} more" : "")}");
            unexcused += names.Count;
        }

        return (unexcused, samples.Sum(sample => sample.Names.Count) - unexcused);
    }

    private static async Task<IReadOnlyList<string>> ExpiredAsync(SoakFixture fixture, CancellationToken ct)
    {
        var now = DateTimeOffset.UtcNow;
        return [.. (await fixture.ListSecretsAsync(ct))
           .Where(secret => secret.ExpiresAt < now).Select(secret => secret.Name)];
    }

    /// <summary>After the last fault: refreshes every account once more, and counts those that cannot be refreshed.</summary>
    private static async Task<int> LostAsync(SoakFixture fixture, int accounts, CancellationToken ct)
    {
        Console.WriteLine("All faults are over. Each account is refreshed once more.");
        await fixture.Plane.Kubectl.RunAsync(["annotate", "oauthtokens", "-n", SoakFixture.Namespace, "--all", "tokenoperator.dev/refresh-requested-at=the-end"], ct: ct);
        bool IsDone(TokenView view) => view.Status("Stalled") == "True"
            || (view.Status("Refreshed") == "True" && view["lastHandledRefreshRequest"] == "the-end");
        try
        {
            await AllAsync(fixture, accounts, IsDone, "every account is refreshed or Stalled", ct);
        }
        catch (TimeoutException e)
        {
            Console.WriteLine(e.Message);
        }

        var views = await fixture.ListTokensAsync(ct);
        return views.Count(view => !IsDone(view) || view.Status("Stalled") == "True");
    }

    private static async Task AllAsync(SoakFixture fixture, int accounts, Func<TokenView, bool> until, string condition, CancellationToken ct) => await Eventually.SeesAsync(
        async () => (await fixture.ListTokensAsync(ct)).Count(until),
        count => count == accounts, Timeout, ct, condition);

    /// <summary>The resident memory of all replicas, in MiB.</summary>
    private static long Memory(SoakFixture fixture) => fixture.Running.Sum(replica =>
        File.ReadLines($"/proc/{replica.Id}/status").Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Sum(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)) / 1024);

    private static async Task KeepLogsAsync(SoakFixture fixture)
    {
        var folder = Directory.CreateTempSubdirectory("soak-").FullName;
        foreach (var file in Directory.GetFiles(fixture.Plane.Folder, "replica-*.log"))
            await Command.RunAsync("cp", [file, folder]);
        Console.WriteLine($"The replicas' logs are in {folder}");
    }
}
