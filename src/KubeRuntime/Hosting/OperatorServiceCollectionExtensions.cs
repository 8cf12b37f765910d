using System.Diagnostics.Metrics;
using System.Net;
using k8s;
using KubeRuntime.Client;
using KubeRuntime.Events;
using KubeRuntime.LeaderElection;
using KubeRuntime.Observability;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Hosting;

/// <summary>Adds an operator to a host.</summary>
public static class OperatorServiceCollectionExtensions
{
    /// <summary>
    /// Adds the runtime. Caches run on every replica, workers only on the leader. The host stops when the lease is lost (see
    /// <see cref="OperatorHealth.HasLostLeadership"/>). For your use it registers <see cref="ResourceClient"/>,
    /// <see cref="EventPublisher"/>, <see cref="ILeadership"/> and <see cref="OperatorHealth"/>. It uses a
    /// <see cref="KubernetesClientConfiguration"/>, <see cref="ApiConnection"/>, <see cref="TimeProvider"/> or (thread-safe)
    /// <see cref="Random"/> that is registered already; otherwise <see cref="KubernetesClientFactory"/> finds the cluster.
    /// </summary>
    public static IOperatorBuilder AddKubernetesOperator(this IServiceCollection services, Action<OperatorOptions>? configure = null)
    {
        var options = new OperatorOptions();
        configure?.Invoke(options);
        services.AddSingleton(options);
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(Random.Shared);
        services.TryAddSingleton(sp => new RuntimeMetrics(sp.GetRequiredService<IMeterFactory>(), options.MetricPrefix));
        services.TryAddSingleton(sp => KubernetesClientFactory.LoadConfiguration(sp.GetRequiredService<TimeProvider>()));
        services.AddSingleton(_ => new ApiJson(options.Json));
        services.TryAddSingleton(sp => Connect(sp.GetRequiredService<KubernetesClientConfiguration>(), options));
        services.AddSingleton(sp => Client(sp, options, HttpVersion.Version20));
        services.AddSingleton(sp => new EventPublisher(
            sp.GetRequiredService<ResourceClient>(),
            options.ReportingController ?? options.Name,
            options.Identity,
            sp.GetRequiredService<TimeProvider>(),
            sp.GetRequiredService<Random>(),
            sp.GetRequiredService<RuntimeMetrics>(),
            sp.GetRequiredService<ILogger<EventPublisher>>()));
        services.AddSingleton(sp => Election(sp, options));
        services.AddSingleton<ILeadership>(sp => sp.GetRequiredService<IElection>());
        services.AddSingleton<OperatorWork>();
        services.AddSingleton<OperatorHost>();
        services.AddSingleton<OperatorHealth>(sp => sp.GetRequiredService<OperatorHost>());
        services.AddHostedService(sp => sp.GetRequiredService<OperatorHost>());
        return new OperatorBuilder(services, options);
    }

    private static ResourceClient Client(IServiceProvider sp, OperatorOptions options, Version version) => new(
        new ApiTransport(
            sp.GetRequiredService<ApiConnection>(), sp.GetRequiredService<ApiJson>(), sp.GetRequiredService<RuntimeMetrics>(), sp.GetRequiredService<TimeProvider>(), version),
        options.FieldManager ?? options.Name);

    private static ApiConnection Connect(KubernetesClientConfiguration configuration, OperatorOptions options)
    {
        configuration.UserAgent = options.Name;
        return KubernetesClientFactory.Create(configuration);
    }

    private static IElection Election(IServiceProvider sp, OperatorOptions options)
    {
        var election = options.LeaderElection;
        if (!election.Enabled)
            return new AlwaysLeading(options.Identity);
        var ns = election.LeaseNamespace ?? sp.GetRequiredService<KubernetesClientConfiguration>().Namespace?.Trim();
        var elector = new LeaseElector(
            // HTTP/1.1: a request that is given up closes its connection. With HTTP/2, the next request would hang on the same connection.
            Client(sp, options, HttpVersion.Version11),
            new NamespacedName(string.IsNullOrEmpty(ns) ? "default" : ns, election.LeaseName ?? options.Name),
            options.Identity,
            new LeaseTimes(election.LeaseDuration, election.RenewDeadline, election.RetryPeriod),
            sp.GetRequiredService<TimeProvider>(),
            sp.GetRequiredService<Random>(),
            sp.GetRequiredService<ILogger<LeaseElector>>());
        sp.GetRequiredService<RuntimeMetrics>().WatchLeadership(election.LeaseName ?? options.Name, () => elector.IsLeading);
        return elector;
    }
}
