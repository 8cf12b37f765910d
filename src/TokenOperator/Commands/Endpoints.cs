using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Controller;
using TokenOperator.Runtime.Observability;
using TokenOperator.SelfService;

namespace TokenOperator.Commands;

/// <summary>What the operator serves: probes and metrics.</summary>
public static class Endpoints
{
    /// <summary>Says where.</summary>
    public static void Listen(WebApplicationBuilder builder, OperatorSettings settings) => builder.WebHost.ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = 0;
        Listen(kestrel, settings.HttpAddress, settings.HttpPort);
        if (settings.SelfService.PublicUrl is not null)
            Listen(kestrel, settings.HttpAddress, settings.SelfService.Port);
    });

    private static void Listen(KestrelServerOptions kestrel, string where, int port)
    {
        if (where == "*")
            kestrel.ListenAnyIP(port);
        else if (IPAddress.TryParse(where, out var address))
            kestrel.Listen(address, port);
        else
            throw new InvalidSettingException($"The setting Http__Address is \"{where}\"; expected an IP address, or * for all.");
    }

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
