using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The port for metrics that asks the API server who a client is, with tokens of real ServiceAccounts.</summary>
[Collection(LinkGroup.Name)]
public sealed class MetricsAuthenticationTests(ClusterFixture cluster) : IAsyncLifetime
{
    private const string Delegator = "metrics-auth-of-the-test";
    private const string Account = $"{ClusterFixture.OperatorNamespace}:{ClusterFixture.ServiceAccount}";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("metrics-");
    private readonly int _port = Ports.Free();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        await cluster.Plane.Kubectl.RunAsync($"delete clusterrole {Delegator} --ignore-not-found");
    }

    [Fact]
    public async Task Only_a_client_with_the_permission_reads_the_metrics_and_the_API_server_is_asked_once()
    {
        var delegated = await cluster.Plane.BindAsync(Account, "ClusterRole", "system:auth-delegator");
        var (allowed, other) = (await TokenAsync("prometheus"), await TokenAsync("someone"));
        await cluster.Plane.Kubectl.RunAsync($"create clusterrole {Delegator} --verb=get --non-resource-url=/metrics");
        var reader = await cluster.Plane.BindAsync("default:prometheus", "ClusterRole", Delegator);
        // The operators of other tests have the same ServiceAccount.
        var before = await ReviewsAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        using var certificate = WriteCertificate();
        await fixture.StartOperatorAsync(("Metrics__Port", $"{_port}"), ("Metrics__CertificateFolder", _folder.FullName));
        using var http = Client(certificate);

        (await GetAsync(http, null)).Status.Should().Be(HttpStatusCode.Unauthorized);
        (await GetAsync(http, "not-a-token")).Status.Should().Be(HttpStatusCode.Unauthorized);
        (await GetAsync(http, other)).Status.Should().Be(HttpStatusCode.Forbidden);
        for (var i = 0; i < 5; i++)
        {
            var (status, body) = await GetAsync(http, allowed);
            status.Should().Be(HttpStatusCode.OK);
            body.Should().Contain("leader_election_master_status");
        }

        (await GetAsync(http, allowed, "/healthz")).Status.Should().Be(HttpStatusCode.NotFound);
        using var open = new HttpClient { BaseAddress = fixture.Operator.Address };
        (await open.GetAsync(new Uri("/metrics", UriKind.Relative))).StatusCode.Should().Be(HttpStatusCode.NotFound, "the other port does not serve them");
        var reviews = (await ReviewsAsync()).Skip(before.Count).ToList();
        reviews.Count(resource => resource == "tokenreviews").Should().Be(3, "two tokens and what is none");
        reviews.Count(resource => resource == "subjectaccessreviews").Should().Be(2);
        fixture.Operator.Log.Should().NotContain(allowed).And.NotContain("not-a-token");
        await cluster.Plane.Kubectl.RunAsync($"delete clusterrolebinding {reader} {delegated}");
    }

    [Fact]
    public async Task An_operator_that_may_not_ask_says_which_role_it_lacks()
    {
        // The other test has given it away.
        await cluster.Plane.MayAsync(Account, "create", "tokenreviews.authentication.k8s.io", isAllowed: false);
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync(("Metrics__Port", $"{_port}"));
        using var http = Client(null);

        (await GetAsync(http, await TokenAsync("prometheus"))).Status.Should().Be(HttpStatusCode.ServiceUnavailable);
        await fixture.Operator.LogsAsync("system:auth-delegator");
    }

    /// <summary>The reviews that operators have asked for so far, by their resource.</summary>
    private async Task<IReadOnlyList<string>> ReviewsAsync() =>
        [.. (await cluster.Plane.AuditLog.RequestsAsync(OperatorFixture.User)).Select(request => request.Resource).Where(resource => resource is "tokenreviews" or "subjectaccessreviews")];

    private async Task<string> TokenAsync(string serviceAccount)
    {
        var kubeconfig = await File.ReadAllTextAsync(await cluster.Plane.ServiceAccountKubeconfigAsync("default", serviceAccount));
        return kubeconfig.Split("token: ")[1].Split('\n')[0];
    }

    private async Task<(HttpStatusCode Status, string Body)> GetAsync(HttpClient http, string? token, string path = "/metrics")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"https://127.0.0.1:{_port}{path}"));
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>A client that trusts only this certificate; with null, any.</summary>
    private static HttpClient Client(X509Certificate2? trusted) => new(new HttpClientHandler
    {
        ServerCertificateCustomValidationCallback = (_, certificate, _, _) => trusted is null || certificate?.Thumbprint == trusted.Thumbprint,
    });

    private X509Certificate2 WriteCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=token-operator.token-operator-system.svc", key, HashAlgorithmName.SHA256);
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(Path.Combine(_folder.FullName, "tls.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder.FullName, "tls.key"), key.ExportPkcs8PrivateKeyPem());
        return certificate;
    }
}
