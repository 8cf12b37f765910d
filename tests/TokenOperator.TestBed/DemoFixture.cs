using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.TestBed;

/// <summary>The servers of the demo: a control plane, a Postgres and a token endpoint; and the operator in its own process.</summary>
public sealed class DemoFixture : IAsyncDisposable
{
    /// <summary>The operator's namespace.</summary>
    public const string OperatorNamespace = "token-operator-system";

    /// <summary>The Lease of the leader election.</summary>
    public const string Lease = "token-operator";

    /// <summary>The refresh token of config/samples/secrets.yaml.</summary>
    public const string SampleRefreshToken = "sample-refresh-token";

    /// <summary>Another consent of the same account, to try after the first one is revoked.</summary>
    public const string SpareRefreshToken = "sample-refresh-token-2";

    private const string ServiceAccount = "token-operator";
    private const string Scope = "https://www.googleapis.com/auth/gmail.send";

    private readonly PostgresServer _postgres;
    private int _operators;

    private DemoFixture(string program, ControlPlane plane, PostgresServer postgres, PostgresDatabase database, ScriptedTokenServer tokens)
    {
        (Program, Plane, _postgres, Database, Tokens) = (program, plane, postgres, database, tokens);
        Watch = Path.Combine(plane.Folder, "watch.txt");
    }

    /// <summary>The operator's program.</summary>
    public string Program { get; }

    /// <summary>The Kubernetes API.</summary>
    public ControlPlane Plane { get; }

    /// <summary>The operator's database.</summary>
    public PostgresDatabase Database { get; }

    /// <summary>The token endpoint. It knows the client and the account of config/samples.</summary>
    public ScriptedTokenServer Tokens { get; }

    /// <summary>The running operator, or null.</summary>
    public OperatorProcess? Operator { get; private set; }

    /// <summary>The output file of the watching kubectl.</summary>
    public string Watch { get; }

    /// <summary>The number of token requests.</summary>
    public int AskedCount => Tokens.Requests.Count(request => request.Path == "/token");

    /// <summary>Starts everything but the operator. All processes end with this one, however it ends.</summary>
    /// <param name="tokenLifetime">The lifetime of an access token.</param>
    /// <param name="ct">Ends it.</param>
    public static async Task<DemoFixture> StartAsync(TimeSpan tokenLifetime, CancellationToken ct)
    {
        var program = OperatorProgram.Path;
        var starting = PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false }, ct);
        ControlPlane? plane = null;
        try
        {
            plane = await ControlPlane.StartAsync(ct: ct);
            var postgres = await starting;
            var tokens = await ScriptedTokenServer.StartAsync(
                new TokenServerBehaviour { TokenLifetime = tokenLifetime, Client = ("sample-client.apps.googleusercontent.com", "sample-client-secret") },
                ct: ct);
            foreach (var refreshToken in new[] { SampleRefreshToken, SpareRefreshToken })
                tokens.AddAccount("marcus", refreshToken).Scope = Scope;
            return new DemoFixture(program, plane, postgres, await postgres.CreateDatabaseAsync(ct: ct), tokens);
        }
        catch
        {
            if (plane is not null)
                await plane.DisposeAsync();
            if (await Task.WhenAny(starting) is { IsCompletedSuccessfully: true })
                await (await starting).DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the operator with the token of its own ServiceAccount, and does not wait until it is ready.</summary>
    public async Task<OperatorProcess> StartOperatorAsync(CancellationToken ct)
    {
        if (Operator is not null)
            await Operator.DisposeAsync();
        return Operator = OperatorProcess.Start(new OperatorProcessOptions
        {
            Program = Program,
            Kubeconfig = await Plane.ServiceAccountKubeconfigAsync(OperatorNamespace, ServiceAccount, ct),
            DatabaseUrl = Database.Uri,
            TokenEndpoint = Tokens.TokenEndpoint,
            RevocationEndpoint = Tokens.RevocationEndpoint,
            LogFile = Path.Combine(Plane.Folder, $"operator-{++_operators}.log"),
            Settings = new Dictionary<string, string?>
            {
                ["LeaderElection__LeaseName"] = Lease,
                ["LeaderElection__LeaseNamespace"] = OperatorNamespace,
                ["Logging__Format"] = "text",
            },
        });
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Operator is not null)
            await Operator.DisposeAsync();
        await Tokens.DisposeAsync();
        await _postgres.DisposeAsync();
        await Plane.DisposeAsync();
    }
}
