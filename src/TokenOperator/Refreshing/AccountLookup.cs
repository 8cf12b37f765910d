using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>The result of looking up an account.</summary>
public abstract record AccountLookup
{
    private AccountLookup()
    {
    }

    /// <summary>Why the account cannot be used, for a person; empty if it was found or does not exist.</summary>
    public string Explanation => this switch
    {
        Unavailable { Message: var message } => message,
        WrongSchema { Message: var message } => message,
        Unreadable { Message: var message } => message,
        _ => "",
    };

    /// <summary>The account's row.</summary>
    public sealed record Found(AccountRecord Record) : AccountLookup;

    /// <summary>No such row is stored.</summary>
    public sealed record Absent : AccountLookup;

    /// <summary>Postgres cannot be used now. A later attempt can succeed.</summary>
    public sealed record Unavailable(string Message) : AccountLookup;

    /// <summary>The tables do not suit this version. Someone has to act.</summary>
    public sealed record WrongSchema(string Message) : AccountLookup;

    /// <summary>There is no such row, and none may be created: the namespace has as many accounts as the settings allow.</summary>
    public sealed record OverQuota(string Namespace, long Count, int Max) : AccountLookup;

    /// <summary>The row is there and cannot be read.</summary>
    /// <param name="Message">What was found and what to do. Nothing of the content.</param>
    /// <param name="Rest">What can be read of the row, without tokens: its namespaces. Null if nothing can.</param>
    public sealed record Unreadable(string Message, AccountRecord? Rest) : AccountLookup;
}

/// <summary>An account as this process remembers it.</summary>
/// <param name="Record">The row, with the token that is not committed yet.</param>
/// <param name="At">The wall clock when these tokens arrived here.</param>
/// <param name="Timestamp">The monotonic clock at the same moment.</param>
public readonly record struct AccountSnapshot(AccountRecord Record, DateTimeOffset At, long Timestamp)
{
    /// <summary>
    /// The time of day by which the moments of this account are judged: the wall clock, but never less than the time at which the tokens
    /// arrived plus the time that has passed since. Setting the clock back extends the life of no token.
    /// </summary>
    public DateTimeOffset Now(TimeProvider time)
    {
        var wall = time.GetUtcNow();
        return At + time.GetElapsedTime(Timestamp) is var steady && steady > wall ? steady : wall;
    }
}
