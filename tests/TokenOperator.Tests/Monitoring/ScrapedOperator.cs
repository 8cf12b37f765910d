using KubeRuntime.Watching;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Api;
using TokenOperator.Core.Settings;
using TokenOperator.Hosting;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.Monitoring;

/// <summary>
/// Tests that must not run at the same time: an exporter listens to the meters of the whole process by their names, and drops a metric when
/// any meter of that name is disposed.
/// </summary>
[CollectionDefinition(Name)]
public sealed class MetersGroup
{
    internal const string Name = "Meters";
}

/// <summary>The operator's telemetry without the rest, over a cache that the test fills, scraped as Prometheus does.</summary>
internal sealed class ScrapedOperator : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _http = new();
    private readonly ResourceCache<V1Beta1OAuthToken> _cache = new([""], new CacheOptions<V1Beta1OAuthToken>());
    private int _version;

    private ScrapedOperator()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(o => o.ListenLocalhostFreePort(null));
        builder.Services.AddSingleton<TimeProvider>(Time).AddSingleton<IResourceCache<V1Beta1OAuthToken>>(_cache);
        Telemetry.Add(builder.Services, new SettingsReader(builder.Configuration));
        _app = builder.Build();
        _app.MapPrometheusScrapingEndpoint("/metrics");
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));

    public static async Task<ScrapedOperator> StartAsync()
    {
        var scraped = new ScrapedOperator();
        await scraped._app.StartAsync();
        return scraped;
    }

    /// <summary>Replaces all objects of the cache.</summary>
    public void Set(params V1Beta1OAuthToken[] entities)
    {
        var version = $"{++_version}";
        foreach (var entity in entities)
            entity.Metadata.ResourceVersion = version;
        _cache.Replace("", entities, version);
    }

    /// <summary>The samples of the OAuthTokens, one to a line.</summary>
    public Task<IReadOnlyList<string>> ScrapeAsync() => ScrapeAsync("tokenoperator_oauthtoken_");

    /// <summary>The samples whose lines start with <paramref name="start"/>.</summary>
    public async Task<IReadOnlyList<string>> ScrapeAsync(string start)
    {
        var text = await _http.GetStringAsync(new Uri($"{_app.Urls.Single()}/metrics"));
        return [.. text.Split('\n').Where(line => line.StartsWith(start, StringComparison.Ordinal))];
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }
}
