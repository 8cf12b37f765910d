// The composition root of the operator. It only says which class receives which.
using KubeRuntime;
using KubeRuntime.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Net;
using TokenOperator.Core.Settings;
using TokenOperator.Hosting;
using TokenOperator.Inputs;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Hosting;
using TokenOperator.Providers;
using TokenOperator.Providers.OAuth2;
using TokenOperator.Providers.Registry;
using TokenOperator.ProviderSources;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Refreshing;
using TokenOperator.SelfService;

namespace TokenOperator.Cli;

/// <summary><c>token-operator run</c>: runs until SIGTERM, or until another replica leads.</summary>
public static class RunCommand
{
    /// <summary>How long a stop may take. The operator waits for the answers of providers and commits them.</summary>
    internal static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Runs the operator.</summary>
    public static async Task<int> ExecuteAsync(CancellationToken cancellationToken)
    {
        // Settings are read once, so nothing watches a file.
        var builder = WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        var reader = new SettingsReader(builder.Configuration);
        var settings = OperatorSettings.Read(reader);
        Logs.Configure(builder.Logging, reader);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton(Random.Shared);
        builder.Services.AddPostgresStorage(reader);
        builder.Services.AddSingleton(new WorkloadIdentityFile(settings.WorkloadIdentityTokenFile));
        builder.Services.AddTokenProviders(reader);
        // The store reads these settings when it is created. An error in them is reported with the others.
        EncryptionSettings.Read(reader);
        // For the API server, the providers and OTLP alike.
        HttpClient.DefaultProxy = EnvironmentProxy.Read(reader);
        reader.ThrowIfInvalid();
        AddRefreshing(builder.Services, settings);
        AddOperator(builder.Services, settings);
        Telemetry.Add(builder.Services, reader);
        Endpoints.Listen(builder, settings);

        await using var app = builder.Build();
        Endpoints.Map(app, settings);
        // The keys are read first, so that the program ends with one sentence if the keyring cannot be used.
        app.Services.GetRequiredService<ITokenStore>();
        await PrepareStoreAsync(app.Services, cancellationToken);
        var health = app.Services.GetRequiredService<OperatorHealth>();
        var memory = app.Services.GetRequiredService<MemoryHealth>();
        var services = app.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToList();
        await app.RunAsync(cancellationToken);
        return ExitCodeAfter(health.HasLostLeadership, memory.IsExhausted, services);
    }

    /// <summary>0 only after a stop that someone asked for: the host also stops, and returns as usual, when a service has failed.</summary>
    internal static int ExitCodeAfter(bool hasLostLeadership, bool isOutOfMemory, IEnumerable<BackgroundService> services) =>
        hasLostLeadership || isOutOfMemory || services.Any(service => service.ExecuteTask?.IsFaulted == true) ? ExitCodes.Failed : ExitCodes.Ok;

    private static void AddProviderSources(IServiceCollection services, OperatorSettings settings)
    {
        services.AddSingleton<IProviderUsers, ProviderUsers>().AddSingleton<ProviderChanges>();
        services.AddHostedService<FolderProviderSource>();
        if (settings.ClusterProviders)
            services.AddSingleton<ClusterProviderSource>().AddSingleton<ProviderStatusPublisher>();
    }

    internal static void AddRefreshing(IServiceCollection services, OperatorSettings settings)
    {
        services
            .AddSingleton<ILeadershipGuard, LeadershipGuard>()
            .AddSingleton<AccountLocks>()
            .AddSingleton(provider => ActivatorUtilities.CreateInstance<AccountRepository>(provider, settings.MaxAccountsPerNamespace))
            .AddSingleton<RejectedClients>()
            .AddSingleton<IAccountQueue, AccountQueue>()
            .AddSingleton<AccountRefresher>()
            .AddSingleton<AccountDeleter>()
            .AddSingleton<AccountSynchronizer>()
            .AddSingleton(provider => ActivatorUtilities.CreateInstance<RefreshScheduler>(provider, settings.Concurrency));
        services.AddSingleton<IDrain, RefreshDrain>();
        services.AddHostedService(provider => provider.GetRequiredService<AccountSynchronizer>());
    }

    internal static void AddOperator(IServiceCollection services, OperatorSettings settings)
    {
        AddProviderSources(services, settings);
        services
            .AddSingleton(settings.SelfService)
            .AddSingleton(new WorkloadIdentityAccess(settings.WorkloadIdentityTokenFile is not null, settings.WorkloadIdentityNamespaces))
            .AddSingleton<AuthorizationLinks>()
            .AddSingleton<LinkTargets>()
            .AddSingleton<SelfServiceFlow>()
            .AddSingleton<InputReader>()
            .AddSingleton<NamespaceReader>()
            .AddSingleton<ReconcileSchedule>()
            .AddSingleton<GrantPreconditions>()
            .AddSingleton<ReconcileInputGatherer>()
            .AddSingleton<ReconcileActor>()
            .AddSingleton<Watchdog>()
            .AddSingleton<MemoryHealth>()
            .AddSingleton<MetricsAuthorizer>()
            .AddSingleton<SecretPublisher>()
            .AddSingleton<StatusPublisher>()
            .AddSingleton(provider => ActivatorUtilities.CreateInstance<DeletionReporter>(provider, settings.GiveUpDeletionAfter));
        services.AddHostedService(provider => provider.GetRequiredService<Watchdog>());
        services.AddHostedService<ExpiryWatcher>();
        var kubernetes = services.AddKubernetesOperator(options =>
            {
                options.Name = SecretInfo.Manager;
                options.FieldManager = SecretInfo.Manager;
                options.ReportingController = $"{V1Beta1OAuthToken.GroupName}/{SecretInfo.Manager}";
                options.MetricPrefix = "tokenoperator_";
                options.Json.Add(OAuthTokenJson.Default);
                options.Json.Add(ClusterOAuthProviderJson.Default);
                options.Json.Add(SecretJson.Default);
                options.Json.Add(ReviewJson.Default);
                options.Concurrency = settings.Concurrency;
                foreach (var ns in settings.Namespaces)
                    options.Namespaces.Add(ns);
                options.LeaderElection.Enabled = settings.LeaderElection;
                options.LeaderElection.LeaseName = settings.LeaseName;
                options.LeaderElection.LeaseNamespace = settings.LeaseNamespace;
            })
            .AddController<OAuthTokenController, V1Beta1OAuthToken>(EntityIndexes.Configure)
            .AddFinalizer<OAuthTokenFinalizer, V1Beta1OAuthToken>(OAuthTokenFinalizer.Identifier)
            .AddWatch<PartialObjectMetadata, SecretInfo, V1Beta1OAuthToken>(
                ResourceKind.Of<k8s.Models.V1Secret>(), SecretInfo.From, EntityIndexes.MapSecret);
        if (settings.ClusterProviders)
        {
            kubernetes.AddController<ClusterOAuthProviderController, V1Beta1ClusterOAuthProvider>(
                cache => cache.ClusterScoped().Optional().KeepOnly(V1Beta1ClusterOAuthProvider.Shrink));
        }
    }

    /// <summary>
    /// Migrates the schema before anything else, so that the program ends with one sentence if a table is wrong. If the database
    /// is unavailable, the program continues: the status of each object reports it, and work resumes when the database is available.
    /// </summary>
    private static async Task PrepareStoreAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        try
        {
            await services.GetRequiredService<IMigrator>().UpAsync(cancellationToken);
        }
        catch (StoreUnavailableException e)
        {
            Logs.StoreAway(services.GetRequiredService<ILoggerFactory>().CreateLogger("TokenOperator"), e.Message);
        }
    }
}
