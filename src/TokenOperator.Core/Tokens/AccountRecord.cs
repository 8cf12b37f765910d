namespace TokenOperator.Core.Tokens;

/// <summary>One row of <c>oauth_tokens</c> as the domain sees it.</summary>
public sealed record AccountRecord
{
    /// <summary>Its key.</summary>
    public required AccountKey Key { get; init; }

    /// <summary>Goes up by one with every write that changes tokens; what a claim and a commit are fenced by.</summary>
    public required long Generation { get; init; }

    /// <summary>Tells this row from another of the same key that was made after it was deleted, and counts from 0 again; null when that is not known.</summary>
    public string? Incarnation { get; init; }

    /// <summary>The tokens.</summary>
    public required TokenSet Token { get; init; }

    /// <summary>Namespaces that may use the account; null while it has been given to nobody (an adopted row).</summary>
    public IReadOnlyList<string>? Namespaces { get; init; }

    /// <summary>Namespaces that an administrator keeps away from the account, whatever they hold.</summary>
    public IReadOnlyList<string> DeniedNamespaces { get; init; } = [];

    /// <summary>When the provider last handed out a token; null before the operator's first refresh.</summary>
    public DateTimeOffset? LastRefreshAt { get; init; }

    /// <summary>The failures since the last success, or null.</summary>
    public RefreshFailure? Failure { get; init; }

    /// <summary>Fingerprints of the seeds that were imported, the last eight, newest last: none of them is tried a second time.</summary>
    public IReadOnlyList<string> SeedFingerprints { get; init; } = [];

    /// <summary>A refresh that has begun and of which no end is known, or null.</summary>
    public OpenClaim? OpenClaim { get; init; }

    /// <summary>True for a row as an app left it: nothing was imported into it, and nothing refreshed.</summary>
    public bool IsAdopted => Generation == 0 && SeedFingerprints.Count == 0;

    /// <summary>
    /// True when this is the same row as <paramref name="other"/>, as it was before. Not so for an adopted one: its tables were
    /// given back to the app (migrate down) and taken over again, and the app may have refreshed meanwhile.
    /// </summary>
    public bool IsEarlierThan(AccountRecord other) => !IsAdopted && Incarnation is not null && Incarnation == other.Incarnation && Generation < other.Generation;

    /// <summary>True when namespace <paramref name="ns"/> may use the account.</summary>
    public bool IsOpenTo(string ns) => Namespaces?.Contains(ns) == true && !DeniedNamespaces.Contains(ns);

    /// <summary>True when namespace <paramref name="ns"/> may not use the account, and can only be given it by an administrator.</summary>
    public bool IsClosedTo(string ns) => !IsOpenTo(ns) && (Namespaces is not null || DeniedNamespaces.Contains(ns));
}

/// <summary>A claim that stands on the row.</summary>
/// <param name="Scope">The scope that its holder led.</param>
/// <param name="Holder">The process that took it.</param>
/// <param name="IsOver">True when its time is up by the database's clock.</param>
public sealed record OpenClaim(string Scope, string Holder, bool IsOver)
{
    /// <summary>
    /// True when whoever leads <paramref name="scope"/> as <paramref name="holder"/> knows that nobody will end this claim. The
    /// provider may have answered then, and no one kept it: the old refresh token is good for a short while at most.
    /// </summary>
    public bool IsAbandoned(string scope, string holder) => IsOver || (Scope == scope && Holder != holder);
}

/// <summary>Consecutive failures of an account's refresh, as stored, so that a restart neither forgets nor repeats them.</summary>
/// <param name="Kind">What the last one means.</param>
/// <param name="Detail">What the provider said, made safe to show: error code and description, never a token; 300 characters at most.</param>
/// <param name="Count">How many in a row, from 1.</param>
/// <param name="At">When the last one happened.</param>
/// <param name="RetryAt">Not before this moment is the provider asked again, unless an input changes.</param>
/// <param name="InputsFingerprint">Fingerprint of client and refresh token that failed: others may be tried at once.</param>
public sealed record RefreshFailure(
    FailureKind Kind, string Detail, int Count, DateTimeOffset At, DateTimeOffset RetryAt, string InputsFingerprint);
