using KubeRuntime.Observability;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.Monitoring;

namespace TokenOperator.Hosting;

/// <summary>Exports metrics at <c>/metrics</c>, and metrics and traces by OTLP when a setting names the address.</summary>
public static class Telemetry
{
    private const string ServiceName = "token-operator";

    private static readonly Setting<string?> OtlpEndpoint = Setting.Text(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Also sends the metrics to this address by OTLP, and traces of Postgres and HTTP ([monitoring.md](monitoring.md)). The related settings of the OpenTelemetry specification also work.",
        expected: "an address");

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [OtlpEndpoint];

    /// <summary>Adds the exporters. Spans cost time on each request, so there are none without OTLP.</summary>
    public static void Add(IServiceCollection services, SettingsReader reader)
    {
        var isExported = !reader.IsAbsent(OtlpEndpoint);
        services.AddSingleton<OAuthTokenMetrics>().AddSingleton<BuildMetrics>();
        // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last, so they override the name.
        var telemetry = services.AddOpenTelemetry().ConfigureResource(resource => resource
            .Clear().AddService(ServiceName, serviceVersion: BuildInfo.Version, serviceInstanceId: Environment.MachineName)
            .AddTelemetrySdk().AddEnvironmentVariableDetector()).WithMetrics(metrics =>
        {
            metrics.AddMeter("TokenOperator.*", RuntimeMetrics.MeterName).AddPrometheusExporter(exporter =>
            {
                exporter.ScopeInfoEnabled = false;
                exporter.ScrapeResponseCacheDurationMilliseconds = 0;
            });
            ((IDeferredMeterProviderBuilder)metrics).Configure((provider, deferred) =>
            {
                // Nothing else needs it, so it is created here.
                provider.GetRequiredService<BuildMetrics>();
                var tokens = provider.GetRequiredService<OAuthTokenMetrics>();
                deferred.AddView(instrument => instrument.Meter.Name == OAuthTokenMetrics.MeterName
                    ? new MetricStreamConfiguration { CardinalityLimit = tokens.CardinalityLimit }
                    : null);
            });
            if (isExported)
                metrics.AddOtlpExporter();
        });
        if (isExported)
            telemetry.WithTracing(traces => traces.AddSource(SpanRedactor.Sources).AddProcessor(_ => new SpanRedactor()).AddOtlpExporter());
    }
}
