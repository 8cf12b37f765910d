using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace TokenOperator.TestBed;

/// <summary>A node without containers that answers the API server's requests for container logs, as a kubelet does.</summary>
public sealed class FakeKubelet : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly X509Certificate2 _certificate;

    private FakeKubelet(WebApplication app, X509Certificate2 certificate) => (_app, _certificate) = (app, certificate);

    /// <summary>The log of each pod by its name. A log may grow. The answer for a missing pod is 404.</summary>
    public ConcurrentDictionary<string, string> Logs { get; } = [];

    /// <summary>Its port on 127.0.0.1.</summary>
    public int Port => new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    /// <summary>Starts it.</summary>
    public static async Task<FakeKubelet> StartAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var certificate = new CertificateRequest("CN=kubelet", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var kubelet = new FakeKubelet(builder.Build(), certificate);
        kubelet._app.MapGet("/containerLogs/{ns}/{pod}/{container}", kubelet.ServeAsync);
        await kubelet._app.StartAsync();
        return kubelet;
    }

    /// <summary>Creates the Node of this name.</summary>
    public Task RegisterAsync(Kubectl kubectl, string node)
    {
        ArgumentNullException.ThrowIfNull(kubectl);
        return kubectl.RunAsync(
            ["create", "-f", "-"],
            $$"""
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "{{node}}"},
             "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": {{Port}} } } } }
            """);
    }

    private async Task ServeAsync(HttpContext context, string pod, bool? follow, string? sinceTime)
    {
        if (!Logs.TryGetValue(pod, out var log))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        // A kubelet compares whole seconds.
        var lines = log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => sinceTime is null || string.CompareOrdinal(line[..19], sinceTime[..19]) >= 0);
        await context.Response.WriteAsync(string.Concat(lines.Select(line => line + "\n")));
        var written = log.Length;
        while (follow == true && !context.RequestAborted.IsCancellationRequested && Logs.TryGetValue(pod, out log))
        {
            await context.Response.WriteAsync(log[written..]);
            await context.Response.Body.FlushAsync();
            written = log.Length;
            await Task.Delay(50);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate.Dispose();
    }
}
