using System.Net;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using Microsoft.AspNetCore.Http;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Client;

public sealed class ResourceClientTests : IAsyncLifetime
{
    private static readonly NamespacedName Name = new("shop", "lamp");
    private RuntimeFixture _fixture = null!;

    public async Task InitializeAsync() => _fixture = await RuntimeFixture.StartAsync();

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task A_missing_object_is_null()
    {
        (await _fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, _fixture.Stop)).Should().BeNull();
    }

    [Fact]
    public async Task An_object_is_read_without_its_managed_fields()
    {
        var manifest = Gadget.Manifest("lamp");
        manifest["metadata"]!["managedFields"] = new JsonArray(new JsonObject { ["manager"] = "somebody" });
        _fixture.Server.Store.Create("gadgets", manifest);

        var gadget = await _fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, _fixture.Stop);

        gadget!.Spec.Size.Should().Be("small");
        gadget.Metadata.ManagedFields.Should().BeNull();
    }

    [Fact]
    public async Task Metadata_is_read_with_its_managed_fields()
    {
        var manifest = Gadget.Manifest("lamp");
        manifest["metadata"]!["managedFields"] = new JsonArray(new JsonObject { ["manager"] = "somebody" });
        _fixture.Server.Store.Create("gadgets", manifest);

        var one = await _fixture.Client.GetAsync<PartialObjectMetadata>(Gadget.ResourceKind, Name, _fixture.Stop);
        var listed = await _fixture.Client.ListAsync<PartialObjectMetadata>(Gadget.ResourceKind, "", null, _fixture.Stop);

        one!.Metadata.ManagedFields.Should().ContainSingle().Which.Manager.Should().Be("somebody");
        listed.Single().Metadata.ManagedFields.Should().ContainSingle();
    }

    [Fact]
    public async Task A_list_is_read_page_by_page()
    {
        for (var i = 0; i < 1201; i++)
            _fixture.Server.Store.Create("gadgets", Gadget.Manifest($"g{i:0000}"));

        var all = await _fixture.Client.ListAsync<Gadget>(Gadget.ResourceKind, "", null, _fixture.Stop);

        all.Select(g => g.Metadata.Name).Should().OnlyHaveUniqueItems().And.HaveCount(1201);
        _fixture.Server.Requests.Should().HaveCount(3).And.OnlyContain(request => request.Query.Contains("limit=") && !request.Query.Contains("resourceVersion"));
    }

    [Theory]
    [InlineData(50, 50 * 2_000, 500)]
    [InlineData(50, 50 * 250_000, 16)]
    [InlineData(50, 50 * 3_000_000, 5)]
    [InlineData(3, 3 * 40_000, 104)]
    [InlineData(0, 0, 250)]
    public void The_next_page_is_smaller_the_larger_the_objects_are(int count, long bytes, int size) =>
        ResourceClient.PageSizeAfter(new ListPage(new V1ListMeta(), count, bytes)).Should().Be(size);

    [Fact]
    public async Task A_page_with_an_object_that_does_not_fit_is_read_without_it()
    {
        for (var i = 0; i < 1201; i++)
            _fixture.Server.Store.Create("gadgets", i == 700 ? Gadget.Misfit("g0700") : Gadget.Manifest($"g{i:0000}"));
        var (read, skipped) = (new List<Gadget>(), new List<NamespacedName>());

        await _fixture.Client.ListAsync<Gadget>(new(Gadget.ResourceKind, "", null), read.Add, skipped.Add, _fixture.Stop);

        read.Select(g => g.Metadata.Name).Should().OnlyHaveUniqueItems().And.HaveCount(1200);
        skipped.Should().Equal(new NamespacedName("shop", "g0700"));
        _fixture.Server.Requests.Should().HaveCount(3);
    }

    [Fact]
    public async Task A_response_that_is_not_a_list_is_reported()
    {
        _fixture.Server.Intercept = async (context, _) =>
        {
            await FakeApiServer.AnswerAsync(context, 200, "<h1>Welcome</h1>");
            return true;
        };

        var list = () => _fixture.Client.ListAsync<Gadget>(new(Gadget.ResourceKind, "", null), _ => { }, _ => { }, _fixture.Stop);

        await list.Should().ThrowAsync<ApiException>().WithMessage("list gadgets.test.dev: the response cannot be read as *");
    }

    [Fact]
    public async Task A_list_whose_body_stalls_ends_at_the_timeout()
    {
        _fixture.Server.Intercept = StallInTheBodyAsync;
        var list = _fixture.Client.ListAsync<Gadget>(Gadget.ResourceKind, "", null, _fixture.Stop);
        await Eventually.IsTrueAsync(() => !_fixture.Server.Requests.IsEmpty, "the request arrived");

        _fixture.Time.Advance(TimeSpan.FromSeconds(31));

        (await FluentActions.Awaiting(() => list).Should().ThrowAsync<ApiUnavailableException>())
            .WithMessage("list gadgets.test.dev: the API server * did not answer within 30 s");
    }

    [Theory]
    [InlineData(2, "did not answer within 2 s")]
    [InlineData(0, null)]
    public async Task The_timeout_of_a_request_can_be_chosen(int seconds, string? message)
    {
        _fixture.Server.Intercept = StallInTheBodyAsync;
        var configuration = _fixture.Server.Configuration();
        using var connection = KubernetesClientFactory.Create(new ApiServerConfiguration { Host = configuration.Host, RequestTimeout = TimeSpan.FromSeconds(seconds) });
        var client = new ResourceClient(connection, [new DefaultJsonTypeInfoResolver()], "tester", _fixture.Time);
        using var cancel = new CancellationTokenSource();
        var list = client.ListAsync<Gadget>(Gadget.ResourceKind, "", null, cancel.Token);
        await Eventually.IsTrueAsync(() => !_fixture.Server.Requests.IsEmpty, "the request arrived");

        _fixture.Time.Advance(TimeSpan.FromDays(message is null ? 100 : 1));
        if (message is null)
        {
            list.IsCompleted.Should().BeFalse();
            await cancel.CancelAsync();
            await FluentActions.Awaiting(() => list).Should().ThrowAsync<OperationCanceledException>();
        }
        else
        {
            (await FluentActions.Awaiting(() => list).Should().ThrowAsync<ApiUnavailableException>()).WithMessage($"*{message}");
        }
    }

    [Fact]
    public async Task A_list_whose_body_stalls_can_be_cancelled()
    {
        _fixture.Server.Intercept = StallInTheBodyAsync;
        using var cancel = new CancellationTokenSource();
        var list = _fixture.Client.ListAsync<Gadget>(Gadget.ResourceKind, "", null, cancel.Token);
        await Eventually.IsTrueAsync(() => !_fixture.Server.Requests.IsEmpty, "the request arrived");

        await cancel.CancelAsync();

        await FluentActions.Awaiting(() => list.WaitAsync(TimeSpan.FromSeconds(20))).Should().ThrowAsync<OperationCanceledException>();
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task A_request_is_retried_when_the_server_asks_to_wait(int code)
    {
        _fixture.Server.Store.Create("gadgets", Gadget.Manifest("lamp"));
        _fixture.Server.Intercept = async (context, _) =>
        {
            if (_fixture.Server.Requests.Count > 2)
                return false;
            context.Response.Headers.RetryAfter = "7";
            await FakeApiServer.RefuseAsync(context, code, "", "not now");
            return true;
        };
        var started = _fixture.Time.GetTimestamp();
        var get = _fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, _fixture.Stop);

        // In small steps, because the timeout of a request runs on the same clock.
        await Eventually.IsTrueAsync(() => get.IsCompleted, "the request succeeds", _fixture.Time, TimeSpan.FromMilliseconds(100));

        (await get).Should().NotBeNull();
        _fixture.Time.GetElapsedTime(started).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(14));
    }

    [Fact]
    public async Task A_failure_without_retry_after_is_reported_immediately()
    {
        _fixture.Server.Intercept = async (context, _) =>
        {
            await FakeApiServer.RefuseAsync(context, 500, "InternalError", "etcd is unwell");
            return true;
        };

        var get = () => _fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, _fixture.Stop);

        var error = (await get.Should().ThrowAsync<ApiException>()).Which;
        error.Message.Should().Be("get gadgets.test.dev shop/lamp: 500 InternalError: etcd is unwell");
        error.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
        _fixture.Server.Requests.Should().HaveCount(1);
    }

    [Fact]
    public async Task The_error_page_of_a_proxy_is_reported_verbatim()
    {
        _fixture.Server.Intercept = async (context, _) =>
        {
            context.Response.StatusCode = 502;
            await context.Response.WriteAsync("<h1>Bad Gateway</h1>");
            return true;
        };

        var get = () => _fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, _fixture.Stop);

        await get.Should().ThrowAsync<ApiException>().WithMessage("get gadgets.test.dev shop/lamp: 502: <h1>Bad Gateway</h1>");
    }

    [Fact]
    public async Task A_server_that_cannot_be_reached_is_unavailable()
    {
        await _fixture.Server.DisposeAsync();

        var get = () => _fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, _fixture.Stop);

        await get.Should().ThrowAsync<ApiUnavailableException>().WithMessage("get gadgets.test.dev shop/lamp: the API server * cannot be reached:*");
    }

    [Fact]
    public async Task Metadata_only_is_requested_for_partial_objects()
    {
        var secrets = ResourceKind.Of<V1Secret>();
        var body = new { apiVersion = "v1", kind = "Secret", metadata = new { name = "lamp", @namespace = "shop" } };

        await _fixture.Client.ApplyAsync<PartialObjectMetadata>(secrets, Name, body, force: true, null, _fixture.Stop);
        await _fixture.Client.GetAsync<PartialObjectMetadata>(secrets, Name, _fixture.Stop);
        await _fixture.Client.ListAsync<PartialObjectMetadata>(secrets, "shop", "a=b", _fixture.Stop);

        var seen = _fixture.Server.Requests.ToArray();
        seen[0].Should().BeEquivalentTo(new
        {
            Method = "PATCH",
            Path = "/api/v1/namespaces/shop/secrets/lamp",
            Query = "?fieldManager=tester&force=true",
            Accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            ContentType = "application/apply-patch+yaml",
            Authorization = "Bearer a-bearer-token",
        });
        seen[1].Accept.Should().Be("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
        seen[2].Accept.Should().Be("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
        seen[2].Query.Should().Contain("labelSelector=a%3Db");
    }

    [Fact]
    public async Task A_patch_whose_test_fails_is_rejected()
    {
        _fixture.Server.Store.Create("gadgets", Gadget.Manifest("lamp"));

        var patch = () => _fixture.Client.JsonPatchAsync<Gadget>(
            Gadget.ResourceKind, Name, [new("test", "/metadata/resourceVersion", "1")], null, _fixture.Stop);

        (await patch.Should().ThrowAsync<ApiException>()).Which.StatusCode.Should().Be(HttpStatusCode.UnprocessableEntity);
    }

    [Fact]
    public async Task Deleting_returns_whether_the_object_existed()
    {
        _fixture.Server.Store.Create("gadgets", Gadget.Manifest("lamp"));

        (await _fixture.Client.DeleteAsync(Gadget.ResourceKind, Name, "a-uid", _fixture.Stop)).Should().BeTrue();
        (await _fixture.Client.DeleteAsync(Gadget.ResourceKind, Name, null, _fixture.Stop)).Should().BeFalse();
        _fixture.Server.Requests.First().Body.Should().Contain("a-uid");
    }

    private static async Task<bool> StallInTheBodyAsync(HttpContext context, SeenRequest seen)
    {
        await context.Response.WriteAsync("""{"kind":"List","metadata":{},"items":[""");
        await context.Response.Body.FlushAsync();
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
        return true;
    }
}
