using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests.Crashes;

/// <summary>
/// One operator with an account at each <see cref="CrashPoint"/> and each kind of provider at the same time, one SIGKILL, and a
/// successor that recovers all accounts.
/// </summary>
internal sealed class CrashMatrix : IAsyncDisposable
{
    public const string Plain = "plain";
    public const string Rotating = "rotating";
    public const string Lenient = "lenient";
    private const string Requested = "tokenoperator.dev/refresh-requested-at";
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    private readonly ClusterFixture _cluster;
    private readonly OperatorFixture _fixture;
    private readonly OpenIddictServer _rotating;
    private readonly OpenIddictServer _lenient;
    private readonly HttpFaultProxy _api;
    private readonly Dictionary<string, HttpFaultProxy> _providers;
    private readonly List<CrashCase> _cases = [];
    private readonly Dictionary<CrashCase, HttpHold> _holds = [];
    private Dictionary<string, ProviderLedger> _ledgers = [];
    private RowHolds? _rows;

    private CrashMatrix(
        ClusterFixture cluster, OperatorFixture fixture, OpenIddictServer rotating, OpenIddictServer lenient, HttpFaultProxy api, Dictionary<string, HttpFaultProxy> providers) =>
        (_cluster, _fixture, _rotating, _lenient, _api, _providers) = (cluster, fixture, rotating, lenient, api, providers);

    public static async Task<CrashMatrix> CreateAsync(ClusterFixture cluster)
    {
        var fixture = await OperatorFixture.CreateAsync(cluster);
        var rotating = await OpenIddictServer.StartAsync();
        var lenient = await OpenIddictServer.StartAsync(new OpenIddictServerOptions { ReuseLeeway = TimeSpan.FromHours(1) });
        var matrix = new CrashMatrix(
            cluster, fixture, rotating, lenient,
            await HttpFaultProxy.StartAsync(cluster.Plane.Server, cluster.Plane.CertificateAuthorityFile),
            new Dictionary<string, HttpFaultProxy>
            {
                [Plain] = await HttpFaultProxy.StartAsync(fixture.Tokens.Address),
                [Rotating] = await HttpFaultProxy.StartAsync(rotating.Address),
                [Lenient] = await HttpFaultProxy.StartAsync(lenient.Address),
            });
        await matrix.PrepareAsync();
        return matrix;
    }

    /// <summary>Brings every account to its crash point, kills the operator, and starts a successor.</summary>
    public async Task<IReadOnlyDictionary<CrashCase, CrashOutcome>> RunAsync()
    {
        var victim = await StartOperatorAsync();
        await ApplyAsync("refresh");
        await Eventually.SeesAsync(ViewsAsync, views => views.Values.Count(v => v.Status("Ready") == "True") == _cases.Count(c => c.Point.Flow == "refresh"), Timeout);

        await ArmAsync();
        var before = Asked();
        await Task.WhenAll(
            _fixture.Kubectl.RunAsync(["annotate", "oauthtokens", "-n", _fixture.Namespace, "--all", $"{Requested}=first"]),
            ApplyAsync("seed"));
        await NoneAsync(UnreachedAsync, "every account is held at its point");
        await victim.KillAsync();
        await DisarmAsync();
        // Withdrawn, so that only the open claim can cause a further request.
        await _fixture.Kubectl.RunAsync(["annotate", "oauthtokens", "-n", _fixture.Namespace, "--all", $"{Requested}-"]);

        await StartOperatorAsync();
        await NoneAsync(UnsettledAsync, "the successor has settled every account");
        var asked = Asked();
        var views = await ViewsAsync();
        var outcomes = _cases.ToDictionary(
            c => c, c => new CrashOutcome(asked.GetValueOrDefault(c.Name) - before.GetValueOrDefault(c.Name), IsDead(views[c.Name])));
        await ProveAsync(outcomes);
        return outcomes;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var hold in _holds.Values)
            hold.Release();
        await _fixture.DisposeAsync();
        if (_rows is not null)
            await _rows.DisposeAsync();
        await _api.DisposeAsync();
        foreach (var proxy in _providers.Values)
            await proxy.DisposeAsync();
        await _rotating.DisposeAsync();
        await _lenient.DisposeAsync();
    }

    private async Task PrepareAsync()
    {
        await _fixture.WriteSecretAsync(
            "client", "credentials.json",
            $$$"""{"installed":{"client_id":"{{{OpenIddictServer.ClientId}}}","client_secret":"{{{OpenIddictServer.ClientSecret}}}"}}""");
        foreach (var (point, index) in CrashPoint.All.Select((point, index) => (point, index)))
        {
            foreach (var provider in _providers.Keys)
            {
                var name = $"{provider}-{point.Flow}-{index}";
                var seed = provider switch
                {
                    Rotating => await _rotating.IssueRefreshTokenAsync(name),
                    Lenient => await _lenient.IssueRefreshTokenAsync(name),
                    _ => _fixture.Tokens.AddAccount(name).RefreshToken,
                };
                _cases.Add(new CrashCase(point, provider, name, seed));
            }
        }

        _ledgers = _providers.ToDictionary(
            p => p.Key, p => new ProviderLedger(p.Value, _cases.Where(c => c.Provider == p.Key).ToDictionary(c => c.Seed, c => c.Name)));
    }

    private async Task<OperatorProcess> StartOperatorAsync()
    {
        var kubeconfig = Path.Combine(_cluster.Plane.Folder, $"{_fixture.Namespace}.kubeconfig");
        await KubeconfigFile.RedirectAsync(_cluster.OperatorKubeconfig, kubeconfig, _api.Address, _api.Authority);
        return await _fixture.StartOperatorAsync(
        [
            ("KUBECONFIG", kubeconfig),
            // Every account is held at its crash point at the same time.
            ("Concurrency", "128"),
            ("ConnectionStrings__Postgres", _fixture.Database.ConnectionString + ";Maximum Pool Size=60;Command Timeout=120"),
            .. _providers.Select(p => ($"Providers__{p.Key}__TokenEndpoint", new Uri(p.Value.Address, "/token").ToString())),
            // The first account is held at the provider until the last one is held at its point.
            .. _providers.Select(p => ($"Providers__{p.Key}__TimeoutSeconds", "180")),
            .. _providers.Select(p => ($"Providers__{p.Key}__RequestsPerSecond", "1000")),
            .. _providers.Select(p => ($"Providers__{p.Key}__Burst", "1000")),
        ]);
    }

    /// <summary>Creates the seeds and the OAuthTokens of one flow with one command.</summary>
    private Task ApplyAsync(string flow) => Task.WhenAll(_cases.Where(c => c.Point.Flow == flow).Select(async c =>
    {
        await _fixture.WriteSeedAsync(c.Name, c.Seed);
        await _fixture.ApplyAsync(c.Name, spec => spec["provider"] = c.Provider);
    }));

    private async Task ArmAsync()
    {
        _rows = await RowHolds.CreateAsync(_fixture.Database);
        foreach (var c in _cases)
        {
            switch (c.Point)
            {
                case CrashPoint.InPostgres point:
                    await _rows.HoldAsync(c.Provider, c.Name, point.Step);
                    break;
                case CrashPoint.AtProvider point:
                    _holds[c] = _providers[c.Provider].Hold(point.At, request => _ledgers[c.Provider].AccountOf(request) == c.Name);
                    break;
                case CrashPoint.AtApi point:
                    var path = string.Format(System.Globalization.CultureInfo.InvariantCulture, point.Path, c.Name);
                    _holds[c] = _api.Hold(point.At, request => request.Method == point.Method && request.Path.EndsWith(path, StringComparison.Ordinal));
                    break;
            }
        }
    }

    /// <summary>Accounts that have not reached their crash point.</summary>
    private async Task<IReadOnlyList<string>> UnreachedAsync()
    {
        var held = await _rows!.WaitingAsync();
        return [.. _cases.Where(c => _holds.TryGetValue(c, out var hold) ? hold.Waiting == 0 : !held.Contains((c.Provider, c.Name))).Select(c => $"{c.Name} ({c.Point.Name})")];
    }

    /// <summary>After the process is dead, cancels the statements that should have no effect, and releases the others.</summary>
    private async Task DisarmAsync()
    {
        foreach (var c in _cases)
        {
            if (c.Point is CrashPoint.InPostgres { Happens: false } point)
                await _rows!.DropAsync(c.Provider, c.Name, point.Step);
        }

        await _rows!.ReleaseAsync();
        await Eventually.IsTrueAsync(() => _holds.Values.All(hold => hold.Waiting == 0), condition: "the proxies see that their client is dead");
        foreach (var hold in _holds.Values)
            hold.Release();
    }

    private async Task<IReadOnlyDictionary<string, TokenView>> ViewsAsync()
    {
        var list = await _cluster.Plane.GetAsync($"/apis/tokenoperator.dev/v1beta1/namespaces/{_fixture.Namespace}/oauthtokens");
        return list!["items"]!.AsArray().ToDictionary(item => (string)item!["metadata"]!["name"]!, item => new TokenView(item!.DeepClone()));
    }

    private Dictionary<string, int> Asked() =>
        _ledgers.Values.SelectMany(ledger => ledger.Read()).GroupBy(request => request.Account).ToDictionary(group => group.Key, group => group.Count());

    /// <summary>Accounts that neither have the newest token nor wait for a new consent.</summary>
    private async Task<IReadOnlyList<string>> UnsettledAsync()
    {
        var open = await _fixture.QueryAsync("select coalesce(string_agg(account, ' '), '') from oauth_tokens where claim_expires_at is not null");
        var newest = _ledgers.Values.SelectMany(ledger => ledger.Read()).Where(r => r.Granted is not null).GroupBy(r => r.Account)
            .ToDictionary(group => group.Key, group => group.Last().Granted);
        var views = await ViewsAsync();
        var secrets = (await _cluster.Plane.GetAsync($"/api/v1/namespaces/{_fixture.Namespace}/secrets"))!["items"]!.AsArray()
            .ToDictionary(item => (string)item!["metadata"]!["name"]!, item => new SecretView(item!.DeepClone()));
        return [.. _cases.Select(c => c.Name).Where(name => open!.Split(' ').Contains(name) || !IsSettled(name))];

        bool IsSettled(string name) =>
            IsDead(views[name])
            || (views[name].Status("Ready") == "True"
                && secrets.TryGetValue(name, out var secret)
                && secret["access_token"] == newest.GetValueOrDefault(name)
                && secret["expires_at"] == views[name]["expiresAt"]);
    }

    /// <summary>The provider says that the refresh token no longer works. Whether the operator already believes it does not matter here.</summary>
    private static bool IsDead(TokenView view) => view.Status("Refreshed") == "False" && view.Reason("Refreshed") == "ReauthorizationRequired";

    /// <summary>Verifies that the stored refresh token still works.</summary>
    private async Task ProveAsync(Dictionary<CrashCase, CrashOutcome> outcomes)
    {
        await _fixture.Kubectl.RunAsync(["annotate", "oauthtokens", "-n", _fixture.Namespace, "--all", $"{Requested}=second"]);
        await NoneAsync(
            async () =>
            {
                var views = await ViewsAsync();
                return [.. outcomes.Where(o => !o.Value.Lost).Select(o => o.Key.Name)
                    .Where(name => views[name]["lastHandledRefreshRequest"] != "second" || views[name].Status("Refreshed") != "True")];
            },
            "every refresh token that was kept works on");
    }

    private static async Task NoneAsync(Func<Task<IReadOnlyList<string>>> look, string condition) => await Eventually.SeesAsync(
        async () => string.Join(", ", await look()), missing => missing.Length == 0, Timeout, condition: condition);
}
