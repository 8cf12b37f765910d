using System.Text.Json;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Api;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using TokenOperator.ProviderSources;
using TokenOperator.Tests.KubeRuntime.Fakes;
using TokenOperator.Tests.Providers;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.ProviderSources;

public sealed class ClusterOAuthProviderControllerTests : IAsyncLifetime, IDisposable
{
    private readonly ResourceCache<V1Beta1ClusterOAuthProvider> _objects = new([""], new CacheOptions<V1Beta1ClusterOAuthProvider>());
    private readonly ResourceCache<V1Beta1OAuthToken> _tokens = new([""], new CacheOptions<V1Beta1OAuthToken>().AddIndex(ProviderUsers.Index, token => [token.Spec.Provider!]));
    private readonly CalledObjects<V1Beta1ClusterOAuthProvider> _queue = new();
    private readonly CountingFactory _factory = new();
    private readonly SwitchableLeadership _leadership = new();
    private readonly ProviderMetrics _metrics = new(new Meters(), TimeProvider.System);
    private ProviderRegistry? _registry;
    private RuntimeFixture? _runtime;
    private ClusterOAuthProviderController? _controller;
    private ApiConnection? _connection;
    private V1Beta1ClusterOAuthProvider? _last;
    private int _version;

    public async Task InitializeAsync()
    {
        _runtime = await RuntimeFixture.StartAsync();
        var users = new ProviderUsers(_tokens);
        _registry = new ProviderRegistry([], _factory, new CountedUsers());
        var changes = new ProviderChanges(_registry, _tokens, new CalledObjects<V1Beta1OAuthToken>(), NullLogger<ProviderChanges>.Instance, _queue);
        _runtime.Server.Intercept = async (context, seen) =>
        {
            if (seen.Method != "PATCH")
                return false;
            await FakeApiServer.AnswerAsync(context, 200, JsonSerializer.Serialize(_last ?? Object(), ClusterOAuthProviderJson.Default.V1Beta1ClusterOAuthProvider));
            return true;
        };
        _connection = KubernetesClientFactory.Create(_runtime.Server.Configuration());
        var api = new ResourceClient(new ApiTransport(_connection, new ApiJson(ClusterOAuthProviderJson.Default), _runtime.Metrics, _runtime.Time), "tester");
        var statuses = new ProviderStatusPublisher(api, _objects, _leadership);
        _controller = new ClusterOAuthProviderController(new ClusterProviderSource(_objects, _tokens, _registry, changes), _registry, users, _metrics, statuses, _runtime.Time);
    }

    public async Task DisposeAsync() => await (_runtime?.DisposeAsync() ?? ValueTask.CompletedTask);

    public void Dispose()
    {
        _connection?.Dispose();
        _leadership.Dispose();
        _metrics.Dispose();
    }

    [Fact]
    public async Task The_users_of_a_provider_are_counted_each_minute_and_one_that_nobody_uses_is_left_alone()
    {
        (await ReconcileAsync(Put("acme"))).Should().BeNull("nothing can change by time alone");

        Use("acme", "one");
        (await ReconcileAsync(Put("acme"))).Should().Be(ProviderStatusBuilder.MinBetweenCounts);

        _tokens.Forget(_tokens.List().Single());
        (await ReconcileAsync(Put("acme", usedBy: 1))).Should().Be(ProviderStatusBuilder.MinBetweenCounts, "the status must still say that it has no users");
        (await ReconcileAsync(Put("acme", usedBy: 0))).Should().BeNull();
    }

    [Fact]
    public void The_first_user_of_a_provider_has_it_counted_and_further_ones_wait_for_the_minute()
    {
        Put("acme", usedBy: 0);
        _queue.Queued.Clear();

        Use("acme", "one");
        _queue.Queued.Should().Equal(new NamespacedName("", "acme"));
        Use("acme", "one");
        Use("unknown", "two");
        _queue.Queued.Should().HaveCount(1, "neither a change of the status of an OAuthToken nor a provider from elsewhere is a new use");

        Put("acme", usedBy: 1);
        Use("acme", "three");
        _queue.Queued.Should().HaveCount(1);
    }

    [Fact]
    public void A_document_is_read_when_it_changes_or_when_the_leader_has_recorded_another_host()
    {
        Put("acme");
        var document = _registry!.FindDocument("acme")!.Source;

        Put("acme", usedBy: 3);
        _registry.FindDocument("acme")!.Source.Should().BeSameAs(document, "only the status has changed");
        Put("acme", host: "idp.example");
        _registry.FindDocument("acme")!.Source.LastHost.Should().Be("idp.example");
        Put("acme", generation: 2, timeout: "7s");
        _registry.Find("acme");
        _factory.Made[^1].Timeout.Should().Be(TimeSpan.FromSeconds(7));
    }

    [Fact]
    public async Task Two_operators_that_disagree_about_a_document_do_not_overwrite_each_other_without_end()
    {
        _registry!.Set(ClusterProviderSource.ToDocument(Object()));

        for (var i = 0; i < 100; i++)
            await ReconcileAsync(Object());
        var burst = Writes();
        burst.Should().BeInRange(2, 20, "a person who tries a document again and again sees each result");
        Runtime.Time.Advance(TimeSpan.FromMinutes(5));
        for (var i = 0; i < 100; i++)
            await ReconcileAsync(Object());
        (Writes() - burst).Should().BeInRange(1, 5);
        (await ReconcileAsync(Object())).Should().Be(ProviderStatusBuilder.MinBetweenCounts, "the status is still to be written");
    }

    private async Task<TimeSpan?> ReconcileAsync(V1Beta1ClusterOAuthProvider entity) =>
        (await _controller!.ReconcileAsync(entity, CancellationToken.None)).RequeueAfter;

    private V1Beta1ClusterOAuthProvider Put(string name, int? usedBy = null, string? host = null, long generation = 1, string timeout = "20s")
    {
        var entity = new V1Beta1ClusterOAuthProvider
        {
            Metadata = new V1ObjectMeta { Name = name, Uid = "uid-1", Generation = generation, ResourceVersion = $"{++_version}" },
            Spec = JsonSerializer.Deserialize($$"""{"tokenEndpoint": "https://idp.example/token", "timeout": "{{timeout}}"}""", ClusterOAuthProviderJson.Default.JsonElement),
            Status = new V1Beta1ClusterOAuthProvider.EntityStatus { UsedBy = usedBy, TokenEndpointHost = host },
        };
        _objects.Observe(entity);
        _last = entity;
        return entity;
    }

    private void Use(string provider, string name) => _tokens.Observe(new V1Beta1OAuthToken
    {
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "mail", ResourceVersion = $"{++_version}" },
        Spec = new V1Beta1OAuthToken.EntitySpec { Provider = provider, Account = name },
    });

    /// <summary>An object whose status is that of the other operator.</summary>
    private static V1Beta1ClusterOAuthProvider Object() => new()
    {
        Metadata = new V1ObjectMeta { Name = "acme", Uid = "uid-1", ResourceVersion = "1", Generation = 1 },
        Spec = JsonDocument.Parse("""{"tokenEndpoint":"https://idp.example/token"}""").RootElement,
        Status = new V1Beta1ClusterOAuthProvider.EntityStatus
        {
            ObservedGeneration = 1,
            TokenEndpointHost = "idp.example",
            Conditions = [new V1Beta1OAuthToken.Condition { Type = ConditionTypes.Accepted, Status = "False", Reason = AcceptedReason.Overridden.Name, Message = "Not used.", LastTransitionTime = "2026-05-01T12:00:00Z" }],
        },
    };

    private RuntimeFixture Runtime => _runtime ?? throw new InvalidOperationException("Not started.");

    private int Writes() => Runtime.Server.Requests.Count(request => request.Method == "PATCH");

    private sealed class CountingFactory : ITokenProviderFactory
    {
        public List<ProviderDocument> Made { get; } = [];

        public ITokenProvider Create(ProviderDocument document)
        {
            Made.Add(document);
            return new ScriptedProvider { Document = document };
        }
    }
}
