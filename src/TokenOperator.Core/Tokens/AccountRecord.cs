namespace TokenOperator.Core.Tokens;

/// <summary>One row of the table <c>oauth_tokens</c>.</summary>
public sealed record AccountRecord
{
    /// <summary>The key of the row.</summary>
    public required AccountKey Key { get; init; }

    /// <summary>Increases by one with every write that changes tokens. Claims and commits are fenced by it.</summary>
    public required long Generation { get; init; }

    /// <summary>Distinguishes this row from a later row with the same key, whose generation starts at 0 again; null if unknown.</summary>
    public string? Incarnation { get; init; }

    /// <summary>The tokens.</summary>
    public required TokenSet Token { get; init; }

    /// <summary>Namespaces that may use the account; null if it belongs to no namespace yet (an adopted row).</summary>
    public IReadOnlyList<string>? Namespaces { get; init; }

    /// <summary>Namespaces that an administrator denied access to the account, whatever seed they have.</summary>
    public IReadOnlyList<string> DeniedNamespaces { get; init; } = [];

    /// <summary>The UIDs of namespaces that may use the account, each as <c>namespace/uid</c>. That of a namespace without one is recorded at its next use.</summary>
    public IReadOnlyList<string> NamespaceUids { get; init; } = [];

    /// <summary>Increases with every change of the access list. Null if the list is not authenticated, as in a row that is not encrypted.</summary>
    public long? AccessVersion { get; init; }

    /// <summary>When the provider last handed out a token; null before the operator's first refresh.</summary>
    public DateTimeOffset? LastRefreshAt { get; init; }

    /// <summary>The failures since the last success, or null.</summary>
    public RefreshFailure? Failure { get; init; }

    /// <summary>Fingerprints of the last eight imported seeds, newest last. None of them is imported again.</summary>
    public IReadOnlyList<string> SeedFingerprints { get; init; } = [];

    /// <summary>A refresh that has started and whose result is unknown, or null.</summary>
    public OpenClaim? OpenClaim { get; init; }

    /// <summary>True for a row that an application wrote and the operator has neither imported into nor refreshed.</summary>
    public bool IsAdopted => Generation == 0 && SeedFingerprints.Count == 0;

    /// <summary>True if the operator itself got the access token with the refresh token, so that the client is known to work with it.</summary>
    public bool HasWorked => LastRefreshAt is { } at && Token.IssuedAt is { } issued && (at - issued).Duration() < TimeSpan.FromSeconds(1);

    /// <summary>
    /// True when this is an earlier state of the row <paramref name="other"/>. Never true for an adopted row: the table may have been given
    /// back to the application (migrate down) and adopted again, and the application may have refreshed in between.
    /// </summary>
    public bool IsEarlierThan(AccountRecord other) => !IsAdopted && Incarnation is not null && Incarnation == other.Incarnation && Generation < other.Generation;

    /// <summary>True when this row has the access list as it was before a change that the row <paramref name="other"/> contains.</summary>
    public bool HasEarlierAccessThan(AccountRecord other) =>
        !IsAdopted && Incarnation is not null && Incarnation == other.Incarnation && other.AccessVersion is { } version && (AccessVersion ?? 0) < version;

    /// <summary>True when a namespace with the name <paramref name="ns"/> may use the account, if it is the one that was allowed.</summary>
    public bool Lists(string ns) => Namespaces?.Contains(ns) == true && !DeniedNamespaces.Contains(ns);

    /// <summary>
    /// True when <paramref name="user"/> may use the account. A namespace whose UID is recorded may use it only if its UID is known and is
    /// the same.
    /// </summary>
    public bool IsOpenTo(AccountUser user) => Lists(user.Namespace) && (UidOf(user.Namespace) is not { } recorded || recorded == user.Uid);

    /// <summary>True when <paramref name="user"/> may not use the account and only an administrator, or proof, can change that.</summary>
    public bool IsClosedTo(AccountUser user) => !IsOpenTo(user) && (Namespaces is not null || DeniedNamespaces.Contains(user.Namespace));

    /// <summary>The recorded UID of the namespace <paramref name="ns"/>, or null.</summary>
    public string? UidOf(string ns) => AccountAccess.UidOf(NamespaceUids, ns);
}

/// <summary>A claim that is recorded in the row.</summary>
/// <param name="Scope">The scope that the holder led.</param>
/// <param name="Holder">The process that took it.</param>
/// <param name="IsOver">True when it has expired by the clock of the database.</param>
public sealed record OpenClaim(string Scope, string Holder, bool IsOver)
{
    /// <summary>When it was taken, or earlier, by the clock of this process. The request to the provider was sent after that, if it was sent at all.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>
    /// True when the leader <paramref name="holder"/> of <paramref name="scope"/> knows that no process will complete this claim. The provider
    /// may have responded and the response is lost, so the old refresh token may stop working soon.
    /// </summary>
    public bool IsAbandoned(string scope, string holder) => IsOver || (Scope == scope && Holder != holder);
}

/// <summary>Consecutive failures of an account's refresh. They are stored, so that a restart neither forgets nor repeats them.</summary>
/// <param name="Kind">The kind of the last failure.</param>
/// <param name="Detail">What the provider reported, redacted: error code and description, never a token; at most 300 characters.</param>
/// <param name="Count">Number of consecutive failures, from 1.</param>
/// <param name="At">When the last failure happened.</param>
/// <param name="RetryAt">The earliest time of the next attempt, unless an input changes.</param>
/// <param name="InputsFingerprint">Fingerprint of the client and the refresh token that failed: others are tried immediately.</param>
public sealed record RefreshFailure(
    FailureKind Kind, string Detail, int Count, DateTimeOffset At, DateTimeOffset RetryAt, string InputsFingerprint)
{
    /// <summary>When the first request of these failures was sent. Temporary failures and those that need someone to act are counted apart.</summary>
    public DateTimeOffset Since { get; init; } = At;

    /// <summary>
    /// When the first request since the last success was sent whose answer was lost, so that the provider may have replaced the refresh token; null
    /// if every request was answered. Later failures keep it, whatever their kind.
    /// </summary>
    public DateTimeOffset? UnansweredSince { get; init; }
}
