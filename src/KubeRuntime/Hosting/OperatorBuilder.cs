using System.Diagnostics.CodeAnalysis;
using k8s;
using k8s.Models;
using KubeRuntime.Client;
using KubeRuntime.Controllers;
using KubeRuntime.Observability;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Hosting;

/// <inheritdoc cref="IOperatorBuilder"/>
internal sealed class OperatorBuilder(IServiceCollection services, OperatorOptions options) : IOperatorBuilder
{
    public IServiceCollection Services => services;

    public IOperatorBuilder AddController<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TController, TEntity>(Action<CacheOptions<TEntity>>? configure = null)
        where TController : class, IEntityController<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
    {
        AddCache(configure);
        services.AddSingleton<IEntityController<TEntity>, TController>();
        services.AddSingleton<DeletedEntities<TEntity>>();
        services.AddSingleton(sp => new EntityFinalizers<TEntity>(
            sp.GetServices<NamedFinalizer<TEntity>>(),
            sp.GetRequiredService<ResourceClient>(),
            sp.GetRequiredService<ResourceCache<TEntity>>()));
        services.AddSingleton(sp => new EntityQueue<TEntity>(new WorkQueue(
            ResourceKind.Of<TEntity>().Kind.ToLowerInvariant(),
            options.MaxBackoff,
            sp.GetRequiredService<TimeProvider>(),
            sp.GetRequiredService<RuntimeMetrics>())));
        services.AddSingleton<IReconcileQueue<TEntity>>(sp => sp.GetRequiredService<EntityQueue<TEntity>>());
        services.AddSingleton(sp => new EntityReconciler<TEntity>(
            sp.GetRequiredService<IEntityController<TEntity>>(),
            sp.GetRequiredService<EntityFinalizers<TEntity>>(),
            sp.GetRequiredService<ResourceCache<TEntity>>(),
            sp.GetRequiredService<DeletedEntities<TEntity>>(),
            options.ReconcileTimeout,
            sp.GetRequiredService<TimeProvider>(),
            sp.GetRequiredService<ILogger<EntityReconciler<TEntity>>>()));
        services.AddSingleton<IControllerRunner>(sp => new ControllerRunner<TEntity>(
            sp.GetRequiredService<EntityReconciler<TEntity>>(),
            sp.GetRequiredService<ResourceCache<TEntity>>(),
            sp.GetRequiredService<DeletedEntities<TEntity>>(),
            sp.GetRequiredService<EntityQueue<TEntity>>(),
            new RunnerOptions(options.Concurrency, options.ReconcileTimeout, options.ResyncPeriod),
            sp.GetRequiredService<TimeProvider>(),
            sp.GetRequiredService<Random>(),
            sp.GetRequiredService<RuntimeMetrics>()));
        if (options.Namespaces.Count == 0)
        {
            services.AddSingleton<IControllerRunner>(sp => new StorageMigration<TEntity>(
                sp.GetRequiredService<ResourceClient>(),
                sp.GetRequiredService<TimeProvider>(),
                sp.GetRequiredService<ILogger<StorageMigration<TEntity>>>()));
        }

        services.AddSingleton<IResourceWatch>(sp => Watch<TEntity, TEntity>(sp, ResourceKind.Of<TEntity>(), entity => entity, null));
        return this;
    }

    public IOperatorBuilder AddFinalizer<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFinalizer, TEntity>(string identifier)
        where TFinalizer : class, IEntityFinalizer<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
    {
        services.AddSingleton<TFinalizer>();
        services.AddSingleton(sp => new NamedFinalizer<TEntity>(identifier, sp.GetRequiredService<TFinalizer>()));
        return this;
    }

    public IOperatorBuilder AddWatch<TResource, TItem, TEntity>(
        ResourceKind kind,
        Func<TResource, TItem?> project,
        Func<TItem?, TItem?, IResourceCache<TEntity>, IEnumerable<NamespacedName>> map,
        string? labelSelector = null,
        Action<CacheOptions<TItem>>? configure = null)
        where TResource : class, IKubernetesObject<V1ObjectMeta>
        where TItem : class
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
    {
        AddCache(configure);
        services.AddSingleton<IResourceWatch>(sp =>
        {
            sp.GetRequiredService<ResourceCache<TItem>>().Subscribe(new WatchMapping<TItem, TEntity>(
                map,
                sp.GetRequiredService<ResourceCache<TEntity>>(),
                sp.GetRequiredService<IReconcileQueue<TEntity>>(),
                sp.GetRequiredService<ILogger<WatchMapping<TItem, TEntity>>>()).OnChange);
            return Watch(sp, kind, project, labelSelector);
        });
        return this;
    }

    private void AddCache<TItem>(Action<CacheOptions<TItem>>? configure)
        where TItem : class
    {
        if (services.Any(s => s.ServiceType == typeof(ResourceCache<TItem>)))
        {
            throw new InvalidOperationException($"{typeof(TItem).Name} is cached already: each watch and each controller needs its own type.");
        }

        _ = ResourceCache<TItem>.IdentityOf();
        var cacheOptions = new CacheOptions<TItem>();
        configure?.Invoke(cacheOptions);
        services.AddSingleton(cacheOptions);
        services.AddSingleton(_ => new ResourceCache<TItem>(WatchedNamespaces(cacheOptions.IsClusterScoped), cacheOptions));
        services.AddSingleton<IResourceCache<TItem>>(sp => sp.GetRequiredService<ResourceCache<TItem>>());
    }

    private ResourceWatch<TResource, TItem> Watch<TResource, TItem>(
        IServiceProvider sp, ResourceKind kind, Func<TResource, TItem?> project, string? labelSelector)
        where TResource : class, IKubernetesObject<V1ObjectMeta>
        where TItem : class
    {
        var cache = sp.GetRequiredService<ResourceCache<TItem>>();
        var reflectors = WatchedNamespaces(sp.GetRequiredService<CacheOptions<TItem>>().IsClusterScoped).Select(ns => new Reflector<TResource, TItem>(
            sp.GetRequiredService<ResourceClient>(),
            new ResourceScope(kind, ns, labelSelector),
            project,
            cache,
            sp.GetRequiredService<TimeProvider>(),
            sp.GetRequiredService<Random>(),
            sp.GetRequiredService<ILogger<Reflector<TResource, TItem>>>()));
        return new(cache, [.. reflectors]);
    }

    private string[] WatchedNamespaces(bool isClusterScoped) => isClusterScoped || options.Namespaces.Count == 0 ? [""] : [.. options.Namespaces.Distinct(StringComparer.Ordinal)];
}
