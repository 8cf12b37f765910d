using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class ClientLanesTests : IDisposable
{
    private static readonly RequestRate Slow = new(1, 1);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly ClientLanes _lanes;
    private int _started;

    public ClientLanesTests() => _lanes = new ClientLanes(_time);

    public void Dispose() => _lanes.Dispose();

    [Fact]
    public void A_client_is_another_one_at_another_provider()
    {
        Add("client", "one").Should().BeTrue();
        Add("client", "two").Should().BeTrue();
        Add("client", "one").Should().BeFalse();
        _started.Should().Be(2);
    }

    [Fact]
    public void Lanes_that_are_as_good_as_new_are_removed_and_no_client_gets_more_than_its_share_by_that()
    {
        var answer = new TaskCompletionSource();
        Add("running", until: answer.Task);
        for (var number = 0; number < 20 * ClientLanes.MaxUnused; number++)
        {
            Add($"client-{number}");
            _time.Advance(TimeSpan.FromSeconds(2));
        }

        _lanes.Count.Should().BeLessThanOrEqualTo(ClientLanes.MaxUnused);
        // As many clients as fit, all in this second.
        for (var number = 0; number < 2 * ClientLanes.MaxUnused; number++)
            Add($"busy-{number}").Should().BeTrue();
        Enumerable.Range(0, 2 * ClientLanes.MaxUnused).Should().OnlyContain(number => !Add($"busy-{number}", "provider", null), "each has used its share");
        answer.SetResult();
        Add("running").Should().BeTrue();
        Add("running").Should().BeFalse("its lane was kept while a job ran");
    }

    private bool Add(string client, string provider = "provider", Task? until = null) =>
        _lanes.Add(client, Slow, new LaneJob(new AccountKey(provider, "account"), "mail", JobUrgency.LivingToken, ExpiresAt: null, TakesPermit: true, async () =>
        {
            _started++;
            await (until ?? Task.CompletedTask);
            return true;
        }));
}
