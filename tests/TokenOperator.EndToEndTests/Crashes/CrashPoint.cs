using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests.Crashes;

/// <summary>A point at which the operator is killed. Tests create it from outside, without support in the product.</summary>
/// <param name="Flow"><c>refresh</c> of an account that has a token, or <c>seed</c>: import and first refresh.</param>
/// <param name="Name">The name in docs/reliability.md.</param>
internal abstract record CrashPoint(string Flow, string Name)
{
    /// <summary>True if a rotating provider has replied and the reply is never committed.</summary>
    public bool LosesReply { get; init; }

    /// <summary>All crash points, in the order of the flow.</summary>
    public static IReadOnlyList<CrashPoint> All { get; } =
    [
        .. Common("refresh"),
        new AtApi("seed", "before the seed Secret is read", HoldAt.Request, "GET", "/secrets/{0}-seed"),
        new InPostgres("seed", "before the import", RowStep.Import, Happens: false),
        new InPostgres("seed", "after the import, before the operator reads the answer", RowStep.Import, Happens: true),
        .. Common("seed"),
    ];

    private static CrashPoint[] Common(string flow) =>
    [
        new InPostgres(flow, "before the claim", RowStep.Claim, Happens: false),
        new InPostgres(flow, "after the claim, before the operator reads the answer", RowStep.Claim, Happens: true),
        new AtProvider(flow, "after the claim, before the request reaches the provider", HoldAt.Request),
        new AtProvider(flow, "after the provider has answered, before the reply arrives", HoldAt.Answer) { LosesReply = true },
        new InPostgres(flow, "after the reply, before the commit", RowStep.Commit, Happens: false) { LosesReply = true },
        new InPostgres(flow, "after the commit, before the operator reads the answer", RowStep.Commit, Happens: true),
        new AtApi(flow, "before the Secret is written", HoldAt.Request, "PATCH", "/secrets/{0}"),
        new AtApi(flow, "after the Secret is written, before the operator reads the answer", HoldAt.Answer, "PATCH", "/secrets/{0}"),
        new AtApi(flow, "before the status is written", HoldAt.Request, "PATCH", "/oauthtokens/{0}/status"),
        new AtApi(flow, "after the status is written, before the operator reads the answer", HoldAt.Answer, "PATCH", "/oauthtokens/{0}/status"),
    ];

    /// <summary>Held inside Postgres, which executes the statement or cancels it after its client is dead.</summary>
    internal sealed record InPostgres(string Flow, string Name, RowStep Step, bool Happens) : CrashPoint(Flow, Name);

    /// <summary>Held between the operator and the provider.</summary>
    internal sealed record AtProvider(string Flow, string Name, HoldAt At) : CrashPoint(Flow, Name);

    /// <summary>Held between the operator and the API server.</summary>
    internal sealed record AtApi(string Flow, string Name, HoldAt At, string Method, string Path) : CrashPoint(Flow, Name);
}

/// <summary>An account at a provider that is at a crash point when the operator is killed.</summary>
/// <param name="Point">The crash point.</param>
/// <param name="Provider">The provider's name.</param>
/// <param name="Name">The name of the account and of its OAuthToken.</param>
/// <param name="Seed">Its first refresh token.</param>
internal sealed record CrashCase(CrashPoint Point, string Provider, string Name, string Seed);

/// <summary>The outcome for an account.</summary>
/// <param name="Asked">The number of refresh requests of the killed process and of its successor.</param>
/// <param name="Lost">True if a person must consent again.</param>
internal sealed record CrashOutcome(int Asked, bool Lost)
{
    /// <inheritdoc/>
    public override string ToString() => Lost ? "lost" : "kept, " + Asked switch { 0 => "not asked", 1 => "asked once", 2 => "asked twice", _ => $"asked {Asked} times" };
}
