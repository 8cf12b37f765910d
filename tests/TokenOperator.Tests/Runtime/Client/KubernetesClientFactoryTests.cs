using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TokenOperator.Runtime.Client;
using TokenOperator.Runtime.Observability;
using TokenOperator.Tests.Runtime.Fakes;

namespace TokenOperator.Tests.Runtime.Client;

public sealed class KubernetesClientFactoryTests
{
    [Fact]
    public async Task The_clusters_own_certificate_is_accepted()
    {
        using var authority = new Authority();
        var requests = await GetAsync(authority.Issue(IPAddress.Loopback), authority.Certificate);

        requests.Should().ContainSingle().Which.Authorization.Should().Be("Bearer a-bearer-token");
    }

    [Fact]
    public async Task A_certificate_of_another_host_by_the_same_authority_is_refused_before_the_token_is_sent()
    {
        using var authority = new Authority();
        var connect = () => GetAsync(authority.Issue(IPAddress.Parse("10.9.9.9")), authority.Certificate);

        await connect.Should().ThrowAsync<ApiUnavailableException>();
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_refused()
    {
        using var authority = new Authority();
        using var other = new Authority();
        var connect = () => GetAsync(other.Issue(IPAddress.Loopback), authority.Certificate);

        await connect.Should().ThrowAsync<ApiUnavailableException>();
    }

    [Fact]
    public async Task A_configuration_can_be_used_again()
    {
        await using var server = await FakeApiServer.StartAsync();
        using var authority = new Authority();
        var configuration = server.Configuration();
        configuration.SslCaCerts = [authority.Certificate];

        using var client = KubernetesClientFactory.Create(configuration);

        configuration.SslCaCerts.Should().HaveCount(1);
        configuration.FirstMessageHandlerSetup.Should().BeNull();
    }

    private static async Task<SeenRequest[]> GetAsync(X509Certificate2 serverCertificate, X509Certificate2 trusted)
    {
        using (serverCertificate)
        {
            await using var server = await FakeApiServer.StartAsync(serverCertificate);
            var configuration = server.Configuration();
            configuration.SslCaCerts = [trusted];
            using var kubernetes = KubernetesClientFactory.Create(configuration);
            using var metrics = new RuntimeMetrics(new PlainMeterFactory());
            var client = new ResourceClient(new ApiTransport(kubernetes, metrics, TimeProvider.System), "tester");
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
