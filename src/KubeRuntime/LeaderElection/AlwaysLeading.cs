namespace KubeRuntime.LeaderElection;

/// <summary>Leadership without an election: this process leads from start to stop, under a scope that no other process has.</summary>
internal sealed class AlwaysLeading(string identity) : IElection, IDisposable
{
    private readonly CancellationTokenSource _term = new();

    public bool IsLeading => !_term.IsCancellationRequested;

    public string Scope => $"process/{Identity}";

    public string Identity { get; } = identity;

    public long TermNumber => 0;

    public CancellationToken Term => _term.Token;

    public Task Acquired => Task.CompletedTask;

    public bool IsAlive => true;

    public async Task RunAsync(CancellationToken cancellationToken) =>
        await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public Task ReleaseAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _term.Dispose();
}
