// A real etcd and kube-apiserver, started as envtest starts them. May start processes and use this machine's network. Knows
// nothing about the product.
using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>The options of a <see cref="ControlPlane"/>.</summary>
public sealed record ControlPlaneOptions
{
    /// <summary>Further arguments of kube-apiserver, such as <c>--v=4</c>. If a name occurs twice, the later one counts.</summary>
    public IReadOnlyList<string> ApiServerArguments { get; init; } = [];

    /// <summary>True makes the API server log each request to <see cref="ControlPlane.AuditLog"/>.</summary>
    public bool Audit { get; init; }
}

/// <summary>
/// A Kubernetes API without a controller-manager and a kubelet: there is no garbage collection, no default ServiceAccount and no
/// running pod, and a deleted namespace stays in Terminating. Its files are in one folder. Both processes end and the folder is
/// deleted when this object is disposed of, or when the process that started them ends for any reason.
/// </summary>
public sealed class ControlPlane : IAsyncDisposable
{
    private const string AdminToken = "test-bed-admin";
    private const long MinFreeBytes = 1L << 30;
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);

    private readonly TestAssets _assets;
    private readonly ControlPlaneOptions _options;
    private readonly int _etcdPort = Ports.Free();
    private readonly int _apiPort = Ports.Free();
    private ChildProcess? _etcd;
    private ChildProcess? _apiServer;
    private ApiClient? _admin;

    private ControlPlane(TestAssets assets, ControlPlaneOptions options)
    {
        _assets = assets;
        _options = options;
        Folder = Path.Combine(BaseFolder(), "to-k8s-" + Path.GetRandomFileName()[..8]);
        Server = new Uri($"https://127.0.0.1:{_apiPort}");
        CertificateAuthorityFile = Path.Combine(Folder, "certificates", "apiserver.crt");
        AdminKubeconfig = Path.Combine(Folder, "admin.kubeconfig");
        Kubectl = new Kubectl(assets.Kubectl, AdminKubeconfig, Path.Combine(Folder, "kubectl-cache"));
        AuditLog = new AuditLog(Path.Combine(Folder, "audit.log"));
    }

    /// <summary>The folder with data, certificates, kubeconfigs, etcd.log and kube-apiserver.log.</summary>
    public string Folder { get; }

    /// <summary>The API server's address. It stays the same after a restart.</summary>
    public Uri Server { get; }

    /// <summary>The certificate authority of the API server (PEM).</summary>
    public string CertificateAuthorityFile { get; }

    /// <summary>The kubeconfig of an administrator (group system:masters).</summary>
    public string AdminKubeconfig { get; }

    /// <summary>kubectl as that administrator.</summary>
    public Kubectl Kubectl { get; }

    /// <summary>The requests that the API server received, if <see cref="ControlPlaneOptions.Audit"/> is set.</summary>
    public AuditLog AuditLog { get; }

    /// <summary>The process id of kube-apiserver, to measure its CPU time and memory; null while it is stopped.</summary>
    public int? ApiServerId => _apiServer?.Id;

    /// <summary>Starts etcd and kube-apiserver, and returns when the API is ready, after a few seconds.</summary>
    /// <exception cref="InvalidOperationException">The programs are missing, or one of them ended. The message contains the last lines of its log.</exception>
    public static async Task<ControlPlane> StartAsync(ControlPlaneOptions? options = null, CancellationToken ct = default)
    {
        var assets = await TestAssets.FindAsync(ct);
        for (var attempt = 1; ; attempt++)
        {
            var plane = new ControlPlane(assets, options ?? new ControlPlaneOptions());
            try
            {
                await plane.InitializeAsync(ct);
                return plane;
            }
            catch (InvalidOperationException e) when (attempt < 3 && e.Message.Contains("address already in use", StringComparison.Ordinal))
            {
                // Another process took the port after it was found free.
                await plane.DisposeAsync();
            }
            catch
            {
                await plane.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Stops the API server in order, or by kill -9 if <paramref name="crash"/> is set. etcd keeps its data.</summary>
    public async Task StopApiServerAsync(bool crash = false, CancellationToken ct = default)
    {
        if (_apiServer is not { } running)
            return;
        _ = crash ? await running.KillAsync(ct) : await running.StopAsync(ct);
        _apiServer = null;
        await running.DisposeAsync();
    }

    /// <summary>Starts the API server after <see cref="StopApiServerAsync"/>, on the same port, and returns when it is ready.</summary>
    public async Task StartApiServerAsync(CancellationToken ct = default)
    {
        _apiServer ??= ChildProcess.Start(new ChildProcessOptions(_assets.ApiServer, ApiServerArguments())
        {
            LogFile = Path.Combine(Folder, "kube-apiserver.log"),
        });
        await WaitUntilAsync(
            _apiServer,
            // The certificate is complete when the key exists. The API server creates the default namespaces after it reports ready.
            async () => File.Exists(Path.ChangeExtension(CertificateAuthorityFile, ".key"))
                && await Admin().IsOkAsync("/readyz", ct)
                && await Admin().IsOkAsync("/api/v1/namespaces/default", ct),
            ct);
    }

    /// <summary>
    /// Compacts etcd's history, as the API server does every 5 minutes. An API server that starts after this has an empty cache
    /// and refuses every watch from an older version.
    /// </summary>
    public async Task CompactAsync(CancellationToken ct = default)
    {
        var now = await AskEtcdAsync("/v3/kv/range", new JsonObject { ["key"] = "AA==" }, ct);
        await AskEtcdAsync("/v3/kv/compaction", new JsonObject { ["revision"] = (string)now["header"]!["revision"]!, ["physical"] = true }, ct);
    }

    /// <summary>The objects of a custom resource as etcd stores them: in one version, whichever versions the API server serves.</summary>
    /// <param name="resource">The group and the plural, such as <c>example.com/things</c>.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<IReadOnlyList<JsonNode>> StoredAsync(string resource, CancellationToken ct = default)
    {
        // The zero is the character after the slash, so this is the range of all keys with the prefix.
        var (first, end) = ($"/registry/{resource}/", $"/registry/{resource}0");
        var found = await AskEtcdAsync("/v3/kv/range", new JsonObject { ["key"] = Encode(first), ["range_end"] = Encode(end) }, ct);
        return [.. (found["kvs"] as JsonArray ?? []).Select(entry => JsonNode.Parse(Convert.FromBase64String((string)entry!["value"]!))!)];

        static string Encode(string key) => Convert.ToBase64String(Encoding.UTF8.GetBytes(key));
    }

    /// <summary>Reads the object at a path as the administrator, at a fraction of the cost of kubectl; null if there is none.</summary>
    public Task<JsonNode?> GetAsync(string path, CancellationToken ct = default) => Admin().GetAsync(path, ct);

    /// <summary>Applies a namespaced object as the administrator, at a fraction of the cost of kubectl. The plural of its kind must be the kind with an s.</summary>
    public Task ApplyAsync(JsonObject body, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(body);
        var version = (string)body["apiVersion"]!;
        var (ns, name) = ((string?)body["metadata"]!["namespace"], (string)body["metadata"]!["name"]!);
        var path = $"/{(version == "v1" ? "api" : "apis")}/{version}/{(ns is null ? "" : $"namespaces/{ns}/")}{((string)body["kind"]!).ToLowerInvariant()}s/{name}";
        return Admin().PatchAsync($"{path}?fieldManager=test-bed&force=true", "application/apply-patch+yaml", body, ct);
    }

    /// <summary>As <see cref="ApplyAsync(JsonObject, CancellationToken)"/>, from JSON text.</summary>
    public Task ApplyJsonAsync(string json, CancellationToken ct = default) => ApplyAsync(JsonNode.Parse(json)!.AsObject(), ct);

    /// <summary>Changes fields of the object at a path as the administrator.</summary>
    public Task MergeAsync(string path, JsonObject fields, CancellationToken ct = default) =>
        Admin().PatchAsync(path, "application/merge-patch+json", fields, ct);

    /// <summary>Deletes the object at a path as the administrator, and waits until its finalizers have finished and it is gone.</summary>
    public async Task DeleteAsync(string path, CancellationToken ct = default)
    {
        await Admin().DeleteAsync(path, ct);
        await Eventually.SeesAsync(() => GetAsync(path, ct), left => left is null, ct: ct, condition: $"{path} is gone");
    }

    /// <inheritdoc cref="ApiClient.CreateNamespaceAsync"/>
    public Task<string?> CreateNamespaceAsync(string name, CancellationToken ct = default) => Admin().CreateNamespaceAsync(name, ct);

    /// <summary>Applies a YAML file, or all files of a folder, as the administrator.</summary>
    public Task ApplyAsync(string path, CancellationToken ct = default) => Kubectl.ApplyAsync(path, ct);

    /// <summary>
    /// Creates a kubeconfig for a ServiceAccount, with a token from the TokenRequest API that is valid for a day. Creates the namespace
    /// and the ServiceAccount if they are missing. RBAC decides what the ServiceAccount may do.
    /// </summary>
    /// <returns>The kubeconfig's path.</returns>
    public async Task<string> ServiceAccountKubeconfigAsync(string ns, string serviceAccount, CancellationToken ct = default)
    {
        await Admin().CreateNamespaceAsync(ns, ct);
        await Admin().CreateServiceAccountAsync(ns, serviceAccount, ct);
        var token = await Admin().RequestTokenAsync(ns, serviceAccount, ct);
        return await WriteKubeconfigAsync($"{ns}.{serviceAccount}", token, ct: ct);
    }

    /// <summary>Binds a role to a ServiceAccount, and waits until it has the rights of the role.</summary>
    /// <param name="serviceAccount">The namespace and the name, such as <c>mail:person</c>.</param>
    /// <param name="kind">Role or ClusterRole.</param>
    /// <param name="role">The name of the role.</param>
    /// <param name="ns">The namespace in which it has the rights; null for the whole cluster.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>The name of the RoleBinding or ClusterRoleBinding.</returns>
    public async Task<string> BindAsync(string serviceAccount, string kind, string role, string? ns = null, CancellationToken ct = default)
    {
        var (home, account) = Split(serviceAccount);
        var name = $"{home}-{account}-{role}";
        var metadata = new JsonObject { ["name"] = name };
        if (ns is not null)
            metadata["namespace"] = ns;
        await ApplyAsync(
            new JsonObject
            {
                ["apiVersion"] = "rbac.authorization.k8s.io/v1",
                ["kind"] = ns is null ? "ClusterRoleBinding" : "RoleBinding",
                ["metadata"] = metadata,
                ["roleRef"] = new JsonObject { ["apiGroup"] = "rbac.authorization.k8s.io", ["kind"] = kind, ["name"] = role },
                ["subjects"] = new JsonArray(new JsonObject { ["kind"] = "ServiceAccount", ["name"] = account, ["namespace"] = home }),
            },
            ct);
        await HasRoleAsync(serviceAccount, kind, role, ns, ct);
        return name;
    }

    /// <summary>
    /// Waits until a ServiceAccount has the rights of a role that was bound to it. The API server's authorizer learns of a new role and of a
    /// new binding from a watch, a moment after they were created.
    /// </summary>
    /// <inheritdoc cref="BindAsync"/>
    public async Task HasRoleAsync(string serviceAccount, string kind, string role, string? ns = null, CancellationToken ct = default)
    {
        const string Rbac = "/apis/rbac.authorization.k8s.io/v1";
        var path = kind == "Role" ? $"{Rbac}/namespaces/{ns}/roles/{role}" : $"{Rbac}/clusterroles/{role}";
        var rules = (await GetAsync(path, ct))?["rules"]?.AsArray() ?? throw new InvalidOperationException($"There is no {kind} {role} with rules.");
        foreach (var rule in rules)
        {
            // All that a rule allows becomes known at once.
            var request = rule!["nonResourceURLs"]?[0] is { } url
                ? new JsonObject { ["nonResourceAttributes"] = new JsonObject { ["verb"] = (string)rule["verbs"]![0]!, ["path"] = (string)url! } }
                : Attributes((string)rule["verbs"]![0]!, (string)rule["resources"]![0]!, (string)rule["apiGroups"]![0]!, ns, (string?)rule["resourceNames"]?[0]);
            await SeesReviewAsync(serviceAccount, request, isAllowed: true, ct);
        }
    }

    /// <summary>Waits until RBAC allows a ServiceAccount something, or no longer does.</summary>
    /// <param name="serviceAccount">The namespace and the name, such as <c>mail:person</c>.</param>
    /// <param name="verb">The verb, such as list.</param>
    /// <param name="resource">The resource with its group, as kubectl takes it: <c>secrets</c>, or <c>leases.coordination.k8s.io</c>.</param>
    /// <param name="ns">The namespace; null for the whole cluster.</param>
    /// <param name="name">The name of the object; null for any.</param>
    /// <param name="isAllowed">What to wait for.</param>
    /// <param name="ct">Ends it.</param>
    public Task MayAsync(string serviceAccount, string verb, string resource, string? ns = null, string? name = null, bool isAllowed = true, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(resource);
        var parts = resource.Split('.', 2);
        return SeesReviewAsync(serviceAccount, Attributes(verb, parts[0], parts.Length > 1 ? parts[1] : "", ns, name), isAllowed, ct);
    }

    /// <summary>Writes a kubeconfig into <see cref="Folder"/>.</summary>
    /// <param name="name">The user's name, which is also the file's name without its extension.</param>
    /// <param name="token">The user's bearer token.</param>
    /// <param name="server">The address to use instead of <see cref="Server"/>, such as that of a proxy on 127.0.0.1.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>The file's path.</returns>
    public async Task<string> WriteKubeconfigAsync(string name, string token, Uri? server = null, CancellationToken ct = default)
    {
        var authority = Convert.ToBase64String(await File.ReadAllBytesAsync(CertificateAuthorityFile, ct));
        var path = Path.Combine(Folder, name + ".kubeconfig");
        var address = (server ?? Server).GetLeftPart(UriPartial.Authority);
        await File.WriteAllTextAsync(
            path,
            $$"""
            apiVersion: v1
            kind: Config
            current-context: test-bed
            clusters:
            - name: test-bed
              cluster:
                server: {{address}}
                certificate-authority-data: {{authority}}
            users:
            - name: {{name}}
              user:
                token: {{token}}
            contexts:
            - name: test-bed
              context:
                cluster: test-bed
                user: {{name}}

            """,
            ct);
        return path;
    }

    /// <summary>Kills both processes and deletes the folder.</summary>
    public async ValueTask DisposeAsync()
    {
        _admin?.Dispose();
        if (_apiServer is not null)
            await _apiServer.DisposeAsync();
        if (_etcd is not null)
            await _etcd.DisposeAsync();
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
    }

    private static (string Namespace, string Name) Split(string serviceAccount) => serviceAccount.Split(':') is [var ns, var name]
        ? (ns, name)
        : throw new ArgumentException($"\"{serviceAccount}\" is not NAMESPACE:NAME.", nameof(serviceAccount));

    private static JsonObject Attributes(string verb, string resource, string group, string? ns, string? name)
    {
        var parts = resource.Split('/', 2);
        var attributes = new JsonObject { ["verb"] = verb, ["group"] = group, ["resource"] = parts[0] };
        if (parts.Length > 1)
            attributes["subresource"] = parts[1];
        if (ns is not null)
            attributes["namespace"] = ns;
        if (name is not null)
            attributes["name"] = name;
        return new JsonObject { ["resourceAttributes"] = attributes };
    }

    private Task<bool> SeesReviewAsync(string serviceAccount, JsonObject request, bool isAllowed, CancellationToken ct)
    {
        var (home, _) = Split(serviceAccount);
        request["user"] = $"system:serviceaccount:{serviceAccount}";
        request["groups"] = new JsonArray("system:serviceaccounts", $"system:serviceaccounts:{home}", "system:authenticated");
        var text = request.ToJsonString();
        return Eventually.SeesAsync(
            () => Admin().IsAllowedAsync(JsonNode.Parse(text)!.AsObject(), ct), seen => seen == isAllowed, ct: ct, condition: $"RBAC {(isAllowed ? "allows" : "refuses")} {text}");
    }

    private async Task InitializeAsync(CancellationToken ct)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("The test fixtures need a Unix shell.");
        Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using (var key = RSA.Create(2048))
        {
            await File.WriteAllTextAsync(Path.Combine(Folder, "service-account.key"), key.ExportRSAPrivateKeyPem(), ct);
            await File.WriteAllTextAsync(Path.Combine(Folder, "service-account.pub"), key.ExportSubjectPublicKeyInfoPem(), ct);
        }

        await File.WriteAllTextAsync(Path.Combine(Folder, "tokens.csv"), $"{AdminToken},admin,admin,\"system:masters\"\n", ct);
        await File.WriteAllTextAsync(Path.Combine(Folder, "audit-policy.yaml"), AuditLog.Policy, ct);

        _etcd = ChildProcess.Start(new ChildProcessOptions(_assets.Etcd, await EtcdArgumentsAsync(ct))
        {
            LogFile = Path.Combine(Folder, "etcd.log"),
            FolderToRemoveWhenOrphaned = Folder,
        });
        _admin = new ApiClient(Server, CertificateAuthorityFile, AdminToken);
        // There is no need to wait for etcd: the API server does that.
        await StartApiServerAsync(ct);
        await WriteKubeconfigAsync("admin", AdminToken, ct: ct);
    }

    private async Task<IReadOnlyList<string>> EtcdArgumentsAsync(CancellationToken ct)
    {
        var address = $"http://127.0.0.1:{_etcdPort}";
        List<string> arguments =
        [
            $"--data-dir={Path.Combine(Folder, "etcd")}",
            $"--listen-client-urls={address}",
            $"--advertise-client-urls={address}",
            "--listen-peer-urls=http://127.0.0.1:0",
            "--logger=zap",
            "--log-level=warn",
        ];
        // Available from etcd 3.5. Test data does not have to survive a crash.
        var help = await Command.RunAsync(_assets.Etcd, ["--help"], ct: ct);
        if ((help.Output + help.Errors).Contains("--unsafe-no-fsync", StringComparison.Ordinal))
            arguments.Add("--unsafe-no-fsync=true");
        return arguments;
    }

    private List<string> ApiServerArguments()
    {
        List<string> arguments =
        [
            $"--etcd-servers=http://127.0.0.1:{_etcdPort}",
            string.Create(CultureInfo.InvariantCulture, $"--secure-port={_apiPort}"),
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            $"--cert-dir={Path.GetDirectoryName(CertificateAuthorityFile)}",
            $"--service-account-key-file={Path.Combine(Folder, "service-account.pub")}",
            $"--service-account-signing-key-file={Path.Combine(Folder, "service-account.key")}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            $"--token-auth-file={Path.Combine(Folder, "tokens.csv")}",
            "--service-cluster-ip-range=10.0.0.0/24",
        ];
        if (_options.Audit)
        {
            arguments.Add($"--audit-policy-file={Path.Combine(Folder, "audit-policy.yaml")}");
            arguments.Add($"--audit-log-path={AuditLog.File}");
            // By default the API server batches lines. A test that counts requests needs each line at once.
            arguments.Add("--audit-log-mode=blocking");
        }

        arguments.AddRange(_options.ApiServerArguments);
        return arguments;
    }

    private async Task<JsonNode> AskEtcdAsync(string path, JsonObject body, CancellationToken ct)
    {
        using var etcd = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_etcdPort}") };
        using var answer = await etcd.PostAsJsonAsync(new Uri(path, UriKind.Relative), body, ct);
        var text = await answer.Content.ReadAsStringAsync(ct);
        return answer.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new InvalidOperationException($"POST {path} failed with {(int)answer.StatusCode}: {text}");
    }

    private ApiClient Admin() => _admin ?? throw new InvalidOperationException("The control plane has not been started.");

    private async Task WaitUntilAsync(ChildProcess process, Func<Task<bool>> ready, CancellationToken ct)
    {
        try
        {
            await Eventually.SeesAsync(
                async () => process.HasExited || _etcd is { HasExited: true } || await ready(), seen => seen, Timeout, ct, "the API server is ready");
        }
        catch (TimeoutException e)
        {
            throw new InvalidOperationException($"{e.Message}. The last lines of {process.LogFile}: {process.LastLines()}", e);
        }

        _etcd?.ThrowIfExited();
        process.ThrowIfExited();
    }

    // In memory, where a write is cheap, unless there are only the 64 MB that a container has by default.
    private static string BaseFolder()
    {
        const string Memory = "/dev/shm";
        return Directory.Exists(Memory) && new DriveInfo(Memory).AvailableFreeSpace > MinFreeBytes ? Memory : Path.GetTempPath();
    }
}
