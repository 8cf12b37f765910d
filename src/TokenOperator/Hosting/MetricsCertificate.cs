using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;

namespace TokenOperator.Hosting;

/// <summary>
/// The certificate of the port for metrics. It comes from a folder, which is read again at most every 10 s, or the operator signs one
/// itself. Thread-safe.
/// </summary>
public sealed partial class MetricsCertificate
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(10);

    private readonly string? _folder;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _reading = new();
    private Loaded _loaded;
    private long _checkedAt;

    /// <summary>Reads the certificate.</summary>
    /// <param name="folder">The folder with tls.crt and tls.key, or null.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Receives a change that cannot be used.</param>
    /// <exception cref="InvalidSettingException">The folder contains no certificate with its key.</exception>
    public MetricsCertificate(string? folder, TimeProvider time, ILogger logger)
    {
        (_folder, _time, _logger) = (folder, time, logger);
        _checkedAt = time.GetTimestamp();
        try
        {
            _loaded = folder is null ? new Loaded("", "", Create(time.GetUtcNow())) : Read(folder);
        }
        catch (Exception e) when (IsUnusable(e))
        {
            throw new InvalidSettingException($"Metrics__CertificateFolder: {folder} cannot be used; expected a folder with tls.crt and tls.key, as PEM without a password: {e.Message}");
        }
    }

    /// <summary>The certificate to present now. A file that cannot be used leaves the previous one in use.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_reading)
            {
                if (_folder is not null && _time.GetElapsedTime(_checkedAt) >= CheckInterval)
                    ReadAgain(_folder);
                return _loaded.Context;
            }
        }
    }

    private void ReadAgain(string folder)
    {
        _checkedAt = _time.GetTimestamp();
        try
        {
            if (Texts(folder) != (_loaded.Certificate, _loaded.Key))
                _loaded = Read(folder);
        }
        catch (Exception e) when (IsUnusable(e))
        {
            LogUnusable(folder, e.Message);
        }
    }

    private static bool IsUnusable(Exception e) => e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    private static (string Certificate, string Key) Texts(string folder) => (File.ReadAllText(Path.Combine(folder, "tls.crt")), File.ReadAllText(Path.Combine(folder, "tls.key")));

    private static Loaded Read(string folder)
    {
        var (certificate, key) = Texts(folder);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificate);
        return new Loaded(certificate, key, SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(certificate, key), chain, offline: true));
    }

    private static SslStreamCertificateContext Create(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=token-operator", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("token-operator");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        return SslStreamCertificateContext.Create(request.CreateSelfSigned(now.AddDays(-1), now.AddYears(10)), null, offline: true);
    }

    [LoggerMessage(311, LogLevel.Error, "The certificate of the port for metrics stays as it was, because {Folder} cannot be used: {Error}")]
    private partial void LogUnusable(string folder, string error);

    private sealed record Loaded(string Certificate, string Key, SslStreamCertificateContext Context);
}
