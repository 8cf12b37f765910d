using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests;

/// <summary>A provider behind a proxy that inspects TLS: its certificate is of an authority that only the installation knows.</summary>
[Collection(FaultGroup.Name)]
public sealed class PrivateAuthorityTests(ClusterFixture cluster) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("authorities-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_certificate_of_an_authority_in_the_ConfigMap_is_trusted_and_any_other_is_named()
    {
        using var certificate = SelfSigned();
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await using var proxy = await StartProxyAsync(certificate, fixture.Tokens.Address);
        var endpoint = ("Providers__google__TokenEndpoint", $"{proxy.Urls.Single()}/token");
        var manifest = await File.ReadAllTextAsync(Repository.File("config/manager/deployment.yaml"));
        var folders = Regex.Match(manifest, @"SSL_CERT_DIR\s+value: (\S+)").Groups[1].Value.Replace("/etc/token-operator/ca", _folder.FullName, StringComparison.Ordinal);
        folders.Should().Contain(_folder.FullName);

        var distrusting = await fixture.StartOperatorAsync(endpoint, ("SSL_CERT_DIR", folders));
        await fixture.AddAccountAsync("inspected");
        var view = await fixture.SeesAsync("inspected", "Ready", "False", "ProviderUnavailable");
        view.Message("Ready").Should().Contain("CN=inspection.corp.example").And.Contain("SSL_CERT_DIR");
        await distrusting.StopAsync();

        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "ca.crt"), certificate.ExportCertificatePem());
        await fixture.StartOperatorAsync(endpoint, ("SSL_CERT_DIR", folders));
        await fixture.RequestRefreshAsync("inspected");
        await fixture.ReadyAsync("inspected");
    }

    [Fact]
    public async Task The_values_of_the_chart_give_the_operator_a_provider_its_authority_a_proxy_and_ports()
    {
        const string Host = "tokens.corp.example";
        using var certificate = SelfSigned();
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await using var provider = await StartProxyAsync(certificate, fixture.Tokens.Address);
        await using var proxy = ConnectProxy.Start(localName: Host);
        var (pages, metrics) = (Ports.Free(), Ports.Free());
        var values = new JsonObject
        {
            ["providers"] = new JsonObject { ["corp"] = new JsonObject { ["tokenEndpoint"] = $"https://{Host}:{new Uri(provider.Urls.Single()).Port}/token" } },
            ["caBundle"] = new JsonObject { ["pem"] = certificate.ExportCertificatePem() },
            ["proxy"] = new JsonObject { ["https"] = $"{proxy.Address}", ["noProxy"] = "10.96.0.0/12" },
            ["selfService"] = new JsonObject { ["publicUrl"] = "https://tokens.example.com", ["port"] = pages, ["linkLifetime"] = "2h" },
            ["metrics"] = new JsonObject { ["secure"] = new JsonObject { ["enabled"] = true, ["port"] = metrics } },
            ["settings"] = new JsonObject { ["Concurrency"] = 4, ["ClusterProviders"] = false },
        };
        var file = Path.Combine(_folder.FullName, "values.json");
        await File.WriteAllTextAsync(file, values.ToJsonString());
        var helm = await Helm.FindAsync(cluster.Plane.AdminKubeconfig, Path.Combine(cluster.Plane.Folder, "helm"));
        var settings = await RenderedPod.MountAsync(YamlStream.Parse(await helm.RenderAsync("--values", file)), _folder.FullName);

        await fixture.StartOperatorAsync(settings);
        await fixture.AddAccountAsync("behind-the-proxy", spec => spec["provider"] = "corp");
        await fixture.ReadyAsync("behind-the-proxy");

        proxy.Targets.Should().NotBeEmpty().And.OnlyContain(target => target.StartsWith(Host + ":", StringComparison.Ordinal), "the API server is reached directly");
        using var http = new HttpClient(new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true });
        using var page = await http.GetAsync(new Uri($"http://127.0.0.1:{pages}/"));
        page.StatusCode.Should().Be(HttpStatusCode.NotFound);
        using var metric = await http.GetAsync(new Uri($"https://127.0.0.1:{metrics}/metrics"));
        metric.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=inspection.corp.example", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("tokens.corp.example");
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    /// <summary>Passes each request on to the provider.</summary>
    private static async Task<WebApplication> StartProxyAsync(X509Certificate2 certificate, Uri provider)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var app = builder.Build();
        var http = new HttpClient();
        app.Lifetime.ApplicationStopped.Register(http.Dispose);
        app.MapPost("/token", async context =>
        {
            using var content = new StreamContent(context.Request.Body);
            content.Headers.ContentType = new("application/x-www-form-urlencoded");
            using var response = await http.PostAsync(new Uri(provider, "/token"), content, context.RequestAborted);
            context.Response.StatusCode = (int)response.StatusCode;
            context.Response.ContentType = "application/json";
            await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
        });
        await app.StartAsync();
        return app;
    }
}
