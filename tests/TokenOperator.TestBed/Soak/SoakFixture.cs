// The soak: many accounts, two replicas, random faults. May start every server of this project.
using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.TestBed.Faults;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.TestBed.Soak;

/// <summary>
/// A control plane, a Postgres and two token servers, each behind a <see cref="FaultProxy"/>, and two replicas that are restarted
/// when they end, as by a kubelet. Half of the accounts are at a provider that rotates refresh tokens with a grace period. As many again
/// are at a third provider, which accepts requests and never answers one.
/// </summary>
internal sealed class SoakFixture : IAsyncDisposable
{
    public const string Namespace = "soak";
    private const string SilentProvider = "silent";
    private const string OperatorNamespace = "token-operator-system";
    private static readonly TimeSpan KubeletDelay = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, string?> _settings;
    private readonly CancellationTokenSource _stop = new();
    private readonly OperatorProcess?[] _replicas = new OperatorProcess?[2];
    private readonly string _kubeconfig;
    private readonly string _databaseUrl;
    private Task _kubelets = Task.CompletedTask;
    private int _starts;

    private SoakFixture(
        ControlPlane plane, PostgresServer postgres, ScriptedTokenServer plain, ScriptedTokenServer rotating, ScriptedTokenServer silent, FaultProxy[] links, string kubeconfig, string databaseUrl)
    {
        (Plane, Postgres, Plain, Rotating, Silent, _kubeconfig, _databaseUrl) = (plane, postgres, plain, rotating, silent, kubeconfig, databaseUrl);
        Links = new Dictionary<string, FaultProxy>
        {
            ["API server"] = links[0],
            ["Postgres"] = links[1],
            ["plain provider"] = links[2],
            ["rotating provider"] = links[3],
        };
        _settings = new Dictionary<string, string?>
        {
            ["Namespaces"] = Namespace,
            ["LeaderElection__LeaseNamespace"] = OperatorNamespace,
            ["Logging__Format"] = "text",
            // Tokens of a minute need a shorter timeout than tokens of an hour: a request on a dead connection ends only after this time.
            ["Providers__google__TimeoutSeconds"] = "10",
            ["Providers__rotating__TimeoutSeconds"] = "10",
            [$"Providers__{SilentProvider}__TimeoutSeconds"] = "10",
            [$"Providers__{SilentProvider}__TokenEndpoint"] = silent.TokenEndpoint.ToString(),
            ["Providers__rotating__TokenEndpoint"] = links[3].Through(rotating.TokenEndpoint).ToString(),
        };
    }

    public ControlPlane Plane { get; }

    public PostgresServer Postgres { get; }

    public ScriptedTokenServer Plain { get; }

    public ScriptedTokenServer Rotating { get; }

    /// <summary>Never answers.</summary>
    public ScriptedTokenServer Silent { get; }

    public IReadOnlyDictionary<string, FaultProxy> Links { get; }

    public int Starts => _starts;

    public IEnumerable<OperatorProcess> Running => _replicas.OfType<OperatorProcess>().Where(r => !r.HasExited);

    public static async Task<SoakFixture> StartAsync(CancellationToken ct)
    {
        var starting = PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false }, ct);
        var plane = await ControlPlane.StartAsync(ct: ct);
        var postgres = await starting;
        var database = await postgres.CreateDatabaseAsync(ct: ct);
        var plain = await ScriptedTokenServer.StartAsync(Behaviour(rotates: false), ct: ct);
        var rotating = await ScriptedTokenServer.StartAsync(Behaviour(rotates: true), ct: ct);
        var silent = await ScriptedTokenServer.StartAsync(ct: ct);
        silent.Always(ScriptedTokenServer.Everyone, ScriptedAnswer.Held(new TaskCompletionSource().Task));
        FaultProxy[] links =
        [
            FaultProxy.Start(plane.Server), FaultProxy.Start("127.0.0.1", postgres.Port), FaultProxy.Start(plain.Address), FaultProxy.Start(rotating.Address),
        ];
        await plane.CreateNamespaceAsync(Namespace, ct);
        var kubeconfig = await KubeconfigFile.RedirectAsync(
            await Manifests.InstallAsync(plane, OperatorNamespace, "token-operator", ct),
            Path.Combine(plane.Folder, "soak.kubeconfig"), links[0].Through(plane.Server), ct: ct);
        return new SoakFixture(plane, postgres, plain, rotating, silent, links, kubeconfig, database.At(links[1].Port).Uri);
    }

    /// <summary>Creates the accounts with their seeds and OAuthTokens, and as many at the silent provider.</summary>
    public async Task AddAccountsAsync(int count, CancellationToken ct)
    {
        var items = new JsonArray { Manifests.ClientSecret(Namespace, "client", "soak", "soak-secret") };
        for (var i = 0; i < count; i++)
        {
            var (provider, server) = i % 2 == 0 ? ("google", Plain) : ("rotating", Rotating);
            var name = string.Create(CultureInfo.InvariantCulture, $"{provider}-{i:000}");
            items.Add(Manifests.SeedSecret(Namespace, name, server.AddAccount(name).RefreshToken));
            items.Add(Manifests.OAuthToken(Namespace, name, provider));
            var mute = string.Create(CultureInfo.InvariantCulture, $"{SilentProvider}-{i:000}");
            items.Add(Manifests.SeedSecret(Namespace, mute, Silent.AddAccount(mute).RefreshToken));
            items.Add(Manifests.OAuthToken(Namespace, mute, SilentProvider));
        }

        await Plane.Kubectl.ApplyTextAsync(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "List", ["items"] = items }.ToJsonString(), ct);
    }

    /// <summary>Starts both replicas and keeps them running.</summary>
    public void StartReplicas() => _kubelets = Task.WhenAll(KeepAsync(0), KeepAsync(1));

    /// <summary>The OAuthTokens of the providers that answer.</summary>
    public async Task<IReadOnlyList<TokenView>> ListTokensAsync(CancellationToken ct) =>
        [.. (await ListAsync($"/apis/tokenoperator.dev/v1beta1/namespaces/{Namespace}/oauthtokens", ct))
            .Where(json => (string?)json["spec"]!["provider"] != SilentProvider).Select(json => new TokenView(json))];

    public async Task<IReadOnlyList<SecretView>> ListSecretsAsync(CancellationToken ct) =>
        [.. (await ListAsync($"/api/v1/namespaces/{Namespace}/secrets", ct)).Select(json => new SecretView(json))];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _kubelets;
        foreach (var replica in _replicas.OfType<OperatorProcess>())
            await replica.DisposeAsync();
        foreach (var link in Links.Values)
            await link.DisposeAsync();
        await Plain.DisposeAsync();
        await Rotating.DisposeAsync();
        await Silent.DisposeAsync();
        await Postgres.DisposeAsync();
        await Plane.DisposeAsync();
        _stop.Dispose();
    }

    private static TokenServerBehaviour Behaviour(bool rotates) => new()
    {
        TokenLifetime = TimeSpan.FromSeconds(60),
        Latency = TimeSpan.FromMilliseconds(100),
        RotateRefreshTokens = rotates,
        ReuseLeeway = TimeSpan.FromMinutes(10),
    };

    private async Task<IEnumerable<JsonNode>> ListAsync(string path, CancellationToken ct) =>
        (await Plane.GetAsync(path, ct))!["items"]!.AsArray().Select(item => item!);

    private async Task KeepAsync(int index)
    {
        try
        {
            while (true)
            {
                var replica = OperatorProcess.Start(new OperatorProcessOptions
                {
                    Program = OperatorProgram.Path,
                    Kubeconfig = _kubeconfig,
                    DatabaseUrl = _databaseUrl,
                    TokenEndpoint = Links["plain provider"].Through(Plain.TokenEndpoint),
                    RevocationEndpoint = Links["plain provider"].Through(Plain.RevocationEndpoint),
                    LogFile = Path.Combine(Plane.Folder, $"replica-{index}.log"),
                    Settings = _settings,
                });
                Interlocked.Increment(ref _starts);
                var old = Interlocked.Exchange(ref _replicas[index], replica);
                if (old is not null)
                    await old.DisposeAsync();
                await replica.WaitForExitAsync(_stop.Token);
                await Task.Delay(KubeletDelay, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The soak is over.
        }
    }
}
