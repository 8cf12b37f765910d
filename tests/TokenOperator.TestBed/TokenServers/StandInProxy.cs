using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>
/// A proxy on loopback that answers in place of hosts with https. A program that uses it as its HTTPS_PROXY, and trusts its authority,
/// reaches the servers of a test at the addresses of the real ones. Every other host is refused. Thread-safe.
/// </summary>
public sealed class StandInProxy : IAsyncDisposable
{
    private static readonly byte[] EndOfHeader = "\r\n\r\n"u8.ToArray();

    private readonly IReadOnlyDictionary<string, RequestDelegate> _hosts;
    private readonly ConcurrentQueue<string> _refused = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("token-operator-stand-in-");
    private readonly X509Certificate2 _certificate;
    private readonly WebApplication _app;

    private StandInProxy(IReadOnlyDictionary<string, RequestDelegate> hosts)
    {
        _hosts = hosts;
        _certificate = MakeCertificate(hosts.Keys);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection => OpenTunnelAsync(connection, next));
            listen.UseHttps(_certificate);
        }));
        builder.WebHost.UseKestrelHttpsConfiguration();
        _app = builder.Build();
        _app.Run(context => _hosts.TryGetValue(context.Request.Host.Host, out var answer) ? answer(context) : Task.CompletedTask);
    }

    /// <summary>Its address, for HTTPS_PROXY.</summary>
    public Uri Address => new(_app.Urls.Single().Replace("https://", "http://", StringComparison.Ordinal));

    /// <summary>The file with its certificate authority (PEM), for SSL_CERT_FILE.</summary>
    public string AuthorityFile => Path.Combine(_folder.FullName, "ca.crt");

    /// <summary>The hosts that were refused, oldest first.</summary>
    public IReadOnlyList<string> Refused => [.. _refused];

    /// <summary>The variables with which a program uses it. Addresses on loopback are reached directly.</summary>
    public IReadOnlyList<(string Name, string Value)> Environment => [("HTTPS_PROXY", $"{Address}"), ("NO_PROXY", "127.0.0.1,localhost"), ("SSL_CERT_FILE", AuthorityFile)];

    /// <summary>Starts it on a free port.</summary>
    /// <param name="hosts">The names of the hosts, and what answers in their place.</param>
    /// <param name="ct">Gives up.</param>
    public static async Task<StandInProxy> StartAsync(IReadOnlyDictionary<string, RequestDelegate> hosts, CancellationToken ct = default)
    {
        var proxy = new StandInProxy(hosts);
        await File.WriteAllTextAsync(proxy.AuthorityFile, proxy._certificate.ExportCertificatePem(), ct);
        await proxy._app.StartAsync(ct);
        return proxy;
    }

    /// <summary>A client that uses it, and follows no redirect.</summary>
    public HttpClient Client()
    {
        var handler = TrustedHandler.Create(AuthorityFile);
        (handler.Proxy, handler.AllowAutoRedirect) = (new WebProxy(Address), false);
        return new HttpClient(handler);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
        _certificate.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>Answers CONNECT (RFC 9110 section 9.3.6), and passes what comes through the tunnel on to <paramref name="next"/>.</summary>
    private async Task OpenTunnelAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var (input, output) = (connection.Transport.Input, connection.Transport.Output);
        while (true)
        {
            var read = await input.ReadAsync(connection.ConnectionClosed);
            var reader = new SequenceReader<byte>(read.Buffer);
            if (reader.TryReadTo(out ReadOnlySequence<byte> header, EndOfHeader))
            {
                var target = Encoding.ASCII.GetString(header).Split(' ');
                input.AdvanceTo(reader.Position);
                var host = target is ["CONNECT", var authority, ..] ? authority.Split(':')[0] : target[0];
                if (_hosts.ContainsKey(host))
                {
                    await output.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), connection.ConnectionClosed);
                    await next(connection);
                }
                else
                {
                    _refused.Enqueue(host);
                    await output.WriteAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), connection.ConnectionClosed);
                }

                return;
            }

            if (read.IsCompleted)
                return;
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static X509Certificate2 MakeCertificate(IEnumerable<string> hosts)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=stand-in", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts)
            names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
