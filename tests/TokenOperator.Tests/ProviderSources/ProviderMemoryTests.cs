using System.Text.Json;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Providers;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using TokenOperator.ProviderSources;
using TokenOperator.Tests.Providers;
using TokenOperator.Tests.Publishing;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.ProviderSources;

/// <summary>How much memory the providers of a cluster take. Compares amounts, and never times.</summary>
[Collection(MemoryGroup.Name)]
public sealed class ProviderMemoryTests
{
    private const int Count = 1000;
    private const int Limit = 20 * 1024 * 1024;
    private const int UnusedLimit = 5 * 1024 * 1024;

    [Fact]
    public void A_thousand_ClusterOAuthProviders_take_less_than_20_MiB()
    {
        var registry = new ProviderRegistry(ProviderCatalogue.Read(), new DocumentOnlyProviders(), new CountedUsers { Default = 1 });
        var cache = new ResourceCache<V1Beta1ClusterOAuthProvider>([""], new CacheOptions<V1Beta1ClusterOAuthProvider>().KeepOnly(V1Beta1ClusterOAuthProvider.Shrink));
        cache.Subscribe((_, now) => registry.Set(ClusterProviderSource.ToDocument(now!)));
        Fill(cache, Count, 1);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        Fill(cache, 2 * Count, Count + 1);
        for (var i = 1; i <= 2 * Count; i++)
            registry.Find($"tenant-{i}").Should().NotBeNull();

        (GC.GetTotalMemory(forceFullCollection: true) - before).Should().BeLessThan(Limit);
        GC.KeepAlive(cache);
    }

    [Fact]
    public void A_thousand_ClusterOAuthProviders_that_nobody_uses_take_less_than_5_MiB()
    {
        var users = new CountedUsers();
        var registry = new ProviderRegistry(ProviderCatalogue.Read(), new DocumentOnlyProviders(), users);
        var cache = new ResourceCache<V1Beta1ClusterOAuthProvider>([""], new CacheOptions<V1Beta1ClusterOAuthProvider>().KeepOnly(V1Beta1ClusterOAuthProvider.Shrink));
        cache.Subscribe((_, now) => registry.Set(ClusterProviderSource.ToDocument(now!)));
        Fill(cache, Count, 1);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        Fill(cache, 2 * Count, Count + 1);
        for (var i = 1; i <= 2 * Count; i++)
            registry.Report($"tenant-{i}")!.IsLatestInUse.Should().BeTrue();

        (GC.GetTotalMemory(forceFullCollection: true) - before).Should().BeLessThan(UnusedLimit);
        GC.KeepAlive(cache);
    }

    private static void Fill(ResourceCache<V1Beta1ClusterOAuthProvider> cache, int last, int first)
    {
        for (var i = first; i <= last; i++)
        {
            cache.Observe(JsonSerializer.Deserialize(
                $$$"""
                {"apiVersion":"tokenoperator.dev/v1beta1","kind":"ClusterOAuthProvider",
                 "metadata":{"name":"tenant-{{{i}}}","uid":"8f9a3f0e-0000-4000-8000-{{{i:000000000000}}}","resourceVersion":"{{{i}}}","generation":1,
                  "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{{{new string('x', 500)}}}"}},
                 "spec":{"extends":"microsoft","parameters":{"tenant":"tenant-{{{i}}}.example"},"timeout":"20s","limits":{"requestsPerSecond":5,"burst":20},
                  "errors":{"rules":[{"code":"invalid_grant","text":"expired","class":"reauthorize"},{"status":503,"class":"transient","minDelay":"1m"}]}},
                 "status":{"observedGeneration":1,"tokenEndpointHost":"login.microsoftonline.com","usedBy":1,"conditions":[
                  {"type":"Accepted","status":"True","reason":"Valid","message":"The document is in use.","lastTransitionTime":"2026-05-01T12:00:00Z"}]}}
                """,
                ClusterOAuthProviderJson.Default.V1Beta1ClusterOAuthProvider)!);
        }
    }

    private sealed class DocumentOnlyProviders : ITokenProviderFactory
    {
        public ITokenProvider Create(ProviderDocument document) => new ScriptedProvider { Document = document };
    }
}
