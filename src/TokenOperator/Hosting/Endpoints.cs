using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using KubeRuntime.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;
using TokenOperator.Reconcile;
using TokenOperator.SelfService;

namespace TokenOperator.Hosting;

/// <summary>The HTTP endpoints of the operator: probes, metrics and self-service pages.</summary>
public static class Endpoints
{
    private const string MetricsPath = "/metrics";

    /// <summary>
    /// Binds the ports now. If one is not available, the program ends with one sentence before the operator does anything.
    /// Kestrel would notice only after the operator has started to work, and would print a stack trace.
    /// </summary>
    /// <exception cref="InvalidSettingException">An address or a port is not available.</exception>
    public static void Listen(WebApplicationBuilder builder, OperatorSettings settings)
    {
        var sockets = new Dictionary<EndPoint, Socket>();
        Take(sockets, settings, "Http__Port", settings.HttpPort);
        if (settings.SelfService.PublicUrl is not null)
            Take(sockets, settings, "SelfService__Port", settings.SelfService.Port);
        var metrics = settings.Metrics.Port == 0 ? null : Take(sockets, settings, "Metrics__Port", settings.Metrics.Port);
        builder.Services.Configure<SocketTransportOptions>(transport => transport.CreateBoundListenSocket = endpoint => sockets[endpoint]);
        // The image of ASP.NET sets ASPNETCORE_HTTP_PORTS. Kestrel would warn at each start that it does not use these addresses.
        foreach (var key in new[] { WebHostDefaults.ServerUrlsKey, WebHostDefaults.HttpPortsKey, WebHostDefaults.HttpsPortsKey })
            builder.WebHost.UseSetting(key, "");
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 0;
            foreach (var endpoint in sockets.Keys)
                kestrel.Listen(endpoint, listen => UseTls(listen, settings.Metrics, isNeeded: endpoint.Equals(metrics)));
        });
    }

    private static void UseTls(ListenOptions listen, MetricsSettings settings, bool isNeeded)
    {
        if (!isNeeded)
            return;
        var services = listen.ApplicationServices;
        var certificate = new MetricsCertificate(
            settings.CertificateFolder, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<MetricsCertificate>>());
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificateContext = certificate.Current }),
        });
    }

    private static IPEndPoint Take(Dictionary<EndPoint, Socket> sockets, OperatorSettings settings, string setting, int port)
    {
        var endpoint = new IPEndPoint(AddressOf(settings.HttpAddress), port);
        try
        {
            sockets[endpoint] = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            // Otherwise another socket that is bound and does not listen yet could take the port.
            sockets[endpoint].Listen();
            return endpoint;
        }
        catch (SocketException e)
        {
            throw new InvalidSettingException(
                $"The setting {setting} is {port}, and this port of Http__Address \"{settings.HttpAddress}\" is not available: {e.Message}. Choose another port, or stop the program that uses it.");
        }
    }

    private static IPAddress AddressOf(string where) =>
        where != "*" ? IPAddress.Parse(where)
        : Socket.OSSupportsIPv6 ? IPAddress.IPv6Any
        : IPAddress.Any;

    /// <summary>Maps probes, metrics and self-service pages.</summary>
    public static void Map(WebApplication app, OperatorSettings settings)
    {
        SelfServiceEndpoints.Map(app, settings.SelfService);
        if (settings.Metrics.Port != 0)
            MapProtectedMetrics(app, settings.Metrics);
        var health = app.Services.GetRequiredService<OperatorHealth>();
        var watchdog = app.Services.GetRequiredService<Watchdog>();
        var memory = app.Services.GetRequiredService<MemoryHealth>();
        app.MapGet("/healthz", context => memory.IsExhausted
            ? AnswerAsync(context, false, "", "memory has run out")
            : AnswerAsync(context, health.IsAlive && watchdog.IsAlive, "alive", "a watch, the leader election, a reconcile or the scheduler makes no progress"));
        app.MapGet("/readyz", context => AnswerAsync(context, health.CachesSynced, "ready", "the caches are not filled yet"));
        if (settings.Metrics.Port == 0)
            app.MapPrometheusScrapingEndpoint(MetricsPath);
    }

    private static void MapProtectedMetrics(WebApplication app, MetricsSettings settings)
    {
        var authorizer = app.Services.GetRequiredService<MetricsAuthorizer>();
        app.MapWhen(context => context.Connection.LocalPort == settings.Port, branch =>
        {
            branch.Use(async (context, next) =>
            {
                var status = await authorizer.AuthorizeAsync(context.Request.Headers.Authorization, context.RequestAborted);
                if (status == StatusCodes.Status200OK)
                {
                    await next(context);
                    return;
                }

                context.Response.StatusCode = status;
                if (status == StatusCodes.Status401Unauthorized)
                    context.Response.Headers.WWWAuthenticate = "Bearer";
            });
            branch.UseOpenTelemetryPrometheusScrapingEndpoint(MetricsPath);
            branch.Run(context =>
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            });
        });
    }

    // Plain RequestDelegates: a handler that returns a value would need code that is generated at each start.
    private static Task AnswerAsync(HttpContext context, bool good, string yes, string no)
    {
        context.Response.StatusCode = good ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync((good ? yes : no) + "\n", context.RequestAborted);
    }
}
