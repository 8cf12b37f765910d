// What a decision rests on. Values only, no I/O.
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Reconcile;

/// <summary>All that is known at one moment about one OAuthToken. Looking costs something, so what was not needed was not looked at.</summary>
public sealed record ReconcileInput
{
    /// <summary>The moment.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>What is asked for.</summary>
    public required TokenRequest Request { get; init; }

    /// <summary>Names of the providers there are.</summary>
    public required IReadOnlyCollection<string> Providers { get; init; }

    /// <summary>The row in Postgres.</summary>
    public Lookup<AccountRecord> Account { get; init; } = new Lookup<AccountRecord>.NotLooked();

    /// <summary>The OAuth client.</summary>
    public Lookup<OAuthClient> Client { get; init; } = new Lookup<OAuthClient>.NotLooked();

    /// <summary>The seed.</summary>
    public Lookup<Seed> Seed { get; init; } = new Lookup<Seed>.NotLooked();

    /// <summary>When the client was refused of late, by whichever account: do not ask with it before this moment.</summary>
    public DateTimeOffset? ClientRejectedUntil { get; init; }

    /// <summary>Why Postgres cannot be used now, or null: nothing that needs it is tried again in this reconcile.</summary>
    public string? StoreError { get; init; }

    /// <summary>When the provider's rate limit lets this account through, at the latest; null while that was not asked, or it did.</summary>
    public DateTimeOffset? PermitAt { get; init; }

    /// <summary>The scope and the name under which this process leads.</summary>
    public (string Scope, string Holder) Leader { get; init; }

    /// <summary>A refresh was asked for by annotation and not tried yet.</summary>
    public bool RefreshRequested { get; init; }

    /// <summary>The spec is another than the one that last failed: one attempt is free.</summary>
    public bool SpecChanged { get; init; }
}

/// <summary>The outcome of looking for something.</summary>
/// <typeparam name="T">What was looked for.</typeparam>
public abstract record Lookup<T>
    where T : class
{
    private Lookup()
    {
    }

    /// <summary>Not looked for yet.</summary>
    public sealed record NotLooked : Lookup<T>;

    /// <summary>It is not there.</summary>
    /// <param name="Message">Where it was looked for.</param>
    public sealed record Absent(string Message) : Lookup<T>;

    /// <summary>It is there, or may be, and cannot be used.</summary>
    /// <param name="Reason">One of <see cref="Api.Reasons"/>.</param>
    /// <param name="Message">What is wrong, where, and what to do.</param>
    /// <param name="NeedsHuman">False when it can pass by itself.</param>
    public sealed record Faulty(string Reason, string Message, bool NeedsHuman) : Lookup<T>;

    /// <summary>Here it is.</summary>
    /// <param name="Value">It.</param>
    public sealed record Found(T Value) : Lookup<T>;
}
