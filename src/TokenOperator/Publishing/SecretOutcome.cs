namespace TokenOperator.Publishing;

/// <summary>What became of the Secret in one reconcile.</summary>
public enum SecretOutcome
{
    /// <summary>The Secret was not changed: there is no token to write, or no change is allowed.</summary>
    Untouched,

    /// <summary>This object has no Secret, and none must be written now.</summary>
    Missing,

    /// <summary>It holds the account's newest token.</summary>
    UpToDate,

    /// <summary>A Secret of that name belongs to someone else.</summary>
    Conflict,

    /// <summary>The API server is unavailable, or could not carry out the write this time.</summary>
    Failed,

    /// <summary>The API server denies the write, and would deny it again: the Secret is immutable, or a policy, a quota or missing rights prevent it.</summary>
    Denied,

    /// <summary>This process no longer leads, so it wrote nothing.</summary>
    LeadershipLost,
}

/// <summary>What became of the Secret, with the text for its status.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Message">Why, unless it is up to date.</param>
public readonly record struct SecretResult(SecretOutcome Outcome, string Message = "");
