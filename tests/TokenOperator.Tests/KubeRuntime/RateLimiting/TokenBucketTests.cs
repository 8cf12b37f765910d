using KubeRuntime.RateLimiting;
using Microsoft.Extensions.Time.Testing;

namespace TokenOperator.Tests.KubeRuntime.RateLimiting;

public sealed class TokenBucketTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_bucket_allows_a_burst_and_then_the_rate()
    {
        var bucket = new TokenBucket(perSecond: 4, burst: 3, _time);

        Take(bucket, 5).Should().Be(3);
        bucket.TimeUntilNext.Should().Be(TimeSpan.FromSeconds(0.25));
        _time.Advance(TimeSpan.FromSeconds(0.5));
        Take(bucket, 5).Should().Be(2);
        _time.Advance(TimeSpan.FromHours(1));
        Take(bucket, 5).Should().Be(3, "it never holds more than the burst");
    }

    [Fact]
    public void A_returned_permit_can_be_taken_again_but_never_exceeds_the_burst()
    {
        var bucket = new TokenBucket(perSecond: 1, burst: 2, _time);

        bucket.Return();
        Take(bucket, 5).Should().Be(2);
        bucket.Return();
        bucket.TimeUntilNext.Should().Be(TimeSpan.Zero);
        Take(bucket, 5).Should().Be(1);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(0.1)]
    public void After_the_announced_wait_there_is_a_permit(double perSecond)
    {
        var bucket = new TokenBucket(perSecond, burst: 1, _time);
        for (var i = 0; i < 100; i++)
        {
            bucket.TryTake().Should().BeTrue();
            _time.Advance(bucket.TimeUntilNext);
        }
    }

    [Fact]
    public void A_backoff_doubles_up_to_its_maximum()
    {
        var backoff = new ExponentialBackoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));

        new[] { 0, 1, 2, 4, 5, 1000, int.MaxValue }.Select(failures => backoff.DelayAfter(failures).TotalSeconds).Should().Equal(1, 2, 4, 16, 30, 30, 30);
    }

    private static int Take(TokenBucket bucket, int attempts) => Enumerable.Range(0, attempts).Count(_ => bucket.TryTake());
}
