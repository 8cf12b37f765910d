using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using k8s.Models;
using KubeRuntime.Observability;
using KubeRuntime.Watching;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TokenOperator.Api;
using TokenOperator.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Tokens;
using TokenOperator.Hosting;
using TokenOperator.Monitoring;
using TokenOperator.Postgres.Hosting;
using TokenOperator.Providers;
using TokenOperator.Providers.OAuth2;
using TokenOperator.Refreshing;
using TokenOperator.Tests.KubeRuntime.Fakes;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Tests.Monitoring;

/// <summary>Holds docs/monitoring.md to the instruments that the operator's services create.</summary>
[Collection(MetersGroup.Name)]
public sealed class MonitoringDocumentTests : IAsyncLifetime
{
    private FakeApiServer _server = null!;
    private IHost _host = null!;

    public async Task InitializeAsync()
    {
        _server = await FakeApiServer.StartAsync();
        var reader = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(
            [new("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing"), new("Encryption", "None"), new("LeaderElection:LeaseNamespace", "system")]).Build());
        var settings = OperatorSettings.Read(reader);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        var services = builder.Services;
        services.AddSingleton(TimeProvider.System).AddSingleton(Random.Shared).AddSingleton(_server.Configuration()).AddSingleton<OAuthTokenMetrics>().AddSingleton<BuildMetrics>();
        services.AddPostgresStorage(reader).AddTokenProviders(reader);
        RunCommand.AddRefreshing(services, settings);
        RunCommand.AddOperator(services, settings);
        reader.ThrowIfInvalid();
        // Not started: the services create their instruments in their constructors.
        _host = builder.Build();
    }

    public async Task DisposeAsync()
    {
        _host.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("## Metrics of an OAuthToken", "tokenoperator_oauthtoken_")]
    [InlineData("## Metrics of providers, Postgres and the operator", "tokenoperator_(?!oauthtoken_)")]
    public Task The_documentation_lists_every_metric_with_its_labels(string heading, string names) => DocumentTable.CheckAsync(
        "docs/monitoring.md", heading,
        ["Metric", "Type", "Labels", "Meaning"],
        from instrument in Instruments()
        where Regex.IsMatch(instrument.Key.Name, $"^{names}")
        orderby instrument.Key.Name
        select new[]
        {
            $"`{PrometheusName(instrument.Key)}`", TypeOf(instrument.Key), string.Join(", ", instrument.Value.Select(label => $"`{label}`")), instrument.Key.Description!,
        });

    [Fact]
    public void Every_metric_of_an_OAuthToken_says_which_one_it_is_about() =>
        Instruments().Where(instrument => instrument.Key.Name.StartsWith("tokenoperator_oauthtoken_", StringComparison.Ordinal))
            .Should().OnlyContain(instrument => instrument.Value.Contains("namespace") && instrument.Value.Contains("name"));

    [Fact]
    public Task The_documentation_lists_every_metric_of_the_runtime() => DocumentTable.CheckAsync(
        "docs/monitoring.md", "## Metrics of the controller runtime",
        ["Metric", "Type", "Meaning"],
        from instrument in Instruments().Keys
        where !instrument.Name.StartsWith("tokenoperator_", StringComparison.Ordinal)
        orderby instrument.Name
        select new[] { $"`{PrometheusName(instrument)}`", TypeOf(instrument), instrument.Description! });

    /// <summary>Every instrument of the operator's services, with the labels of what it measures.</summary>
    private Dictionary<Instrument, SortedSet<string>> Instruments()
    {
        var instruments = new Dictionary<Instrument, SortedSet<string>>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, subscriber) =>
        {
            if (!instrument.Meter.Name.StartsWith("TokenOperator.", StringComparison.Ordinal) && instrument.Meter.Name != RuntimeMetrics.MeterName)
                return;
            lock (instruments)
                instruments[instrument] = [];
            subscriber.EnableMeasurementEvents(instrument);
        };
        void Record<T>(Instrument instrument, T measurement, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
        {
            lock (instruments)
            {
                foreach (var tag in tags)
                    instruments[instrument].Add(tag.Key);
            }
        }

        listener.SetMeasurementEventCallback<double>(Record);
        listener.SetMeasurementEventCallback<long>(Record);
        listener.SetMeasurementEventCallback<int>(Record);
        listener.Start();

        var metrics = _host.Services.GetRequiredService<OAuthTokenMetrics>();
        _host.Services.GetRequiredService<BuildMetrics>();
        foreach (var _ in _host.Services.GetServices<IHostedService>())
        {
        }

        var cache = (ResourceCache<V1Beta1OAuthToken>)_host.Services.GetRequiredService<IResourceCache<V1Beta1OAuthToken>>();
        cache.Observe(new V1Beta1OAuthToken
        {
            Metadata = new V1ObjectMeta { Name = "marcus", NamespaceProperty = "mail", ResourceVersion = "1", Uid = "1" },
            Spec = new EntitySpec { Provider = "google" },
            Status = new EntityStatus
            {
                ExpiresAt = "2026-05-01T12:00:00Z",
                LastRefreshTime = "2026-05-01T11:00:00Z",
                NextRefreshTime = "2026-05-01T11:45:00Z",
                ConsentExpiresAt = "2026-05-08T11:00:00Z",
                Conditions = [new Condition { Type = ConditionTypes.Stalled, Status = "True", Reason = Reasons.ScopesMissing, Message = "", LastTransitionTime = "2026-05-01T12:00:00Z" }],
            },
        });
        var providers = _host.Services.GetRequiredService<ProviderMetrics>();
        providers.Add("google");
        providers.Record("google", null, TimeSpan.FromSeconds(1));
        // The provider has a lane from its first job on.
        _host.Services.GetRequiredService<RefreshScheduler>().Run(new AccountKey("google", "marcus"), "mail", () => Task.CompletedTask);
        listener.RecordObservableInstruments();

        // Other tests in this process create meters with the same names.
        return instruments.Where(instrument => instrument.Key.Meter.Scope == _host.Services.GetRequiredService<IMeterFactory>() || instrument.Key.Meter.Scope == metrics)
            .ToDictionary(instrument => instrument.Key, instrument => instrument.Value);
    }

    /// <summary>As the Prometheus exporter of OpenTelemetry spells it.</summary>
    private static string PrometheusName(Instrument instrument) =>
        instrument.Name + (instrument.Unit == "s" ? "_seconds" : "") + (TypeOf(instrument) == "counter" ? "_total" : "");

    private static string TypeOf(Instrument instrument) => instrument.GetType().Name.Split('`')[0] switch
    {
        "Counter" or "ObservableCounter" => "counter",
        "Histogram" => "histogram",
        _ => "gauge",
    };
}
