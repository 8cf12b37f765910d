using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using TokenOperator.Core.Settings;
using TokenOperator.Monitoring;

namespace TokenOperator.Hosting;

/// <summary>Where the metrics go: to whoever asks for <c>/metrics</c>, and by OTLP, with traces, when a setting says where to.</summary>
public static class Telemetry
{
    private static readonly Setting<string?> OtlpEndpoint = Setting.Text(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Also sends the metrics to this address by OTLP, and traces of Postgres and HTTP ([monitoring.md](monitoring.md)). The related settings of the OpenTelemetry specification also work.",
        expected: "an address");

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [OtlpEndpoint];

    /// <summary>Adds it. Traces cost something at each request, so without OTLP there are none.</summary>
    public static void Add(IServiceCollection services, SettingsReader reader)
    {
        var isExported = !reader.IsAbsent(OtlpEndpoint);
        services.AddSingleton<OAuthTokenMetrics>();
        var telemetry = services.AddOpenTelemetry().WithMetrics(metrics =>
        {
            metrics.AddMeter("TokenOperator.*").AddPrometheusExporter(exporter =>
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
