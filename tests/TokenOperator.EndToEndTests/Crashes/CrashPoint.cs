using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests.Crashes;

/// <summary>A moment at which the operator is killed. Each is brought about from outside; the product knows nothing of it.</summary>
/// <param name="Flow"><c>refresh</c> of an account that has a token, or <c>seed</c>: import and first refresh.</param>
/// <param name="Name">As docs/reliability.md calls it.</param>
internal abstract record CrashPoint(string Flow, string Name)
{
    /// <summary>A provider that rotates handed out its reply, and it never reached a commit.</summary>
    public bool LosesReply { get; init; }

    /// <summary>All of them, in the order in which a process comes by.</summary>
    public static IReadOnlyList<CrashPoint> All { get; } =
    [
        .. Common("refresh"),
        new AtApi("seed", "before the seed Secret is read", HoldAt.Request, "GET", "/secrets/{0}-seed"),
        new InPostgres("seed", "before the import", RowStep.Import, Happens: false),
        new InPostgres("seed", "after the import, its answer unread", RowStep.Import, Happens: true),
        .. Common("seed"),
    ];

    private static CrashPoint[] Common(string flow) =>
    [
        new InPostgres(flow, "before the claim", RowStep.Claim, Happens: false),
        new InPostgres(flow, "after the claim, its answer unread", RowStep.Claim, Happens: true),
        new AtProvider(flow, "after the claim, the request not with the provider yet", HoldAt.Request),
        new AtProvider(flow, "after the provider has answered, its reply under way", HoldAt.Answer) { LosesReply = true },
        new InPostgres(flow, "after the reply, before the commit", RowStep.Commit, Happens: false) { LosesReply = true },
        new InPostgres(flow, "after the commit, its answer unread", RowStep.Commit, Happens: true),
        new AtApi(flow, "before the Secret is written", HoldAt.Request, "PATCH", "/secrets/{0}"),
        new AtApi(flow, "after the Secret is written, its answer unread", HoldAt.Answer, "PATCH", "/secrets/{0}"),
        new AtApi(flow, "before the status is written", HoldAt.Request, "PATCH", "/oauthtokens/{0}/status"),
        new AtApi(flow, "after the status is written, its answer unread", HoldAt.Answer, "PATCH", "/oauthtokens/{0}/status"),
    ];

    /// <summary>Held inside the database, which then carries the statement out, or not, when its client is dead.</summary>
    internal sealed record InPostgres(string Flow, string Name, RowStep Step, bool Happens) : CrashPoint(Flow, Name);

    /// <summary>Held between the operator and the provider.</summary>
    internal sealed record AtProvider(string Flow, string Name, HoldAt At) : CrashPoint(Flow, Name);

    /// <summary>Held between the operator and the API server.</summary>
    internal sealed record AtApi(string Flow, string Name, HoldAt At, string Method, string Path) : CrashPoint(Flow, Name);
}

/// <summary>One account at one provider that is at one point when the operator is killed.</summary>
/// <param name="Point">The point.</param>
/// <param name="Provider">The provider's name.</param>
/// <param name="Name">Of the account and of its OAuthToken.</param>
/// <param name="Seed">The refresh token that it begins with.</param>
internal sealed record CrashCase(CrashPoint Point, string Provider, string Name, string Seed);

/// <summary>What became of it.</summary>
/// <param name="Asked">How often the provider was asked, by the killed process and by its successor.</param>
/// <param name="Lost">True when a human must consent again.</param>
internal sealed record CrashOutcome(int Asked, bool Lost)
{
    /// <inheritdoc/>
    public override string ToString() => Lost ? "lost" : "kept, " + Asked switch { 0 => "not asked", 1 => "asked once", 2 => "asked twice", _ => $"asked {Asked} times" };
}
