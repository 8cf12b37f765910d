using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Reconcile;

/// <summary>The next thing to do for an OAuthToken: either it tells more and a new decision follows, or it settles the matter.</summary>
public abstract record Decision
{
    private Decision()
    {
    }

    /// <summary>Look up the account's row.</summary>
    public sealed record LookUpAccount : Decision;

    /// <summary>Read the client Secret.</summary>
    public sealed record ReadClient : Decision;

    /// <summary>Read the seed Secret.</summary>
    public sealed record ReadSeed : Decision;

    /// <summary>Import the seed.</summary>
    /// <param name="Seed">What to import.</param>
    /// <param name="Replaces">The row that it replaces, or null to insert one.</param>
    public sealed record Import(Seed Seed, AccountRecord? Replaces) : Decision;

    /// <summary>Give an account that belongs to nobody to this namespace, which has shown that it holds the same refresh token.</summary>
    public sealed record Allow : Decision;

    /// <summary>Ask the provider.</summary>
    /// <param name="Account">The row as it was seen.</param>
    /// <param name="Client">With which client.</param>
    public sealed record Refresh(AccountRecord Account, OAuthClient Client) : Decision;

    /// <summary>Nothing more to find out or to change at the provider and in Postgres: publish.</summary>
    /// <param name="DesiredState">What is.</param>
    public sealed record Publish(DesiredState DesiredState) : Decision;
}

/// <summary>What is to be published.</summary>
/// <param name="Account">The row whose token goes into the Secret, or null when none may.</param>
/// <param name="Problem">What is wrong, or null.</param>
/// <param name="NextRefresh">When the provider is asked next, or null when something else must happen first.</param>
public sealed record DesiredState(AccountRecord? Account, Problem? Problem, DateTimeOffset? NextRefresh)
{
    /// <summary>True while a refresh that was decided on waits for its turn: what asked for it has not been dealt with yet.</summary>
    public bool IsWaiting { get; init; }
}

/// <summary>What is wrong.</summary>
/// <param name="Reason">One of <see cref="Api.Reasons"/>.</param>
/// <param name="Message">What is wrong, where, and what to do.</param>
/// <param name="NeedsHuman">False when the operator tries again by itself.</param>
public sealed record Problem(string Reason, string Message, bool NeedsHuman);
