using KubeRuntime.Watching;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Api;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.SelfService;
using TokenOperator.Tests.Refreshing;
using k8s.Models;

namespace TokenOperator.Tests.Reconcile;

public sealed class FenceTests
{
    [Fact]
    public async Task A_reconcile_that_loses_the_lease_ends_quietly_without_a_write_and_is_looked_at_again_if_this_process_still_runs()
    {
        using var fence = new SwitchableFence { Holds = false };
        var entities = new ResourceCache<V1Alpha1OAuthToken>([""], new CacheOptions<V1Alpha1OAuthToken>());
        // Its spec is not valid, so that nothing is left to do but to say so.
        var entity = new V1Alpha1OAuthToken { Metadata = new V1ObjectMeta { Name = "marcus", NamespaceProperty = "mail", ResourceVersion = "1", Uid = "1" } };
        entities.Observe(entity);
        // There is no way to the API server: a write would throw.
        var secrets = new SecretPublisher(null!, new ResourceCache<SecretInfo>([""], new CacheOptions<SecretInfo>()), entities, fence);
        var statuses = new StatusPublisher(null!, entities, null!, fence);
        var controller = new OAuthTokenController(
            null!, null!, null!, null!, null!, null!, fence, null!, secrets, statuses, new AuthorizationLinks(new SelfServiceSettings()), new ReconcileSchedule(TimeProvider.System), entities, null!,
            TimeProvider.System, NullLogger<OAuthTokenController>.Instance);

        var result = await controller.ReconcileAsync(entity, CancellationToken.None);

        result.IsSuccess.Should().BeTrue("another one leads: that is no failure");
        result.RequeueAfter.Should().NotBeNull();
    }
}
