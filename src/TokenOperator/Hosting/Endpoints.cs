using System.Net;
using System.Net.Sockets;
using KubeRuntime.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Core.Settings;
using TokenOperator.Reconcile;
using TokenOperator.SelfService;

namespace TokenOperator.Hosting;

/// <summary>What the operator serves: probes and metrics.</summary>
public static class Endpoints
{
    /// <summary>
    /// Says where, and takes the ports now: one that cannot be had stops the start before anything is done, with a sentence.
    /// Kestrel would find out after the operator has begun to work, and print a stack.
    /// </summary>
    /// <exception cref="InvalidSettingException">An address or a port cannot be had.</exception>
    public static void Listen(WebApplicationBuilder builder, OperatorSettings settings)
    {
        var sockets = new Dictionary<EndPoint, Socket>();
        Take(sockets, settings, "Http__Port", settings.HttpPort);
        if (settings.SelfService.PublicUrl is not null)
            Take(sockets, settings, "SelfService__Port", settings.SelfService.Port);
        builder.Services.Configure<SocketTransportOptions>(transport => transport.CreateBoundListenSocket = endpoint => sockets[endpoint]);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 0;
            foreach (var endpoint in sockets.Keys)
                kestrel.Listen(endpoint);
        });
    }

    private static void Take(Dictionary<EndPoint, Socket> sockets, OperatorSettings settings, string setting, int port)
    {
        var endpoint = new IPEndPoint(AddressOf(settings.HttpAddress), port);
        try
        {
            sockets[endpoint] = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            // Or another that is bound and does not listen yet would get it.
            sockets[endpoint].Listen();
        }
        catch (SocketException e)
        {
            throw new InvalidSettingException(
                $"The setting {setting} is {port}, and that port of Http__Address \"{settings.HttpAddress}\" cannot be had: {e.Message}. Choose another, or stop the program that has it.");
        }
    }

    private static IPAddress AddressOf(string where) =>
        where == "*" ? Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any
        : IPAddress.TryParse(where, out var address) ? address
        : throw new InvalidSettingException($"The setting Http__Address is \"{where}\"; expected an IP address, or * for all.");

    /// <summary>Says what.</summary>
    public static void Map(WebApplication app, OperatorSettings settings)
    {
        SelfServiceEndpoints.Map(app, settings.SelfService);
        var health = app.Services.GetRequiredService<OperatorHealth>();
        var watchdog = app.Services.GetRequiredService<Watchdog>();
        app.MapGet("/healthz", context => AnswerAsync(
            context, health.IsAlive && watchdog.IsAlive, "alive", "a watch, the election, a reconcile or the scheduler stands still"));
        app.MapGet("/readyz", context => AnswerAsync(context, health.CachesSynced, "ready", "the caches are not filled yet"));
        app.MapPrometheusScrapingEndpoint("/metrics");
    }

    // Plain delegates: one with a result of its own would have code made for it at each start.
    private static Task AnswerAsync(HttpContext context, bool good, string yes, string no)
    {
        context.Response.StatusCode = good ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync((good ? yes : no) + "\n", context.RequestAborted);
    }
}
