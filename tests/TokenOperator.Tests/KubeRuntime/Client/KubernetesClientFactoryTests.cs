using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using k8s;
using k8s.Exceptions;
using KubeRuntime.Client;
using KubeRuntime.Observability;
using Microsoft.AspNetCore.Http;
using TokenOperator.TestBed;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Client;

public sealed class KubernetesClientFactoryTests
{
    [Fact]
    public async Task A_certificate_of_the_clusters_authority_is_accepted()
    {
        using var authority = new Authority();
        var requests = await GetAsync(authority.Issue(IPAddress.Loopback), authority.Certificate);

        requests.Should().ContainSingle().Which.Authorization.Should().Be("Bearer a-bearer-token");
    }

    [Fact]
    public async Task A_certificate_of_another_host_is_rejected_before_the_token_is_sent()
    {
        using var authority = new Authority();
        var connect = () => GetAsync(authority.Issue(IPAddress.Parse("10.9.9.9")), authority.Certificate);

        await connect.Should().ThrowAsync<ApiUnavailableException>();
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_rejected()
    {
        using var authority = new Authority();
        using var other = new Authority();
        var connect = () => GetAsync(other.Issue(IPAddress.Loopback), authority.Certificate);

        await connect.Should().ThrowAsync<ApiUnavailableException>();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Each_authority_of_a_bundle_in_the_kubeconfig_is_trusted(bool isInline)
    {
        using var first = new Authority();
        using var second = new Authority();
        var folder = Directory.CreateTempSubdirectory("kubeconfig-");
        try
        {
            var (file, kubeconfig) = (Path.Combine(folder.FullName, "ca.crt"), Path.Combine(folder.FullName, "config"));
            var bundle = $"{first.Certificate.ExportCertificatePem()}\n{second.Certificate.ExportCertificatePem()}\n";
            await File.WriteAllTextAsync(file, bundle);
            var authorities = isInline ? $"certificate-authority-data: {Base64(bundle)}" : "certificate-authority: ca.crt";
            await File.WriteAllTextAsync(kubeconfig, $$"""
                current-context: c
                contexts: [{name: c, context: {cluster: c, user: u} }]
                clusters: [{name: c, cluster: {server: "https://127.0.0.1", {{authorities}} } }]
                users: [{name: u, user: {token: t} }]
                """);
            var trusted = KubeconfigContext.Resolve(KubeconfigReader.Read(kubeconfig), KubeconfigOverrides.None, TimeProvider.System).SslCaCerts;

            foreach (var authority in new[] { first, second })
            {
                var requests = await GetAsync(authority.Issue(IPAddress.Loopback), authority.Certificate, configuration => configuration.SslCaCerts = trusted);
                requests.Should().ContainSingle();
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_untrusted_certificate_is_accepted_if_the_kubeconfig_says_so()
    {
        using var authority = new Authority();
        using var other = new Authority();
        var requests = await GetAsync(other.Issue(IPAddress.Loopback), authority.Certificate, configuration => configuration.SkipTlsVerify = true);

        requests.Should().ContainSingle();
    }

    [Fact]
    public async Task The_certificate_is_checked_against_the_name_in_the_kubeconfig()
    {
        using var authority = new Authority();
        var connect = () => GetAsync(authority.Issue(IPAddress.Loopback), authority.Certificate, configuration => configuration.TlsServerName = "api.example.com");

        await connect.Should().ThrowAsync<ApiUnavailableException>();
    }

    [Fact]
    public async Task The_client_certificate_of_the_kubeconfig_is_sent()
    {
        using var authority = new Authority();
        using var client = authority.Issue(IPAddress.Loopback);
        using var key = client.GetECDsaPrivateKey();
        string? shown = null;
        await GetAsync(
            authority.Issue(IPAddress.Loopback), authority.Certificate,
            configuration =>
            {
                configuration.ClientCertificateData = Base64(client.ExportCertificatePem());
                configuration.ClientCertificateKeyData = Base64(key!.ExportECPrivateKeyPem());
            },
            context => shown = context.Connection.ClientCertificate?.Thumbprint);

        shown.Should().Be(client.Thumbprint);
    }

    [Theory]
    [InlineData(null, "without its key")]
    [InlineData("no key", "cannot be read")]
    public void A_client_certificate_without_a_usable_key_is_rejected_with_a_message(string? key, string because)
    {
        using var authority = new Authority();
        var connect = () => KubernetesClientFactory.Create(new KubernetesClientConfiguration
        {
            Host = "https://127.0.0.1:1",
            ClientCertificateData = Base64(authority.Certificate.ExportCertificatePem()),
            ClientCertificateKeyData = key is null ? null : Base64(key),
        });

        connect.Should().Throw<KubeConfigException>().WithMessage($"*{because}*");
    }

    [Theory]
    [InlineData("here", "\"here\"")]
    [InlineData("", "\"\"")]
    [InlineData("10.0.0.1:6443", "\"10.0.0.1:6443\"")]
    [InlineData("localhost:6443", "\"localhost:6443\"")]
    [InlineData("ftp://10.0.0.1", "\"ftp://10.0.0.1\"")]
    [InlineData("https://me:hunter2@10.0.0.1", "one with a user name or a password")]
    public void An_invalid_address_is_rejected_with_a_message_that_shows_no_password(string host, string shown)
    {
        var connect = () => KubernetesClientFactory.Create(new KubernetesClientConfiguration { Host = host });

        connect.Should().Throw<KubeConfigException>().WithMessage($"*is {shown}; expected an address*").Which.Message.Should().NotContain("hunter2");
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("/", "")]
    [InlineData("/k8s/clusters/c-m-1", "/k8s/clusters/c-m-1")]
    [InlineData("/k8s/clusters/c-m-1/", "/k8s/clusters/c-m-1")]
    [InlineData("/k8s", "/k8s")]
    [InlineData("/k8s/clusters/local.", "/k8s/clusters/local.")]
    [InlineData("/k8s/clusters/c-m-1?a=b#c", "/k8s/clusters/c-m-1")]
    public async Task Each_request_keeps_the_whole_path_of_the_servers_address(string path, string prefix)
    {
        await using var server = await FakeApiServer.StartAsync();
        server.Intercept = async (context, _) =>
        {
            await FakeApiServer.RefuseAsync(context, 404, "NotFound", "not found");
            return true;
        };
        var configuration = server.Configuration();
        configuration.Host += path;
        using var connection = KubernetesClientFactory.Create(configuration);
        var client = new ResourceClient(connection, [new DefaultJsonTypeInfoResolver()], "tester", TimeProvider.System);
        Func<Task>[] calls =
        [
            () => client.ListAsync<Gadget>(Gadget.ResourceKind, "shop", null, CancellationToken.None),
            () => client.OpenAsync(new ApiRequest("get", HttpMethod.Get, Gadget.ResourceKind, new("shop", "lamp")), CancellationToken.None),
            () => client.DeleteAsync(Gadget.ResourceKind, new("shop", "lamp"), null, CancellationToken.None),
        ];
        foreach (var call in calls)
            await call.Invoking(run => run()).Should().NotThrowAsync<ApiUnavailableException>();

        server.Requests.Select(request => request.Path).Should().HaveCount(3).And.OnlyContain(seen => seen.StartsWith($"{prefix}/apis/test.dev/v1/namespaces/shop/gadgets", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Each_request_says_whom_it_acts_as(bool hasSeveralGroups)
    {
        using var authority = new Authority();
        Dictionary<string, string?[]>? seen = null;
        var configuration = new ApiServerConfiguration
        {
            Impersonation = new()
            {
                User = "jürgen, the 2nd",
                Uid = "17",
                Groups = hasSeveralGroups ? ["mail", "a,b"] : ["mail"],
                Extra = new Dictionary<string, IReadOnlyList<string>> { ["example.com/team"] = hasSeveralGroups ? ["one", "two"] : ["one"] },
            },
        };
        await GetAsync(
            authority.Issue(IPAddress.Loopback), authority.Certificate, configuration,
            context => seen = context.Request.Headers.Where(header => header.Key.StartsWith("Impersonate-", StringComparison.OrdinalIgnoreCase))
                .ToDictionary(header => header.Key, header => header.Value.ToArray(), StringComparer.OrdinalIgnoreCase));

        seen.Should().BeEquivalentTo(new Dictionary<string, string?[]>
        {
            ["Impersonate-User"] = ["jürgen, the 2nd"],
            ["Impersonate-Uid"] = ["17"],
            ["Impersonate-Group"] = hasSeveralGroups ? ["mail", "a,b"] : ["mail"],
            ["Impersonate-Extra-example.com%2Fteam"] = hasSeveralGroups ? ["one", "two"] : ["one"],
        });
    }

    [Fact]
    public async Task The_proxy_of_a_kubeconfig_gets_the_requests()
    {
        await using var proxy = await FakeApiServer.StartAsync();
        var hosts = new List<string>();
        proxy.Intercept = (context, _) =>
        {
            hosts.Add(context.Request.Host.Value ?? "");
            return Task.FromResult(false);
        };

        await AskAsync("http://api.invalid:6443/k8s", proxy.Address, environmentProxy: null);

        hosts.Should().Equal("api.invalid:6443");
    }

    [Theory]
    [InlineData("http", 'G')]
    [InlineData("https", 0x16)]
    [InlineData("socks5", 0x05)]
    public async Task A_proxy_is_spoken_to_in_the_protocol_of_its_address(string scheme, byte first)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var reading = ReadByteAsync(listener);

        await AskAsync("http://api.invalid:6443", $"{scheme}://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", environmentProxy: null);

        (await reading).Should().Be(first);
    }

    [Theory]
    [InlineData("http")]
    [InlineData("https")]
    [InlineData("socks5")]
    public async Task A_dead_proxy_is_an_error_that_names_it_and_never_a_reason_to_go_round_it(string scheme)
    {
        await using var server = await FakeApiServer.StartAsync();
        var proxy = $"{scheme}://127.0.0.1:{Ports.Free()}";

        foreach (var (kubeconfig, environment) in new (string?, string?)[] { (proxy.Replace("://", "://me:hunter2@", StringComparison.Ordinal), null), (null, proxy) })
        {
            var error = await AskAsync(server.Address, kubeconfig, environment);
            error.Should().BeOfType<ApiUnavailableException>().Which.Message.Should().Contain($"{server.Address}/ (through the proxy {proxy}) cannot be reached").And.NotContain("hunter2");
        }

        server.Requests.Should().BeEmpty();
    }

    [Theory]
    [InlineData("https://kubernetes")]
    [InlineData("https://kubernetes.default.svc")]
    [InlineData("https://kubernetes.default.svc.cluster.local:443")]
    public void The_API_server_at_its_address_inside_the_cluster_is_not_asked_through_the_proxy_of_the_environment(string address)
    {
        var proxy = new WebProxy("http://127.0.0.1:1");
        using var inside = KubernetesClientFactory.Create(new KubernetesClientConfiguration { Host = address }, proxy);
        using var outside = KubernetesClientFactory.Create(new KubernetesClientConfiguration { Host = "https://kubernetes.example.com" }, proxy);
        using var chosen = KubernetesClientFactory.Create(new ApiServerConfiguration { Host = address, Proxy = proxy });

        inside.Proxy.Should().BeNull();
        outside.Proxy.Should().Be(new Uri("http://127.0.0.1:1"));
        chosen.Proxy.Should().Be(new Uri("http://127.0.0.1:1"), "the kubeconfig names it");
    }

    [Theory]
    [InlineData("https://10.96.0.1", "10.96.0.1", true)]
    [InlineData("https://10.96.0.1:443", "10.96.0.1", true)]
    [InlineData("https://[fd00::1]", "fd00::1", true)]
    [InlineData("https://[fd00::1]", "[fd00::1]", true)]
    [InlineData("https://kubernetes.default.svc", null, true)]
    [InlineData("https://10.96.0.2", "10.96.0.1", false)]
    [InlineData("https://10.96.0.1", null, false)]
    [InlineData("https://10.96.0.1", "", false)]
    [InlineData("https://kubernetes.default.svc.cluster.local", "10.96.0.1", true)]
    [InlineData("https://kubernetes.example.com", "10.96.0.1", false)]
    public void The_address_inside_the_cluster_is_that_of_the_Service(string address, string? serviceHost, bool expected) =>
        KubernetesClientFactory.IsInsideCluster(new Uri(address), serviceHost).Should().Be(expected);

    private static async Task<int> ReadByteAsync(TcpListener listener)
    {
        using var client = await listener.AcceptTcpClientAsync();
        var buffer = new byte[1];
        await client.GetStream().ReadExactlyAsync(buffer);
        return buffer[0];
    }

    /// <summary>Asks the server at <paramref name="address"/> for an object, and returns the error.</summary>
    private static async Task<Exception?> AskAsync(string address, string? kubeconfigProxy, string? environmentProxy)
    {
        using var connection = KubernetesClientFactory.Create(
            new ApiServerConfiguration { Host = address, AccessToken = "t", Proxy = ApiServerConfiguration.ProxyAt(kubeconfigProxy, "c") },
            environmentProxy is null ? null : new WebProxy(environmentProxy) { BypassProxyOnLocal = false });
        var client = new ResourceClient(connection, [new DefaultJsonTypeInfoResolver()], "tester", TimeProvider.System);
        try
        {
            await client.GetAsync<Gadget>(Gadget.ResourceKind, new("shop", "lamp"), CancellationToken.None);
            return null;
        }
        catch (Exception e) when (e is ApiUnavailableException or ApiException)
        {
            return e;
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static Task<SeenRequest[]> GetAsync(
        X509Certificate2 serverCertificate, X509Certificate2 trusted, Action<KubernetesClientConfiguration>? configure = null, Action<HttpContext>? look = null)
    {
        var configuration = new KubernetesClientConfiguration();
        configure?.Invoke(configuration);
        return GetAsync(serverCertificate, trusted, configuration, look);
    }

    private static async Task<SeenRequest[]> GetAsync(
        X509Certificate2 serverCertificate, X509Certificate2 trusted, KubernetesClientConfiguration configuration, Action<HttpContext>? look)
    {
        using (serverCertificate)
        {
            await using var server = await FakeApiServer.StartAsync(serverCertificate);
            server.Intercept = (context, _) =>
            {
                look?.Invoke(context);
                return Task.FromResult(false);
            };
            (configuration.Host, configuration.AccessToken, configuration.SslCaCerts) = (server.Address, "a-bearer-token", configuration.SslCaCerts ?? [trusted]);
            using var connection = KubernetesClientFactory.Create(configuration);
            using var metrics = new RuntimeMetrics(new Meters());
            var client = new ResourceClient(new ApiTransport(connection, new ApiJson(new DefaultJsonTypeInfoResolver()), metrics, TimeProvider.System), "tester");
            try
            {
                await client.GetAsync<Gadget>(Gadget.ResourceKind, new("shop", "lamp"), CancellationToken.None);
            }
            catch (ApiUnavailableException)
            {
                server.Requests.Should().BeEmpty();
                throw;
            }

            return [.. server.Requests];
        }
    }

    private sealed class Authority : IDisposable
    {
        private readonly ECDsa _key = ECDsa.Create();

        public Authority()
        {
            var request = new CertificateRequest("CN=authority", _key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            // Two authorities of a rotation have one name, and are told apart by their key identifiers.
            request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
            Certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        }

        public X509Certificate2 Certificate { get; }

        public X509Certificate2 Issue(IPAddress address)
        {
            using var leafKey = ECDsa.Create();
            var request = new CertificateRequest("CN=server", leafKey, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(address);
            request.CertificateExtensions.Add(names.Build());
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
            using var issued = request.Create(
                Certificate, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
            return issued.CopyWithPrivateKey(leafKey);
        }

        public void Dispose()
        {
            Certificate.Dispose();
            _key.Dispose();
        }
    }
}
