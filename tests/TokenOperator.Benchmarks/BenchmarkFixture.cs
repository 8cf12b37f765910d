using k8s;
using Npgsql;
using TokenOperator.TestBed;

namespace TokenOperator.Benchmarks;

/// <summary>The data of one measurement: a namespace, its client Secret, and a database with a row for each account.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Database">The database.</param>
internal sealed record Stage(string Namespace, PostgresDatabase Database)
{
    /// <summary>The client Secret that all objects reference.</summary>
    public const string ClientSecretName = "client";
}

/// <summary>The servers around the measured program: API server, etcd, Postgres, and a token endpoint in its own process.</summary>
internal sealed class BenchmarkFixture : IAsyncDisposable
{
    /// <summary>The OAuth client.</summary>
    public const string ClientId = "client-1";

    /// <summary>Its secret.</summary>
    public const string ClientSecret = "client-secret-1";

    /// <summary>The namespace of the operator's lease.</summary>
    public const string OperatorNamespace = "token-operator-system";

    private const string ServiceAccount = "token-operator";
    private const int TokenLatency = 20;

    private readonly ControlPlane _plane;
    private readonly ChildProcess _tokens;
    private readonly HttpClient _http = new();
    private readonly BenchmarkConnection _admin;
    private readonly string _folder;

    private BenchmarkFixture(ControlPlane plane, PostgresServer postgres, ChildProcess tokens, Uri tokenEndpoint, string kubeconfig, string folder)
    {
        (_plane, Postgres, _tokens, TokenEndpoint, Kubeconfig, _folder) = (plane, postgres, tokens, tokenEndpoint, kubeconfig, folder);
        _admin = new BenchmarkConnection(Address(plane.AdminKubeconfig));
    }

    /// <summary>Postgres.</summary>
    public PostgresServer Postgres { get; }

    /// <summary>The token endpoint. It answers each refresh after 20 ms.</summary>
    public Uri TokenEndpoint { get; }

    /// <summary>A kubeconfig with the operator's own permissions.</summary>
    public string Kubeconfig { get; }

    /// <summary>The administrator's connection, for the load generator.</summary>
    public BenchmarkConnection Admin => _admin;

    /// <summary>The API server, as the operator.</summary>
    public ApiAddress OperatorAddress => Address(Kubeconfig);

    /// <summary>Starts everything.</summary>
    public static async Task<BenchmarkFixture> StartAsync(CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("to-bench-").FullName;
        var postgres = PostgresServer.StartAsync(ct: ct);
        var plane = await ControlPlane.StartAsync(new ControlPlaneOptions { Audit = true }, ct);
        var kubeconfig = await Manifests.InstallAsync(plane, OperatorNamespace, ServiceAccount, ct);
        var (tokens, endpoint) = await StartTokenServerAsync(folder, ct);
        return new BenchmarkFixture(plane, await postgres, tokens, endpoint, kubeconfig, folder);
    }

    /// <summary>The path of a process's log file.</summary>
    public string LogFile(string name) => Path.Combine(_folder, name + ".log");

    /// <summary>Creates a namespace and a migrated database with a row for each account of Google that belongs to the namespace.</summary>
    public Task<Stage> PrepareAsync(string ns, string operatorProgram, IReadOnlyList<string> accounts, CancellationToken ct) =>
        PrepareAsync(ns, operatorProgram, [("google", accounts)], ct);

    /// <summary>The same with the accounts of several providers.</summary>
    public async Task<Stage> PrepareAsync(string ns, string operatorProgram, IReadOnlyList<(string Provider, IReadOnlyList<string> Accounts)> rows, CancellationToken ct)
    {
        var uid = await _plane.CreateNamespaceAsync(ns, ct) ?? throw new InvalidOperationException($"The namespace {ns} exists.");
        await _plane.ApplyAsync(Manifests.ClientSecret(ns, Stage.ClientSecretName, ClientId, ClientSecret), ct);
        var database = await Postgres.CreateDatabaseAsync(ct: ct);
        var migration = await Command.RunAsync(
            operatorProgram, ["migrate", "up"], environment: new Dictionary<string, string?> { ["DATABASE_URL"] = database.Uri }, ct: ct);
        if (migration.ExitCode != 0)
            throw new InvalidOperationException($"token-operator migrate up failed: {migration.Errors}");
        foreach (var (provider, accounts) in rows)
            await SeedAsync(database, ns, uid, provider, accounts, ct);
        return new Stage(ns, database);
    }

    /// <summary>Deletes all OAuthTokens and Secrets of the namespace, because there is no garbage collector.</summary>
    public async Task ClearAsync(Stage stage, CancellationToken ct)
    {
        foreach (var path in new[] { $"/apis/tokenoperator.dev/v1beta1/namespaces/{stage.Namespace}/oauthtokens", $"/api/v1/namespaces/{stage.Namespace}/secrets" })
            await _admin.SendAsync(HttpMethod.Delete, path, null, "", ct);
    }

    /// <summary>All requests of the operator's ServiceAccount so far.</summary>
    public Task<IReadOnlyList<AuditedRequest>> RequestsAsync(CancellationToken ct) =>
        _plane.AuditLog.RequestsAsync($"system:serviceaccount:{OperatorNamespace}:{ServiceAccount}", ct);

    /// <summary>The number of token requests so far.</summary>
    public async Task<int> ProviderCallsAsync(CancellationToken ct) =>
        int.Parse(await _http.GetStringAsync(new Uri(TokenEndpoint, "/count"), ct), System.Globalization.CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        _http.Dispose();
        await _tokens.DisposeAsync();
        await Postgres.DisposeAsync();
        await _plane.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private ApiAddress Address(string kubeconfig)
    {
        var config = KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig);
        // Of several authorities in a kubeconfig, KubernetesClient.Aot 21.0.8 reads only the first.
        return new ApiAddress(new Uri(config.Host), _plane.CertificateAuthorityFile, config.AccessToken);
    }

    private static async Task<(ChildProcess Process, Uri Endpoint)> StartTokenServerAsync(string folder, CancellationToken ct)
    {
        var log = Path.Combine(folder, "token-server.log");
        var server = ChildProcess.Start(new ChildProcessOptions(
            Path.Combine(AppContext.BaseDirectory, "TokenOperator.TestBed"), ["token-server", "--latency", $"{TokenLatency}"])
        { LogFile = log });
        var address = await Eventually.SeesAsync(
            () => File.ReadLines(log).FirstOrDefault() ?? "", line => Uri.IsWellFormedUriString(line, UriKind.Absolute) || server.HasExited, ct: ct);
        server.ThrowIfExited();
        return (server, new Uri(address));
    }

    private static async Task SeedAsync(PostgresDatabase database, string ns, string uid, string provider, IReadOnlyList<string> accounts, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(database.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand(
            """
            with expects_plain_rows as (delete from token_operator_made where part = 'encrypted')
            insert into oauth_tokens (provider, account, token_data, namespaces, namespace_uids)
            select $4, account, jsonb_build_object('refresh_token', '1//' || account || repeat('-0123456789', 8)), array[$2], array[$2 || '/' || $3]
            from unnest($1) as account
            """,
            connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. accounts] });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = ns });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = uid });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = provider });
        await command.ExecuteNonQueryAsync(ct);
        await using var analyze = new NpgsqlCommand("vacuum analyze oauth_tokens", connection);
        await analyze.ExecuteNonQueryAsync(ct);
    }
}
