using KubeRuntime.Controllers;

namespace KubeRuntime.Hosting;

/// <summary>Everything that works while this process leads: the workers of all controllers, and what the application does outside of them.</summary>
internal sealed class OperatorWork(IEnumerable<IControllerRunner> runners, IEnumerable<IDrain> drains, OperatorOptions options, TimeProvider time)
{
    private readonly IControllerRunner[] _runners = [.. runners];
    private readonly IDrain[] _drains = [.. drains];

    /// <summary>False if a reconcile hangs far beyond its timeout.</summary>
    public bool IsAlive => Array.TrueForAll(_runners, runner => runner.IsAlive);

    /// <summary>Starts the workers.</summary>
    /// <param name="term">Cancelled when the lease is lost.</param>
    public void Start(CancellationToken term)
    {
        foreach (var runner in _runners)
            runner.Start(term);
    }

    /// <summary>Starts nothing more, and waits for what is in progress for <see cref="OperatorOptions.DrainTimeout"/> in total.</summary>
    /// <returns>False if something is still in progress.</returns>
    public async Task<bool> DrainAsync()
    {
        var startedAt = time.GetTimestamp();
        foreach (var drain in _drains)
            drain.Close();
        var drained = await Task.WhenAll(_runners.Select(runner => runner.DrainAsync(options.DrainTimeout)));
        var left = options.DrainTimeout - time.GetElapsedTime(startedAt);
        var finished = await Task.WhenAll(_drains.Select(drain => drain.DrainAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero)));
        return Array.TrueForAll([.. drained, .. finished], isFinished => isFinished);
    }
}
