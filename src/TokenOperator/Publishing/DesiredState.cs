// Publishing writes the Secret, the status and the events of an OAuthToken. It may call the Kubernetes API, and decides nothing.
using TokenOperator.Api;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Publishing;

/// <summary>What an OAuthToken's Secret and status should say.</summary>
/// <param name="Account">The row whose token belongs in the Secret, or null if no token may be there.</param>
/// <param name="Problem">What is wrong, or null.</param>
/// <param name="NextRefresh">When the provider is asked next, or null if something else must happen first.</param>
public sealed record DesiredState(AccountRecord? Account, Problem? Problem, DateTimeOffset? NextRefresh)
{
    /// <summary>What happens to the Secret.</summary>
    public SecretAction Secret { get; init; }

    /// <summary>Values that the Secret has beside the token, by their key there.</summary>
    public IReadOnlyDictionary<string, string> Exports { get; init; } = TokenSet.NoExports;

    /// <summary>When a refresh may start that someone requested too soon after another one; null if there is none. Its request is still pending.</summary>
    public DateTimeOffset? PostponedUntil { get; init; }

    /// <summary>True while a refresh waits for its turn or for its provider. Its request is still pending.</summary>
    public bool IsWaiting { get; init; }
}

/// <summary>What happens to a Secret.</summary>
public enum SecretAction
{
    /// <summary>It does not change.</summary>
    Keep,

    /// <summary>It receives the account's token.</summary>
    Write,

    /// <summary>It is deleted: the namespace may no longer use the account.</summary>
    Withdraw,
}
