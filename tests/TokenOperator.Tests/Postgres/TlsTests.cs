using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Migrations;
using TokenOperator.Postgres.Rows;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Postgres;

/// <summary>The values of sslmode against servers with valid and invalid certificates.</summary>
[Trait("Category", PostgresGroup.Name)]
public sealed class TlsTests : IDisposable
{
    private readonly ListLogger _log = new();
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

    [Theory]
    [InlineData("{0}?sslmode=require&sslrootcert={1}")]
    [InlineData("{0}?sslmode=prefer&sslrootcert={1}")]
    [InlineData("{0}?sslmode=allow&sslrootcert={1}")]
    [InlineData("{0}?sslrootcert={1}")]
    [InlineData("{0}?requiressl=1&sslrootcert={1}")]
    [InlineData("{2};SSL Mode=Require;Root Certificate={1}")]
    [InlineData("{2};Root Certificate={1}")]
    [InlineData("{2};sslmode=require;sslrootcert={1}")]
    public async Task With_a_root_certificate_a_certificate_of_another_authority_is_refused_in_every_mode(string form)
    {
        using var authority = Authority("ours");
        using var other = Authority("another");
        await using var server = await StartAsync(other, names => names.AddDnsName("postgres.elsewhere.example"));
        var database = server.Database("postgres");
        PostgresSettings Settings(X509Certificate2 root) => ConnectionStrings.Parse(
            "DATABASE_URL", string.Format(CultureInfo.InvariantCulture, form, database.Uri, Save(root), database.ConnectionString));
        (await RefusalAsync(Settings(authority))).Should().Contain("no secure connection");
        await ListAsync(Settings(other));
    }

    [Fact]
    public async Task A_refusal_names_the_certificate_of_the_server_its_issuer_and_who_is_trusted()
    {
        using var authority = Authority("ours");
        using var other = Authority("another");
        await using var server = await StartAsync(other, names => names.AddDnsName("postgres.elsewhere.example"));

        (await RefusalAsync(Settings(server, "verify-full", Save(authority)))).Should().Contain(
            $"the server has the certificate \"CN=postgres\", issued by \"CN=another\", and none of the trusted authorities issued it; trusted are \"CN=ours\" in {_folder}/ca.pem");
        (await RefusalAsync(Settings(server, "verify-full", rootCertificate: null))).Should().Contain("\"CN=postgres\", issued by \"CN=another\"")
            .And.Contain("trusted are the authorities of the system").And.Contain("name the file with sslrootcert").And.NotContain("RemoteCertificate");
        (await RefusalAsync(Settings(server, "verify-full", Save(other)))).Should().Contain("it is for postgres.elsewhere.example and not for 127.0.0.1");
        (await RefusalAsync(Settings(server, "verify-ca", rootCertificate: null))).Should().Contain("\"CN=another\"");
        await using (var listener = new AccountChangeListener(Settings(server, "verify-full", Save(authority)), "me", Meters.OfStore, TimeProvider.System, _log))
        {
            using var stop = new CancellationTokenSource();
            var next = listener.NextAsync(stop.Token);
            await Eventually.IsTrueAsync(() => _log.Lines.Any(line => line.Contains("\"CN=another\"", StringComparison.Ordinal)));
            await stop.CancelAsync();
            await FluentActions.Awaiting(() => next).Should().ThrowAsync<OperationCanceledException>();
        }
    }

    [Fact]
    public async Task A_certificate_that_has_expired_is_refused_with_the_date()
    {
        using var authority = Authority("ours");
        await using var server = await StartAsync(authority, names => names.AddIpAddress(IPAddress.Loopback), daysLeft: -1);
        (await RefusalAsync(Settings(server, "verify-full", Save(authority)))).Should().MatchRegex("it is valid only from [0-9]{4}-[0-9]{2}-[0-9]{2} until [0-9]{4}-[0-9]{2}-[0-9]{2}");
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
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-20), DateTimeOffset.UtcNow.AddDays(30));
    }

    private static Task<PostgresServer> StartAsync(X509Certificate2 authority, Action<SubjectAlternativeNameBuilder> name, int daysLeft = 20)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=postgres", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        name(names);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(authority, DateTimeOffset.UtcNow.AddDays(-10), DateTimeOffset.UtcNow.AddDays(daysLeft), RandomNumberGenerator.GetBytes(8));
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
        await using var pool = new ConnectionPool(settings, NullLogger<ConnectionPool>.Instance);
        await new PostgresMigrator(new StatementRunner(pool, settings, Meters.OfStore), settings, TimeProvider.System, NullLogger<PostgresMigrator>.Instance).StatusAsync(default);
    }
}
