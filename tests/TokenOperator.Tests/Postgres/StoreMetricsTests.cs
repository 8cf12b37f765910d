using Microsoft.Extensions.Time.Testing;
using TokenOperator.Postgres;

namespace TokenOperator.Tests.Postgres;

public sealed class StoreMetricsTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly StoreMetrics _metrics;

    public StoreMetricsTests() => _metrics = new StoreMetrics(_time, new Meters());

    public void Dispose() => _metrics.Dispose();

    [Fact]
    public void The_store_is_down_from_a_failure_until_the_next_success()
    {
        _metrics.IsUp.Should().BeTrue();
        _metrics.Failed(_metrics.Begin());
        _metrics.IsUp.Should().BeFalse();
        _metrics.Listening(good: true);
        _metrics.IsUp.Should().BeTrue();
        _metrics.Listening(good: false);
        _metrics.IsUp.Should().BeFalse();
        _metrics.Succeeded(_metrics.Begin());
        _metrics.IsUp.Should().BeTrue();
    }

    [Fact]
    public void A_failure_without_a_retry_expires()
    {
        _metrics.Failed(_metrics.Begin());
        _time.Advance(TimeSpan.FromMinutes(3));
        _metrics.IsUp.Should().BeTrue();
    }
}
