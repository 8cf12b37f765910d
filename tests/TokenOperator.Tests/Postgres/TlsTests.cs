using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Migrations;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Postgres;

/// <summary>The values of sslmode against servers with valid and invalid certificates.</summary>
[Trait("Category", PostgresGroup.Name)]
public sealed class TlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("to-tls-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_server_with_a_valid_certificate_connects_encrypted()
    {
        using var authority = Authority("ours");
        await using var server = await StartAsync(authority, names => names.AddIpAddress(IPAddress.Loopback));
        var settings = Settings(server, "verify-full", Save(authority));
        await using var pool = settings.CreatePool();
        await using var command = pool.CreateCommand("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
        (await command.ExecuteScalarAsync()).Should().Be(true);
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_refused()
    {
        using var authority = Authority("ours");
        using var other = Authority("another");
        await using var server = await StartAsync(other, names => names.AddIpAddress(IPAddress.Loopback));
        foreach (var mode in new[] { "verify-full", "verify-ca" })
            (await RefusalAsync(Settings(server, mode, Save(authority)))).Should().Contain("no secure connection").And.Contain("Check sslmode and sslrootcert in DATABASE_URL");
        (await RefusalAsync(Settings(server, "verify-full", rootCertificate: null))).Should().Contain("no secure connection", "no authority is trusted");
    }

    [Fact]
    public async Task A_certificate_for_another_host_is_refused_by_verify_full_and_accepted_by_verify_ca()
    {
        using var authority = Authority("ours");
        await using var server = await StartAsync(authority, names => names.AddDnsName("postgres.elsewhere.example"));
        (await RefusalAsync(Settings(server, "verify-full", Save(authority)))).Should().Contain("no secure connection").And.Contain("sslmode");
        await ListAsync(Settings(server, "verify-ca", Save(authority)));
    }

    [Fact]
    public async Task A_server_without_TLS_is_refused_when_TLS_is_required()
    {
        await using var server = await PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false });
        (await RefusalAsync(Settings(server, "verify-full", rootCertificate: null))).Should().StartWith("Postgres, database postgres").And.Contain("SSL");
    }

    private static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
    }

    private static Task<PostgresServer> StartAsync(X509Certificate2 authority, Action<SubjectAlternativeNameBuilder> name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=postgres", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        name(names);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(authority, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(20), RandomNumberGenerator.GetBytes(8));
        return PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false, Tls = (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem()) });
    }

    private string Save(X509Certificate2 authority)
    {
        var file = Path.Combine(_folder, "ca.pem");
        File.WriteAllText(file, authority.ExportCertificatePem());
        return file;
    }

    private static PostgresSettings Settings(PostgresServer server, string mode, string? rootCertificate)
    {
        var root = rootCertificate is null ? "" : $"&sslrootcert={Uri.EscapeDataString(rootCertificate)}";
        return ConnectionStrings.Parse("DATABASE_URL", $"{server.Database("postgres").Uri}?sslmode={mode}{root}");
    }

    private static async Task<string> RefusalAsync(PostgresSettings settings) =>
        (await FluentActions.Awaiting(() => ListAsync(settings)).Should().ThrowAsync<StoreUnavailableException>()).Which.Message;

    private static async Task ListAsync(PostgresSettings settings)
    {
        await using var pool = settings.CreatePool();
        await new PostgresMigrator(new StatementRunner(pool, settings, Meters.OfStore), settings, TimeProvider.System, NullLogger<PostgresMigrator>.Instance).StatusAsync(default);
    }
}
