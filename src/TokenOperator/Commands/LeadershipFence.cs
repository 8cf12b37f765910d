using TokenOperator.Refreshing;
using TokenOperator.Runtime.LeaderElection;

namespace TokenOperator.Commands;

/// <summary>The operator may act while it leads.</summary>
public sealed class LeadershipFence(ILeadership leadership) : IFence
{
    /// <inheritdoc/>
    public bool Holds => leadership.IsLeading;

    /// <inheritdoc/>
    public string Scope => leadership.Scope;

    /// <inheritdoc/>
    public string Holder => leadership.Identity;

    /// <inheritdoc/>
    public CancellationToken Term => leadership.Term;
}
