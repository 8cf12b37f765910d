using System.Text.Json;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Api;
using TokenOperator.Providers;
using TokenOperator.ProviderSources;
using TokenOperator.Tests.KubeRuntime.Fakes;
using TokenOperator.Tests.Providers;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.ProviderSources;

public sealed class ClusterOAuthProviderControllerTests : IAsyncLifetime
{
    private RuntimeFixture? _started;

    private RuntimeFixture Runtime => _started ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync() => _started = await RuntimeFixture.StartAsync();

    public async Task DisposeAsync() => await Runtime.DisposeAsync();

    [Fact]
    public async Task Two_operators_that_disagree_about_a_document_do_not_overwrite_each_other_without_end()
    {
        using var connection = KubernetesClientFactory.Create(Runtime.Server.Configuration());
        using var metrics = new ProviderMetrics(new Meters(), Runtime.Time);
        using var leadership = new SwitchableLeadership();
        var api = new ResourceClient(new ApiTransport(connection, new ApiJson(ClusterOAuthProviderJson.Default), Runtime.Metrics, Runtime.Time), "tester");
        Runtime.Server.Intercept = async (context, seen) =>
        {
            if (seen.Method != "PATCH")
                return false;
            await FakeApiServer.AnswerAsync(context, 200, JsonSerializer.Serialize(Object(), ClusterOAuthProviderJson.Default.V1Alpha1ClusterOAuthProvider));
            return true;
        };
        var objects = new ResourceCache<V1Alpha1ClusterOAuthProvider>([""], new CacheOptions<V1Alpha1ClusterOAuthProvider>());
        var registry = TestRegistry.Of(new ScriptedProvider());
        var changes = new ProviderChanges(registry, new ResourceCache<V1Alpha1OAuthToken>([""], new CacheOptions<V1Alpha1OAuthToken>()), new NoQueue(), NullLogger<ProviderChanges>.Instance);
        registry.Set(ClusterProviderSource.ToDocument(Object()));
        var controller = new ClusterOAuthProviderController(
            new ClusterProviderSource(objects, registry, changes), registry, new CountedUsers(), metrics,
            new ProviderStatusPublisher(api, objects, leadership), Runtime.Time);

        for (var i = 0; i < 100; i++)
            await controller.ReconcileAsync(Object(), CancellationToken.None);
        var burst = Writes();
        burst.Should().BeInRange(2, 20, "a person who tries a document again and again sees each result");
        Runtime.Time.Advance(TimeSpan.FromMinutes(5));
        for (var i = 0; i < 100; i++)
            await controller.ReconcileAsync(Object(), CancellationToken.None);
        (Writes() - burst).Should().BeInRange(1, 5);
    }

    /// <summary>An object whose status is that of the other operator.</summary>
    private static V1Alpha1ClusterOAuthProvider Object() => new()
    {
        Metadata = new V1ObjectMeta { Name = "acme", Uid = "uid-1", ResourceVersion = "1", Generation = 1 },
        Spec = JsonDocument.Parse("""{"tokenEndpoint":"https://idp.example/token"}""").RootElement,
        Status = new V1Alpha1ClusterOAuthProvider.EntityStatus
        {
            ObservedGeneration = 1,
            TokenEndpointHost = "idp.example",
            Conditions = [new V1Alpha1OAuthToken.Condition { Type = ConditionTypes.Accepted, Status = "False", Reason = AcceptedReason.Overridden.Name, Message = "Not used.", LastTransitionTime = "2026-05-01T12:00:00Z" }],
        },
    };

    private int Writes() => Runtime.Server.Requests.Count(request => request.Method == "PATCH");

    private sealed class NoQueue : IReconcileQueue<V1Alpha1OAuthToken>
    {
        public void Enqueue(NamespacedName key)
        {
        }
    }
}
