using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>How an attempt to refresh an account ended.</summary>
public abstract record RefreshOutcome
{
    private RefreshOutcome()
    {
    }

    /// <summary>The provider was asked.</summary>
    /// <param name="Record">The row after it: refreshed, failed, or as another process left it. Null if the row is gone.</param>
    public sealed record Asked(AccountRecord? Record) : RefreshOutcome;

    /// <summary>Someone else was faster, so the provider was not asked, or its answer does not count.</summary>
    /// <param name="Record">The row as it is now; null if it is gone.</param>
    public sealed record Superseded(AccountRecord? Record) : RefreshOutcome
    {
        /// <summary>True if the provider was asked.</summary>
        public bool IsAsked { get; init; }
    }

    /// <summary>No object wanted the refresh any more when its turn came, so the provider was not asked.</summary>
    public sealed record Withdrawn : RefreshOutcome;

    /// <summary>Another holder's claim is open. Its result shows within seconds.</summary>
    public sealed record ClaimHeld : RefreshOutcome;

    /// <summary>This process no longer leads. The rest is left to the one that does.</summary>
    public sealed record LeadershipLost : RefreshOutcome;

    /// <summary>The store could not be used, so the provider was not asked.</summary>
    /// <param name="Lookup">Why. Never <see cref="AccountLookup.Found"/> or <see cref="AccountLookup.Absent"/>.</param>
    public sealed record NotStored(AccountLookup Lookup) : RefreshOutcome;

    /// <summary>The attempt failed in a way that nobody expected. The log has the details.</summary>
    public sealed record Faulted : RefreshOutcome;

    /// <summary>True if a request can have been sent to the provider, so that it counts against the provider's rate.</summary>
    public bool IsSent => this is Asked or Faulted or Superseded { IsAsked: true };

    /// <summary>True if the attempt answered what asked for it. After any other outcome, the refresh is still to be done.</summary>
    public bool IsSettled => this is Asked;

    /// <summary>The same outcome, without the tokens of its row.</summary>
    internal RefreshOutcome WithoutRecord() => this switch
    {
        Asked => new Asked(Record: null),
        Superseded superseded => superseded with { Record = null },
        _ => this,
    };
}
