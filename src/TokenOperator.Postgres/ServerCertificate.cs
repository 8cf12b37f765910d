using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Npgsql;
using TokenOperator.Core.Text;

namespace TokenOperator.Postgres;

/// <summary>
/// Explains why Npgsql refused the certificate of a server: whose it is, who issued it, and who is trusted. Npgsql reports none of this,
/// so the certificate is fetched once more. Decides nothing.
/// </summary>
internal static class ServerCertificate
{
    private const int MaxNameLength = 150;
    private const int MaxTrusted = 3;

    /// <summary>The message that asks for TLS (PostgreSQL manual, section "Message Formats", SSLRequest).</summary>
    private const int TlsRequestCode = 80877103;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    /// <summary>The explanation, without a full stop; null when the certificate cannot be fetched, or nothing is wrong with it.</summary>
    public static async Task<string?> ExplainAsync(NpgsqlConnectionStringBuilder settings, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Timeout);
        foreach (var host in (settings.Host ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            try
            {
                var (name, port) = SplitPort(host, settings.Port);
                if (await FetchAsync(name, port, settings.SslNegotiation == SslNegotiation.Direct, timeout.Token) is { } seen && ReasonOf(seen, name, settings) is { } reason)
                {
                    return $"the server has the certificate \"{Shown(seen.Certificate.Subject)}\", issued by \"{Shown(seen.Certificate.Issuer)}\", and {reason}; "
                        + $"trusted are {TrustedText(settings.RootCertificate)}";
                }
            }
            catch (Exception e) when (e is SocketException or IOException or AuthenticationException or CryptographicException or ArgumentException
                or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                // The failure of the connection itself is reported without an explanation.
            }
        }

        return null;
    }

    /// <summary>The certificates of a PEM file; none when it cannot be read.</summary>
    public static X509Certificate2Collection Trusted(string file)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            certificates.Clear();
        }

        return certificates;
    }

    private static (string Host, int Port) SplitPort(string host, int otherwise)
    {
        var isBare = IPAddress.TryParse(host, out _) && !host.StartsWith('[');
        var colon = isBare ? -1 : host.LastIndexOf(':');
        return colon > host.LastIndexOf(']') && int.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? (host[..colon].Trim('[', ']'), port)
            : (host.Trim('[', ']'), otherwise);
    }

    /// <summary>Starts TLS and ends the connection before anything is sent through it.</summary>
    private static async Task<SeenCertificate?> FetchAsync(string host, int port, bool isDirect, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(host, port, cancellationToken);
        var stream = client.GetStream();
        if (!isDirect)
        {
            var request = new byte[8];
            BinaryPrimitives.WriteInt32BigEndian(request, request.Length);
            BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(4), TlsRequestCode);
            await stream.WriteAsync(request, cancellationToken);
            var answer = new byte[1];
            await stream.ReadExactlyAsync(answer, cancellationToken);
            if (answer[0] != 'S')
                return null;
        }

        SeenCertificate? seen = null;
        await using var tls = new SslStream(stream);
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = host,
                    RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                    {
                        if (certificate is not null)
                        {
                            var others = chain?.ChainElements.Skip(1).Select(element => X509CertificateLoader.LoadCertificate(element.Certificate.RawData)) ?? [];
                            // The platform judges the time, so that this message cannot contradict it.
                            var isTimely = chain?.ChainElements.FirstOrDefault()?.ChainElementStatus.Any(status => status.Status == X509ChainStatusFlags.NotTimeValid) != true;
                            seen = new SeenCertificate(X509CertificateLoader.LoadCertificate(certificate.GetRawCertData()), [.. others], errors, isTimely);
                        }

                        return false;
                    },
                },
                cancellationToken);
        }
        catch (AuthenticationException)
        {
            // The callback accepts nothing.
        }

        return seen;
    }

    private static string? ReasonOf(SeenCertificate seen, string host, NpgsqlConnectionStringBuilder settings)
    {
        var certificate = seen.Certificate;
        if (!seen.IsTimely)
            return string.Create(CultureInfo.InvariantCulture, $"it is valid only from {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd} until {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}");
        if (!IsIssuedByTrusted(seen, settings.RootCertificate))
            return "none of the trusted authorities issued it";
        return settings.SslMode == SslMode.VerifyFull && seen.Errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? $"it is for {NamesOf(certificate)} and not for {Shown(host)}" : null;
    }

    private static bool IsIssuedByTrusted(SeenCertificate seen, string? rootCertificate)
    {
        if (string.IsNullOrEmpty(rootCertificate))
            return !seen.Errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(Trusted(rootCertificate));
        chain.ChainPolicy.ExtraStore.AddRange(seen.Others);
        return chain.Build(seen.Certificate);
    }

    private static string NamesOf(X509Certificate2 seen)
    {
        var names = seen.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(names => names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(address => address.ToString())));
        return names.Take(MaxTrusted).Select(Shown).ToList() is { Count: > 0 } shown ? string.Join(", ", shown) : "no host";
    }

    private static string TrustedText(string? rootCertificate)
    {
        if (string.IsNullOrEmpty(rootCertificate))
            return "the authorities of the system, since sslrootcert names no file";
        var names = Trusted(rootCertificate).Select(certificate => $"\"{Shown(certificate.Subject)}\"").ToList();
        var more = names.Count > MaxTrusted ? $" and {names.Count - MaxTrusted} more" : "";
        return $"{string.Join(", ", names.Take(MaxTrusted))}{more} in {rootCertificate}";
    }

    private static string Shown(string name) => DisplayText.Of(name, MaxNameLength);

    /// <summary>What a server presented.</summary>
    private sealed record SeenCertificate(X509Certificate2 Certificate, X509Certificate2[] Others, SslPolicyErrors Errors, bool IsTimely);
}
