using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Settings;
using TokenOperator.Hosting;
using TokenOperator.Tests.Postgres;

namespace TokenOperator.Tests.Hosting;

public sealed class MetricsCertificateTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("certificate-");
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly ListLogger _log = new();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_renewed_certificate_is_presented_within_ten_seconds()
    {
        Write("CN=first");
        var certificate = new MetricsCertificate(_folder.FullName, _time, _log);
        Subject(certificate).Should().Be("CN=first");

        Write("CN=second");
        Subject(certificate).Should().Be("CN=first", "the files are not read for each connection");
        _time.Advance(TimeSpan.FromSeconds(10));
        Subject(certificate).Should().Be("CN=second");
    }

    [Fact]
    public void A_file_that_cannot_be_used_leaves_the_previous_certificate_in_use()
    {
        Write("CN=first");
        var certificate = new MetricsCertificate(_folder.FullName, _time, _log);
        File.WriteAllText(Path.Combine(_folder.FullName, "tls.crt"), "half a certificate");
        _time.Advance(TimeSpan.FromSeconds(10));

        Subject(certificate).Should().Be("CN=first");
        _log.Lines.Should().ContainSingle().Which.Should().Contain(_folder.FullName);
    }

    [Fact]
    public void Without_a_folder_the_operator_signs_a_certificate()
    {
        var target = new MetricsCertificate(null, _time, _log).Current.TargetCertificate;
        target.Subject.Should().Be("CN=token-operator");
        target.HasPrivateKey.Should().BeTrue();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("nonsense")]
    public void A_folder_without_a_certificate_ends_the_start_with_the_setting(string? content)
    {
        if (content is not null)
        {
            File.WriteAllText(Path.Combine(_folder.FullName, "tls.crt"), content);
            File.WriteAllText(Path.Combine(_folder.FullName, "tls.key"), content);
        }

        var read = () => new MetricsCertificate(_folder.FullName, _time, _log);
        read.Should().Throw<InvalidSettingException>().Which.Message.Should().Contain("Metrics__CertificateFolder").And.Contain("tls.crt and tls.key");
    }

    private static string Subject(MetricsCertificate certificate) => certificate.Current.TargetCertificate.Subject;

    private void Write(string subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest(subject, key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(Path.Combine(_folder.FullName, "tls.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder.FullName, "tls.key"), key.ExportPkcs8PrivateKeyPem());
    }
}
