using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres;

/// <summary>A row is there and its content is not what an account's row holds. It is left as it is.</summary>
/// <param name="key">The row.</param>
/// <param name="problem">What was found and what was expected; nothing of the content.</param>
/// <param name="advice">What to do; by default, to mend or replace the row.</param>
public sealed class UnreadableRowException(AccountKey key, string problem, string advice = "Mend it, or delete it and import a token file.")
    : Exception($"The row {key} of table oauth_tokens cannot be read: {problem} It was left as it is. {advice}")
{
    /// <summary>The row.</summary>
    public AccountKey Key { get; } = key;

    /// <summary>What is wrong with it.</summary>
    public string Problem { get; } = problem;

    /// <summary>What can be read of it all the same, without tokens: whose it is. Null when that cannot be read either.</summary>
    public AccountRecord? Rest { get; private init; }

    /// <summary>The same, with what can be read of the row.</summary>
    public UnreadableRowException With(AccountRecord rest) => new(Key, Problem, advice) { Rest = rest };
}
