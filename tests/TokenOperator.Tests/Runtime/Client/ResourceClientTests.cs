using System.Net;
using System.Text.Json.Nodes;
using k8s.Models;
using Microsoft.AspNetCore.Http;
using TokenOperator.Runtime;
using TokenOperator.Runtime.Client;
using TokenOperator.Tests.Runtime.Fakes;

namespace TokenOperator.Tests.Runtime.Client;

public sealed class ResourceClientTests : IAsyncLifetime
{
    private static readonly NamespacedName Name = new("shop", "lamp");
    private RuntimeFixture fixture = null!;

    public async Task InitializeAsync() => fixture = await RuntimeFixture.StartAsync();

    public async Task DisposeAsync() => await fixture.DisposeAsync();

    [Fact]
    public async Task A_missing_object_is_null()
    {
        (await fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, fixture.Stop)).Should().BeNull();
    }

    [Fact]
    public async Task An_object_comes_back_without_its_managed_fields()
    {
        var manifest = Gadget.Manifest("lamp");
        manifest["metadata"]!["managedFields"] = new JsonArray(new JsonObject { ["manager"] = "somebody" });
        fixture.Server.Store.Create("gadgets", manifest);

        var gadget = await fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, fixture.Stop);

        gadget!.Spec.Size.Should().Be("small");
        gadget.Metadata.ManagedFields.Should().BeNull();
    }

    [Fact]
    public async Task An_object_that_is_asked_for_its_metadata_comes_with_its_managed_fields()
    {
        var manifest = Gadget.Manifest("lamp");
        manifest["metadata"]!["managedFields"] = new JsonArray(new JsonObject { ["manager"] = "somebody" });
        fixture.Server.Store.Create("gadgets", manifest);

        var one = await fixture.Client.GetAsync<PartialObjectMetadata>(Gadget.ResourceKind, Name, fixture.Stop);
        var listed = await fixture.Client.ListAsync<PartialObjectMetadata>(Gadget.ResourceKind, "", null, fixture.Stop);

        one!.Metadata.ManagedFields.Should().ContainSingle().Which.Manager.Should().Be("somebody");
        listed.Single().Metadata.ManagedFields.Should().ContainSingle();
    }

    [Fact]
    public async Task A_list_is_read_page_by_page()
    {
        for (var i = 0; i < 1201; i++) fixture.Server.Store.Create("gadgets", Gadget.Manifest($"g{i:0000}"));

        var all = await fixture.Client.ListAsync<Gadget>(Gadget.ResourceKind, "", null, fixture.Stop);

        all.Select(g => g.Metadata.Name).Should().OnlyHaveUniqueItems().And.HaveCount(1201);
        fixture.Server.Requests.Should().HaveCount(3);
    }

    [Fact]
    public async Task A_list_whose_body_stalls_ends_at_the_time_limit()
    {
        fixture.Server.Intercept = StallInTheBodyAsync;
        var list = fixture.Client.ListAsync<Gadget>(Gadget.ResourceKind, "", null, fixture.Stop);
        await Eventually.IsTrueAsync(() => !fixture.Server.Requests.IsEmpty, "the request arrived");

        fixture.Time.Advance(TimeSpan.FromSeconds(31));

        (await FluentActions.Awaiting(() => list).Should().ThrowAsync<ApiUnavailableException>())
            .WithMessage("list gadgets.test.dev: the API server did not answer within 30 s");
    }

    [Fact]
    public async Task A_list_whose_body_stalls_can_be_cancelled()
    {
        fixture.Server.Intercept = StallInTheBodyAsync;
        using var cancel = new CancellationTokenSource();
        var list = fixture.Client.ListAsync<Gadget>(Gadget.ResourceKind, "", null, cancel.Token);
        await Eventually.IsTrueAsync(() => !fixture.Server.Requests.IsEmpty, "the request arrived");

        await cancel.CancelAsync();

        await FluentActions.Awaiting(() => list.WaitAsync(TimeSpan.FromSeconds(20))).Should().ThrowAsync<OperationCanceledException>();
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task A_request_is_sent_again_when_the_server_asks_to_wait(int code)
    {
        fixture.Server.Store.Create("gadgets", Gadget.Manifest("lamp"));
        fixture.Server.Intercept = async (context, _) =>
        {
            if (fixture.Server.Requests.Count > 2) return false;
            context.Response.Headers.RetryAfter = "7";
            await FakeApiServer.RefuseAsync(context, code, "", "not now");
            return true;
        };
        var started = fixture.Time.GetTimestamp();
        var get = fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, fixture.Stop);

        await Eventually.IsTrueAsync(() => get.IsCompleted, "the request succeeds", fixture.Time, TimeSpan.FromSeconds(1));

        (await get).Should().NotBeNull();
        fixture.Time.GetElapsedTime(started).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(14));
    }

    [Fact]
    public async Task A_failure_without_retry_after_is_reported_at_once()
    {
        fixture.Server.Intercept = async (context, _) =>
        {
            await FakeApiServer.RefuseAsync(context, 500, "InternalError", "etcd is unwell");
            return true;
        };

        var get = () => fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, fixture.Stop);

        var error = (await get.Should().ThrowAsync<ApiException>()).Which;
        error.Message.Should().Be("get gadgets.test.dev shop/lamp: 500 InternalError: etcd is unwell");
        error.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
        fixture.Server.Requests.Should().HaveCount(1);
    }

    [Fact]
    public async Task An_error_page_of_a_proxy_is_reported_in_its_own_words()
    {
        fixture.Server.Intercept = async (context, _) =>
        {
            context.Response.StatusCode = 502;
            await context.Response.WriteAsync("<h1>Bad Gateway</h1>");
            return true;
        };

        var get = () => fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, fixture.Stop);

        await get.Should().ThrowAsync<ApiException>().WithMessage("get gadgets.test.dev shop/lamp: 502: <h1>Bad Gateway</h1>");
    }

    [Fact]
    public async Task A_server_that_is_away_is_unavailable()
    {
        await fixture.Server.DisposeAsync();

        var get = () => fixture.Client.GetAsync<Gadget>(Gadget.ResourceKind, Name, fixture.Stop);

        await get.Should().ThrowAsync<ApiUnavailableException>().WithMessage("get gadgets.test.dev shop/lamp: the API server cannot be reached:*");
    }

    [Fact]
    public async Task Metadata_alone_is_asked_for_where_that_is_all_that_is_wanted()
    {
        var secrets = ResourceKind.Of<V1Secret>();
        var body = new { apiVersion = "v1", kind = "Secret", metadata = new { name = "lamp", @namespace = "shop" } };

        await fixture.Client.ApplyAsync<PartialObjectMetadata>(secrets, Name, body, force: true, null, fixture.Stop);
        await fixture.Client.GetAsync<PartialObjectMetadata>(secrets, Name, fixture.Stop);
        await fixture.Client.ListAsync<PartialObjectMetadata>(secrets, "shop", "a=b", fixture.Stop);

        var seen = fixture.Server.Requests.ToArray();
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
    public async Task A_patch_whose_test_fails_is_refused()
    {
        fixture.Server.Store.Create("gadgets", Gadget.Manifest("lamp"));

        var patch = () => fixture.Client.JsonPatchAsync<Gadget>(
            Gadget.ResourceKind, Name, [new("test", "/metadata/resourceVersion", "1")], null, fixture.Stop);

        (await patch.Should().ThrowAsync<ApiException>()).Which.StatusCode.Should().Be(HttpStatusCode.UnprocessableEntity);
    }

    [Fact]
    public async Task Deleting_says_whether_there_was_anything()
    {
        fixture.Server.Store.Create("gadgets", Gadget.Manifest("lamp"));

        (await fixture.Client.DeleteAsync(Gadget.ResourceKind, Name, "a-uid", fixture.Stop)).Should().BeTrue();
        (await fixture.Client.DeleteAsync(Gadget.ResourceKind, Name, null, fixture.Stop)).Should().BeFalse();
        fixture.Server.Requests.First().Body.Should().Contain("a-uid");
    }

    private static async Task<bool> StallInTheBodyAsync(HttpContext context, SeenRequest seen)
    {
        await context.Response.WriteAsync("""{"kind":"List","metadata":{},"items":[""");
        await context.Response.Body.FlushAsync();
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
        return true;
    }
}
