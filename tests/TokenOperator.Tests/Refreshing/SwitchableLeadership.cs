using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

/// <summary>Leads as the test says.</summary>
internal sealed class SwitchableLeadership : ILeadershipGuard, IDisposable
{
    private CancellationTokenSource _term = new();

    public void Dispose() => _term.Dispose();

    public bool IsLeader { get; set; } = true;

    public string Scope => "tests/lease";

    public string Holder => "tests";

    public long TermNumber => 1;

    public CancellationToken Term => _term.Token;

    public void Renew() => _term = new CancellationTokenSource();
}
