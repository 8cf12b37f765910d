using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// An operator with its own namespace, database and token server, on a shared control plane and Postgres.
/// It runs with the token of its own ServiceAccount and the RBAC rules of config/rbac.
/// </summary>
public sealed class OperatorFixture : IAsyncDisposable
{
    private static int _fixtures;
    private readonly ClusterFixture _cluster;
    private readonly List<OperatorProcess> _operators = [];
    private readonly HashSet<string> _providers = [];
    private readonly int _number = Interlocked.Increment(ref _fixtures);
    private readonly bool _isRestored;

    private OperatorFixture(ClusterFixture cluster, PostgresServer postgres, PostgresDatabase database, ScriptedTokenServer tokens)
    {
        (_cluster, Postgres, Database, Tokens) = (cluster, postgres, database, tokens);
        Namespace = $"mail-{_number}";
    }

    private OperatorFixture(ClusterFixture cluster, OperatorFixture original, PostgresDatabase database)
        : this(cluster, original.Postgres, database, original.Tokens) => (Namespace, Keyring, _isRestored) = (original.Namespace, original.Keyring, true);

    /// <summary>The namespace that the operator watches.</summary>
    public string Namespace { get; }

    /// <summary>The UID of <see cref="Namespace"/>; null if the namespace existed before.</summary>
    public string? NamespaceUid { get; private set; }

    /// <summary>The lease of its operators, in <see cref="ClusterFixture.OperatorNamespace"/>.</summary>
    public string LeaseName => $"operator-{_number}";

    /// <summary>The database. You can set it before you start an operator.</summary>
    public PostgresDatabase Database { get; set; }

    /// <summary>The program of the operators; null for that of <see cref="OperatorProgram"/>. You can set it before you start an operator.</summary>
    public string? Program { get; set; }

    /// <summary>The version of the API in which the fixture writes and reads OAuthTokens.</summary>
    public string ApiVersion { get; set; } = "tokenoperator.dev/v1beta1";

    /// <summary>The provider.</summary>
    public ScriptedTokenServer Tokens { get; }

    /// <summary>The encryption keys.</summary>
    public TestKeyring Keyring { get; init; } = TestKeyring.Shared;

    /// <summary>The operator that was started last.</summary>
    public OperatorProcess Operator => _operators[^1];

    /// <summary>kubectl as administrator.</summary>
    public Kubectl Kubectl => _cluster.Plane.Kubectl;

    /// <summary>The server of the database.</summary>
    public PostgresServer Postgres { get; }

    /// <summary>The operator's user name at the API server.</summary>
    public static string User => $"system:serviceaccount:{ClusterFixture.OperatorNamespace}:{ClusterFixture.ServiceAccount}";

    /// <summary>Creates the namespace, the database, the token server and the Secret <c>client</c>, but no operator. The caller disposes of <paramref name="postgres"/> and <paramref name="keyring"/>.</summary>
    public static async Task<OperatorFixture> CreateAsync(ClusterFixture cluster, TokenServerBehaviour? behaviour = null, PostgresServer? postgres = null, TestKeyring? keyring = null)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        postgres ??= cluster.Postgres;
        var fixture = new OperatorFixture(cluster, postgres, await postgres.CreateDatabaseAsync(), await ScriptedTokenServer.StartAsync(behaviour)) { Keyring = keyring ?? TestKeyring.Shared };
        fixture.NamespaceUid = await cluster.Plane.CreateNamespaceAsync(fixture.Namespace);
        await cluster.Plane.ApplyAsync(Manifests.ClientSecret(fixture.Namespace, "client", "client-1", "client-secret-1"));
        return fixture;
    }

    /// <summary>As <see cref="CreateAsync"/>, with a running operator.</summary>
    public static async Task<OperatorFixture> StartAsync(ClusterFixture cluster, TokenServerBehaviour? behaviour = null, PostgresServer? postgres = null)
    {
        var fixture = await CreateAsync(cluster, behaviour, postgres);
        await fixture.StartOperatorAsync();
        return fixture;
    }

    /// <summary>
    /// The same namespace, provider and keys in another cluster, with a copy of the database and no objects. The operators of
    /// <paramref name="original"/> must have stopped.
    /// </summary>
    public static async Task<OperatorFixture> RestoreAsync(ClusterFixture cluster, OperatorFixture original)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(original);
        var fixture = new OperatorFixture(cluster, original, await original.Postgres.CreateDatabaseAsync(original.Database));
        fixture.NamespaceUid = await cluster.Plane.CreateNamespaceAsync(fixture.Namespace);
        return fixture;
    }

    /// <summary>Starts one more operator on the same lease.</summary>
    public async Task<OperatorProcess> StartOperatorAsync(params (string Name, string Value)[] settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["Namespaces"] = Namespace,
            ["LeaderElection__LeaseName"] = LeaseName,
            ["LeaderElection__LeaseNamespace"] = ClusterFixture.OperatorNamespace,
            ["Logging__LogLevel__TokenOperator"] = "Debug",
            ["Logging__Format"] = "text",
        };
        foreach (var (name, value) in settings)
            all[name] = value;
        var process = OperatorProcess.Start(new OperatorProcessOptions
        {
            Program = _cluster.Image is null ? Program ?? OperatorProgram.Path : "",
            Image = _cluster.Image,
            Kubeconfig = _cluster.OperatorKubeconfig,
            DatabaseUrl = Database.Uri,
            KeyringPath = Keyring.Folder,
            TokenEndpoint = Tokens.TokenEndpoint,
            RevocationEndpoint = Tokens.RevocationEndpoint,
            LogFile = Path.Combine(_cluster.Plane.Folder, $"operator-{_number}-{_operators.Count}.log"),
            Settings = all,
        });
        _operators.Add(process);
        return await process.ReadyAsync();
    }

    /// <summary>Runs a verb of token-operator against the fixture's database.</summary>
    public Task<CommandResult> RunVerbAsync(params string[] arguments) => RunVerbAsync([], arguments);

    /// <summary>As <see cref="RunVerbAsync(string[])"/>, with further settings.</summary>
    public async Task<CommandResult> RunVerbAsync(IReadOnlyList<(string Name, string Value)> settings, params string[] arguments)
    {
        if (_operators is [.., var last] && await last.ExecAsync(settings.ToDictionary(setting => setting.Name, setting => setting.Value), arguments) is { } inContainer)
            return inContainer;
        var environment = new Dictionary<string, string?> { ["DATABASE_URL"] = Database.Uri, [TestKeyring.Setting] = Keyring.Folder };
        foreach (var (name, value) in settings)
            environment[name] = value;
        return await OperatorProgram.RunAsync(environment, arguments);
    }

    /// <summary>The decrypted document in the account's row; null if there is no row.</summary>
    public async Task<string?> StoredDocumentAsync(string account, string provider = "google") =>
        await QueryAsync($"select token_data::text from oauth_tokens where account = '{account}'") is { Length: > 0 } stored
            ? Cipher.Open(new AccountKey(provider, account), stored)
            : null;

    /// <summary>The tokens in the account's row; null if there is no row.</summary>
    public async Task<TokenSet?> StoredTokenAsync(string account) =>
        await StoredDocumentAsync(account) is { } document ? TokenDocument.Read(document) : null;

    private TokenCipher Cipher => new(new Keyring(Keyring.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false);

    /// <summary>Creates or replaces a Secret with one key.</summary>
    public Task WriteSecretAsync(string name, string key, string content) =>
        _cluster.Plane.ApplyAsync(Manifests.Secret(Namespace, name, (key, content)));

    /// <summary>Creates an account that has consented, its seed Secret <c>NAME-seed</c>, and its OAuthToken.</summary>
    public async Task<TokenGrant> AddAccountAsync(string name, Action<JsonObject>? change = null)
    {
        var grant = Tokens.AddAccount(name);
        await WriteSeedAsync(name, grant.RefreshToken);
        await ApplyAsync(name, change);
        return grant;
    }

    /// <summary>Writes the seed Secret <c>NAME-seed</c>.</summary>
    public Task WriteSeedAsync(string name, string refreshToken) => _cluster.Plane.ApplyAsync(Manifests.SeedSecret(Namespace, name, refreshToken));

    /// <summary>Applies an OAuthToken for the account of the same name.</summary>
    public Task ApplyAsync(string name, Action<JsonObject>? change = null)
    {
        var token = Manifests.OAuthToken(Namespace, name, change: change);
        token["apiVersion"] = ApiVersion;
        return _cluster.Plane.ApplyAsync(token);
    }

    /// <summary>Applies a ClusterOAuthProvider, which is deleted with the fixture. All fixtures of a cluster share it, so that each needs its own names.</summary>
    public Task ApplyProviderAsync(string name, JsonObject spec)
    {
        _providers.Add(name);
        return _cluster.Plane.ApplyAsync(Manifests.ClusterOAuthProvider(name, spec));
    }

    /// <summary>Waits until an operator has said about the newest document of a ClusterOAuthProvider whether it is accepted, for this reason.</summary>
    /// <returns>The status, and the message of the condition.</returns>
    public async Task<(JsonNode Status, string Message)> ProviderSeesAsync(string name, string status, string reason)
    {
        var seen = await Eventually.SeesAsync(
            async () => (await _cluster.Plane.GetAsync($"/apis/tokenoperator.dev/v1beta1/clusteroauthproviders/{name}"))!,
            view => view["status"]?["conditions"]?[0] is { } condition && (string?)condition["status"] == status && (string?)condition["reason"] == reason
                && (long?)view["status"]!["observedGeneration"] == (long?)view["metadata"]!["generation"],
            condition: $"Accepted={status} {reason} of {name}");
        return (seen["status"]!, (string)seen["status"]!["conditions"]![0]!["message"]!);
    }

    /// <summary>Requests a refresh by annotation.</summary>
    public Task RequestRefreshAsync(string name, string value = "now") =>
        _cluster.Plane.MergeAsync(AddressOf(name), new JsonObject
        {
            ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["tokenoperator.dev/refresh-requested-at"] = value } },
        });

    /// <summary>Requests a refresh, and waits until it has succeeded.</summary>
    /// <param name="name">The OAuthToken.</param>
    /// <param name="request">The request, another one each time.</param>
    public async Task<TokenView> RefreshAsync(string name, string request)
    {
        await RequestRefreshAsync(name, request);
        return await Eventually.SeesAsync(
            () => GetAsync(name), view => view["lastHandledRefreshRequest"] == request && view.Status("Refreshed") == "True", condition: $"refresh {request} of {name}");
    }

    /// <summary>Requests a refresh, and waits until the operator has handled the request, whatever came of it. A status from before does not count.</summary>
    /// <inheritdoc cref="RefreshAsync"/>
    public async Task<TokenView> HandledAsync(string name, string request)
    {
        await RequestRefreshAsync(name, request);
        return await Eventually.SeesAsync(() => GetAsync(name), view => view["lastHandledRefreshRequest"] == request, condition: $"request {request} of {name} is handled");
    }

    /// <summary>The current OAuthToken.</summary>
    public async Task<TokenView> GetAsync(string name)
    {
        ThrowIfEnded();
        return new(await _cluster.Plane.GetAsync(AddressOf(name))
            ?? throw new InvalidOperationException($"There is no OAuthToken {Namespace}/{name}."));
    }

    /// <summary>Waits until a condition has this status and, if given, this reason, for the newest spec. A status from before a change of the spec does not count.</summary>
    public Task<TokenView> SeesAsync(string name, string type, string status, string? reason = null, TimeSpan? within = null) => Eventually.SeesAsync(
        () => GetAsync(name),
        view => view.IsOfSpec && view.Status(type) == status && (reason is null || view.Reason(type) == reason),
        within,
        condition: $"{type}={status} {reason} of {name}");

    /// <summary>Waits until it is Ready.</summary>
    public Task<TokenView> ReadyAsync(string name) => SeesAsync(name, "Ready", "True");

    /// <summary>The Secret; null if there is none.</summary>
    public async Task<SecretView?> SecretAsync(string name)
    {
        ThrowIfEnded();
        return await _cluster.Plane.GetAsync($"/api/v1/namespaces/{Namespace}/secrets/{name}") is { } json ? new SecretView(json) : null;
    }

    /// <summary>Runs a statement in the database, and returns the first column of the first row as text.</summary>
    public async Task<string?> QueryAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return Convert.ToString(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }

    /// <summary>The reasons of the events about an object, oldest first.</summary>
    public async Task<IReadOnlyList<string>> EventsAsync(string name)
    {
        var list = (await _cluster.Plane.GetAsync($"/apis/events.k8s.io/v1/namespaces/{Namespace}/events"))!;
        return [.. list["items"]!.AsArray()
            .Where(e => (string?)e!["regarding"]?["name"] == name)
            .OrderBy(e => (string?)e!["eventTime"], StringComparer.Ordinal)
            .Select(e => (string)e!["reason"]!)];
    }

    /// <summary>
    /// Deletes the namespace with everything in it, and creates it again with the Secret <c>client</c>, as for another tenant. It does what the
    /// controllers of a whole cluster do.
    /// </summary>
    public async Task RecreateNamespaceAsync()
    {
        var path = $"/api/v1/namespaces/{Namespace}";
        await Kubectl.RunAsync($"delete oauthtokens,secrets --all -n {Namespace}");
        await Kubectl.RunAsync($"delete namespace {Namespace} --wait=false");
        var terminating = (await _cluster.Plane.GetAsync(path))!;
        terminating["spec"]!["finalizers"] = new JsonArray();
        await Kubectl.RunAsync(["replace", "--raw", $"{path}/finalize", "-f", "-"], terminating.ToJsonString());
        await Eventually.SeesAsync(() => _cluster.Plane.GetAsync(path), found => found is null);
        await _cluster.Plane.CreateNamespaceAsync(Namespace);
        await _cluster.Plane.ApplyAsync(Manifests.ClientSecret(Namespace, "client", "client-1", "client-secret-1"));
    }

    /// <summary>Deletes an OAuthToken and waits until it is gone.</summary>
    public Task DeleteAsync(string name) => _cluster.Plane.DeleteAsync(AddressOf(name));

    /// <summary>Changes the spec of an OAuthToken by a merge patch.</summary>
    public Task PatchSpecAsync(string name, string spec) =>
        _cluster.Plane.MergeAsync(AddressOf(name), new JsonObject { ["spec"] = JsonNode.Parse(spec) });

    /// <summary>The operator's requests in this namespace so far, without leases and watches.</summary>
    public async Task<IReadOnlyList<AuditedRequest>> RequestsAsync() =>
        [.. (await _cluster.Plane.AuditLog.RequestsAsync(User)).Where(r => r.Namespace == Namespace && r.Verb != "watch")];

    private string AddressOf(string name) => $"/apis/{ApiVersion}/namespaces/{Namespace}/oauthtokens/{name}";

    /// <summary>A test that waits for what an operator does says why there is none.</summary>
    private void ThrowIfEnded()
    {
        if (_operators is [.., var last] && _operators.All(process => process.HasExited))
            last.ThrowIfEnded();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in _operators)
            await process.DisposeAsync();
        if (_providers.Count > 0)
            await Kubectl.TryRunAsync(["delete", "clusteroauthprovider", .. _providers, "--ignore-not-found"]);
        if (!_isRestored)
            await Tokens.DisposeAsync();
    }
}
