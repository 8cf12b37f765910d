namespace TokenOperator.Publishing;

/// <summary>What became of the Secret in one reconcile.</summary>
public enum SecretOutcome
{
    /// <summary>It was left as it is: there is no token to write, or nothing may be touched.</summary>
    Untouched,

    /// <summary>There is none of this object's, and none is to be written now.</summary>
    Missing,

    /// <summary>It holds the account's newest token.</summary>
    Right,

    /// <summary>A Secret of that name is somebody else's.</summary>
    Conflict,

    /// <summary>The API server refused it or cannot be reached.</summary>
    Failed,
}

/// <summary>What became of the Secret, with what to say about it.</summary>
/// <param name="Outcome">What.</param>
/// <param name="Message">Why, unless it is right.</param>
public readonly record struct SecretResult(SecretOutcome Outcome, string Message = "");
