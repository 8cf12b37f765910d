using System.Text.Json.Serialization.Metadata;
using KubeRuntime.Controllers;
using KubeRuntime.Hosting;
using KubeRuntime.Observability;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using TokenOperator.Tests.KubeRuntime.Fakes;
using TokenOperator.Tests.KubeRuntime.Hosting;

namespace TokenOperator.Tests.KubeRuntime.Observability;

public sealed class RuntimeMetricsTests
{
    [Fact]
    public async Task Prometheus_sees_the_metric_names_of_controller_runtime_and_client_go()
    {
        await using var server = await FakeApiServer.StartAsync();
        server.Store.Create("gadgets", Gadget.Manifest("lamp"));
        server.Store.Create("gadgets", Gadget.Manifest("sofa"));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(o => o.ListenLocalhostFreePort(null));
        var script = new Script();
        script.Reconcile = (g, _) => Task.FromResult(g.Metadata.Name == "sofa" && script.Count("reconcile sofa") == 1
            ? ReconciliationResult<Gadget>.Failure(g, "not yet")
            : ReconciliationResult<Gadget>.Success(g));
        builder.Services.AddSingleton(script).AddSingleton(server.Configuration());
        builder.Services.AddKubernetesOperator(o =>
        {
            o.Name = "demo";
            o.Json.Add(new DefaultJsonTypeInfoResolver());
        }).AddController<GadgetController, Gadget>();
        builder.Services.AddOpenTelemetry().WithMetrics(m => m.AddMeter(RuntimeMetrics.MeterName).AddPrometheusExporter());
        await using var app = builder.Build();
        app.MapPrometheusScrapingEndpoint();
        await app.StartAsync();
        await Eventually.IsTrueAsync(() => script.Count("reconcile") == 3, "all is reconciled");

        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri($"{app.Urls.Single()}/metrics"));
        await app.StopAsync();

        (string Name, string Label)[] expected =
        [
            ("controller_runtime_reconcile_total", "controller=\"gadget\",result=\"success\""),
            ("controller_runtime_reconcile_total", "controller=\"gadget\",result=\"error\""),
            ("controller_runtime_reconcile_errors_total", "controller=\"gadget\""),
            ("controller_runtime_reconcile_time_seconds_count", "controller=\"gadget\""),
            ("controller_runtime_active_workers", "controller=\"gadget\""),
            ("workqueue_depth", "name=\"gadget\""),
            ("workqueue_adds_total", "name=\"gadget\""),
            ("workqueue_retries_total", "name=\"gadget\""),
            ("workqueue_queue_duration_seconds_count", "name=\"gadget\""),
            ("workqueue_work_duration_seconds_count", "name=\"gadget\""),
            ("workqueue_unfinished_work_seconds", "name=\"gadget\""),
            ("workqueue_longest_running_processor_seconds", "name=\"gadget\""),
            ("leader_election_master_status", "name=\"demo\""),
            ("rest_client_requests_total", "code=\"200\",host=\"127.0.0.1:"),
        ];
        var samples = text.Split('\n');
        foreach (var (name, label) in expected)
        {
            samples.Should().Contain(s => s.StartsWith(name + "{", StringComparison.Ordinal) && s.Contains(label, StringComparison.Ordinal), $"{name} with {label}");
        }
    }
}
