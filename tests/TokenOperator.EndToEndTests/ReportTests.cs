using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Npgsql;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// kubectl oauthtoken report, in a cluster in which recognizable secrets are everywhere that a report looks: also where only someone's mistake
/// can put them.
/// </summary>
[Collection(PersonGroup.Name)]
public sealed class ReportTests(ClusterFixture cluster) : IAsyncLifetime
{
    private readonly Canaries _canaries = new();
    private OperatorFixture _fixture = null!;
    private PluginFixture _person = null!;
    private FakeKubelet _kubelet = null!;

    private string Namespace => _fixture.Namespace;

    public async Task InitializeAsync()
    {
        _fixture = await OperatorFixture.CreateAsync(cluster);
        await _fixture.StartOperatorAsync(("Logging__LogLevel__Default", "Trace"), ("Logging__LogLevel__TokenOperator", "Trace"), ("Logging__Format", "json"));
        _person = await PluginFixture.CreateAsync(cluster, _fixture);
        _kubelet = await FakeKubelet.StartAsync();
        await _kubelet.RegisterAsync(_fixture.Kubectl, $"node-{Namespace}");
    }

    public async Task DisposeAsync()
    {
        await _fixture.Kubectl.RunAsync(["delete", "node", $"node-{Namespace}"]);
        await _kubelet.DisposeAsync();
        await _fixture.DisposeAsync();
    }

    [Fact]
    public async Task A_report_has_everything_but_secrets()
    {
        await PrepareAsync();
        var file = _person.File("report.tar.gz");

        var result = await PluginFixture.RunAsAsync(cluster.Plane.AdminKubeconfig, "report", "-n", Namespace, "--operator-namespace", Namespace, "--file", file);

        result.ExitCode.Should().Be(0, result.Errors);
        result.Output.Should().Contain($"Wrote {file}.");
        var files = await ReadAsync(file);
        foreach (var token in _fixture.Tokens.IssuedTokens)
            _canaries.Add("token", token);
        files.SelectMany(one => _canaries.FoundIn(one.Key, one.Value)).Concat(_canaries.FoundIn("the output", result.Output + result.Errors)).Should().BeEmpty();

        // What the report is for is there.
        files["status.txt"].Should().Contain("good").And.Contain("bad: SeedMissing");
        files["oauthtokens.json"].Should().Contain("\"uid\"").And.Contain("good@example.com").And.NotContain("managedFields").And.NotContain("last-applied");
        files["events.txt"].Should().Contain($"OAuthToken {Namespace}/good").And.Contain("FirstToken");
        files["clusteroauthproviders.json"].Should().Contain($"{Namespace}-partner").And.Contain("\"X-Partner\": \"***\"").And.Contain("\"code\": \"invalid_partner\"");
        files["oauthtokens.json"].Should().Contain("\"partner\": \"***\"");
        files["doctor.txt"].Should().Contain("ok     CRD").And.Contain("OAuthTokens");
        files["versions.txt"].Should().Contain("gitVersion").And.Contain("tokenoperator.dev: v1");
        files["settings.txt"].Should().Contain("Namespaces = mail,shop").And.Contain("DATABASE_URL = (set; not shown)")
            .And.Contain("EXTRA = (set; not shown)   from a ConfigMap").And.Contain("from the key uri of the Secret token-operator-postgres")
            .And.Contain("Providers__google__TokenEndpoint = https://login.example.com (the rest is not shown)");
        files["operator/pods.json"].Should().Contain("registry.example.com/token-operator:1").And.Contain("OOMKilled");
        files["operator/logs/operator-a.log"].Should().Contain("\"Name\":\"good\"", "the redaction leaves a log readable");
        files["operator/logs/operator-a.log"].Split('\n').Length.Should().BeGreaterThan(20);
        // The API server connects to no pod on a loopback address.
        result.Errors.Should().Contain("missing: operator/metrics/operator-a.txt: ");
        files["README.txt"].Should().Contain("operator/metrics/operator-a.txt: ");

        var again = await PluginFixture.RunAsAsync(cluster.Plane.AdminKubeconfig, "report", "-n", Namespace, "--file", file);
        (again.ExitCode, again.Errors).Should().Be((5, $"kubectl oauthtoken: The file {file} exists, so nothing was written. Name another one with --file.\n"));
    }

    [Fact]
    public async Task A_user_with_few_rights_gets_a_report_that_says_what_is_missing()
    {
        await _fixture.AddAccountAsync("good");
        await _fixture.ReadyAsync("good");
        var file = _person.File("few.tar.gz");

        var result = await _person.RunAsync("report", "--file", file);

        result.ExitCode.Should().Be(0, result.Errors);
        var files = await ReadAsync(file);
        files["status.txt"].Should().Contain("good");
        files["doctor.txt"].Should().Contain("This cannot be checked: ");
        foreach (var part in new[] { "settings.txt", "operator/logs", "operator/pods.json", "operator/events.txt", "events.txt" })
        {
            result.Errors.Should().Contain($"missing: {part}");
            files["README.txt"].Should().Contain($"  {part}");
        }

        files.Keys.Should().NotContain("settings.txt");
        (await PluginFixture.RunAsAsync(await cluster.Plane.WriteKubeconfigAsync($"{Namespace}.stranger", "no-such-token"), "report", "--file", _person.File("none.tar.gz"))).ExitCode.Should().Be(5);
        File.Exists(_person.File("none.tar.gz")).Should().BeFalse();
    }

    /// <summary>An operator that works and has failed, and secrets in its log, its environment, its settings, its events and a status.</summary>
    private async Task PrepareAsync()
    {
        _canaries.Add("password of the database", new NpgsqlConnectionStringBuilder(_fixture.Database.ConnectionString).Password!);
        var secret = _canaries.New("client-secret");
        await _fixture.WriteSecretAsync("client", "credentials.json", $$$"""{"installed":{"client_id":"client-1","client_secret":"{{{secret}}}"}}""");
        await _fixture.AddAccountAsync("good", spec => spec["account"] = "good@example.com");
        await _fixture.ReadyAsync("good");
        await Eventually.SeesAsync(() => _fixture.EventsAsync("good"), events => events.Contains("FirstToken"));
        await _fixture.ApplyAsync("bad");
        await _fixture.SeesAsync("bad", "Stalled", "True", "SeedMissing");
        await _fixture.Kubectl.RunAsync(["annotate", "oauthtoken", "good", "-n", Namespace, $"notes={_canaries.New("annotation")}"]);
        await _fixture.PatchSpecAsync("bad", $$"""{"secretTemplate": {"annotations": {"example.com/note": "{{_canaries.New("template")}}"} } }""");
        await _fixture.SeesAsync("bad", "Stalled", "True", "SeedMissing");

        // Values that look like no secret.
        var (header, uid) = ("the cat sat on the mat", Guid.NewGuid().ToString());
        _canaries.Add("header", header);
        _canaries.Add("UUID", uid);
        await _fixture.ApplyProviderAsync($"{Namespace}-partner", new JsonObject
        {
            ["tokenEndpoint"] = "https://idp.example/token",
            ["request"] = new JsonObject { ["headers"] = new JsonObject { ["X-Partner"] = header, ["X-Api-Key"] = uid } },
            ["errors"] = new JsonObject { ["rules"] = new JsonArray(new JsonObject { ["code"] = "invalid_partner", ["class"] = "client" }) },
        });
        await _fixture.ApplyAsync("job", spec =>
        {
            spec["grant"] = "ClientCredentials";
            spec.Remove("seedSecretRef");
            spec["clientCredentials"] = new JsonObject { ["parameters"] = new JsonObject { ["partner"] = header } };
        });

        var (url, extra, endpoint, message) = (_canaries.New("url"), _canaries.New("extra"), _canaries.New("endpoint"), _canaries.New("event"));
        await cluster.Plane.ApplyJsonAsync(
            $$"""
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "operator", "namespace": "{{Namespace}}"},
             "spec": {"selector": {"matchLabels": {"app": "o"} }, "template": {
               "metadata": {"labels": {"app": "o", "app.kubernetes.io/name": "token-operator", "app.kubernetes.io/component": "manager"} },
               "spec": {"containers": [{"name": "manager", "image": "none", "envFrom": [{"configMapRef": {"name": "operator-settings"} }],
                 "env": [{"name": "DATABASE_URL", "value": "postgresql://op:{{url}}@db/x"}, {"name": "Namespaces", "value": "mail,shop"},
                   {"name": "Providers__google__TokenEndpoint", "value": "https://me:{{endpoint}}@login.example.com/{{endpoint}}"},
                   {"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "token-operator-postgres", "key": "uri"} } }]}]} } } }
            """);
        await _fixture.Kubectl.RunAsync(["create", "configmap", "operator-settings", "-n", Namespace, $"--from-literal=EXTRA={extra}"]);
        await cluster.Plane.ApplyJsonAsync(
            $$"""
            {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "someones", "namespace": "{{Namespace}}"}, "reason": "Odd", "type": "Warning",
             "message": "someone wrote {{message}}", "involvedObject": {"kind": "OAuthToken", "namespace": "{{Namespace}}", "name": "good"} }
            """);
        await AddPodAsync(_canaries.New("environment"), _canaries.New("termination"));
        // The operator's own log, and lines that only a mistake could write.
        var at = "2026-05-01T12:00:00.000000000Z";
        var own = _fixture.Operator.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] mistakes =
        [
            $"""{at} {new JsonObject { ["LogLevel"] = "Error", ["Message"] = $"failed with {_canaries.New("logged")}" }.ToJsonString()}""",
            $"{at} Unhandled exception: refresh_token={_canaries.New("thrown")}",
            $"{at} postgresql://op:{_canaries.New("connection")}@db/x",
            $"{at} X-Api-Key: {uid}",
            $"{at} passphrase: {header}",
            $"{at} {new JsonObject { ["Message"] = new JsonObject { ["password"] = $"a\"{uid}" }.ToJsonString() }.ToJsonString()}",
            $"{at} Authorization: Bearer {_fixture.Tokens.IssuedTokens[0]}",
            $"{at} {_fixture.Tokens.IssuedTokens[^1]}",
        ];
        _kubelet.Logs["operator-a"] = string.Join('\n', own.Select(line => $"{at} {line}").Concat(mistakes)) + "\n";
    }

    private async Task AddPodAsync(string variable, string termination)
    {
        await cluster.Plane.ApplyJsonAsync(
            $$"""
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator-a", "namespace": "{{Namespace}}", "labels": {"app.kubernetes.io/name": "token-operator", "app.kubernetes.io/component": "manager"} },
             "spec": {"nodeName": "node-{{Namespace}}", "serviceAccountName": "person", "automountServiceAccountToken": false,
               "containers": [{"name": "manager", "image": "registry.example.com/token-operator:1", "env": [{"name": "X", "value": "{{variable}}"}]}]} }
            """);
        await cluster.Plane.MergeAsync(
            $"/api/v1/namespaces/{Namespace}/pods/operator-a/status",
            JsonNode.Parse(
                $$"""
                {"status": {"podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "containerStatuses": [{"name": "manager", "ready": true, "restartCount": 1, "image": "i", "imageID": "i",
                  "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "{{termination}}"} } }]} }
                """)!.AsObject());
    }

    private static async Task<Dictionary<string, string>> ReadAsync(string path)
    {
        var files = new Dictionary<string, string>();
        await using var tar = new TarReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (await tar.GetNextEntryAsync() is { } entry)
            files[entry.Name[(entry.Name.IndexOf('/', StringComparison.Ordinal) + 1)..]] = await new StreamReader(entry.DataStream ?? Stream.Null).ReadToEndAsync();
        return files;
    }
}
