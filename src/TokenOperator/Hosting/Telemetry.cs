using KubeRuntime.Observability;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using TokenOperator.Monitoring;

namespace TokenOperator.Hosting;

/// <summary>Where the metrics go: to whoever asks for <c>/metrics</c>, and by OTLP, with traces, when a setting says where to.</summary>
public static class Telemetry
{
    /// <summary>Adds it. Traces cost something at each request, so without OTLP there are none.</summary>
    public static void Add(IServiceCollection services, IConfiguration configuration)
    {
        var isExported = configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 };
        services.AddSingleton<OAuthTokenMetrics>();
        var telemetry = services.AddOpenTelemetry().WithMetrics(metrics =>
        {
            metrics.AddMeter("TokenOperator.*", RuntimeMetrics.MeterName).AddPrometheusExporter(exporter =>
            {
                exporter.ScopeInfoEnabled = false;
                exporter.ScrapeResponseCacheDurationMilliseconds = 0;
            });
            ((IDeferredMeterProviderBuilder)metrics).Configure((provider, deferred) =>
            {
                var tokens = provider.GetRequiredService<OAuthTokenMetrics>();
                deferred.AddView(instrument => instrument.Meter.Name == OAuthTokenMetrics.MeterName
                    ? new MetricStreamConfiguration { CardinalityLimit = tokens.Room }
                    : null);
            });
            if (isExported)
                metrics.AddOtlpExporter();
        });
        if (isExported)
            telemetry.WithTracing(traces => traces.AddSource(SafeSpans.Sources).AddProcessor(_ => new SafeSpans()).AddOtlpExporter());
    }
}
