using System.Text.Json.Nodes;
using k8s.Models;
using KubeRuntime.Events;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Events;

public sealed class EventPublisherTests : IAsyncLifetime
{
    private RuntimeFixture _fixture = null!;
    private EventPublisher _publisher = null!;

    public async Task InitializeAsync()
    {
        _fixture = await RuntimeFixture.StartAsync();
        _publisher = new EventPublisher(_fixture.Client, "demo", "demo_1", _fixture.Time, new Random(1), _fixture.Metrics, NullLogger<EventPublisher>.Instance);
    }

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task An_event_has_every_field_that_the_server_requires()
    {
        _fixture.Run(_publisher.RunAsync);

        _publisher.Publish(Lamp(), "Warning", "Broken", "Repair", new string('ä', 800));
        await Eventually.IsTrueAsync(() => Events().Count == 1, "the event is written");

        var e = Events().Single();
        ((string)e["metadata"]!["name"]!).Should().MatchRegex("^lamp\\.[0-9a-f]{16}$");
        ((string)e["metadata"]!["namespace"]!).Should().Be("shop");
        // A whole second, with its fraction.
        ((string)e["eventTime"]!).Should().Be("2030-01-01T00:00:00.000000Z");
        ((string)e["note"]!).Should().Be(new string('ä', 512));
        ((string)e["regarding"]!["kind"]!).Should().Be("Gadget");
        ((string)e["regarding"]!["uid"]!).Should().Be("u-lamp");
        ((string)e["reportingController"]!).Should().Be("demo");
        ((string)e["reportingInstance"]!).Should().Be("demo_1");
        ((string)e["action"]!).Should().Be("Repair");
        ((string)e["type"]!).Should().Be("Warning");
        ((string)e["reason"]!).Should().Be("Broken");
    }

    [Fact]
    public async Task A_repeated_event_increases_the_count_of_the_first_one()
    {
        _fixture.Run(_publisher.RunAsync);

        for (var i = 0; i < 3; i++)
            _publisher.Publish(Lamp(), "Warning", "Broken", "Repair", "it does not light");
        await Eventually.IsTrueAsync(() => (int?)Events().SingleOrDefault()?["series"]?["count"] == 3, "the third is counted");
    }

    [Fact]
    public async Task After_ten_similar_events_further_ones_are_combined()
    {
        _fixture.Run(_publisher.RunAsync);

        for (var i = 0; i < 15; i++)
            _publisher.Publish(Lamp(), "Warning", "Broken", "Repair", $"attempt {i}");
        await Eventually.IsTrueAsync(() => Events().Any(e => (int?)e["series"]?["count"] == 5), "five are combined");

        Events().Should().HaveCount(11);
        Events().Should().ContainSingle(e => ((string)e["note"]!).StartsWith("(combined from similar events)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_object_gets_25_events_at_once_and_then_one_in_five_minutes()
    {
        _fixture.Run(_publisher.RunAsync);
        for (var i = 0; i < 40; i++)
            _publisher.Publish(Lamp(), "Normal", $"Reason{i}", "Act", "so it is");
        _publisher.Publish(Lamp("sofa"), "Normal", "Reason", "Act", "so it is");
        await Eventually.IsTrueAsync(() => Events().Count == 26, "what is allowed is written", _fixture.Time, TimeSpan.FromMilliseconds(10));

        _fixture.Time.Advance(TimeSpan.FromMinutes(5));
        for (var i = 0; i < 5; i++)
            _publisher.Publish(Lamp(), "Normal", $"Later{i}", "Act", "so it is");
        // The clock runs on: a request that was in flight when it jumped has timed out and is retried.
        await Eventually.IsTrueAsync(() => Events().Count == 27, "one more is written", _fixture.Time, TimeSpan.FromMilliseconds(10));
    }

    [Fact]
    public async Task A_flood_is_sent_at_ten_events_per_second()
    {
        _fixture.Run(_publisher.RunAsync);

        for (var i = 0; i < 50; i++)
            _publisher.Publish(Lamp($"g{i}"), "Normal", "Made", "Make", "so it is");
        await Eventually.IsTrueAsync(() => Events().Count == 50, "all are written", _fixture.Time, TimeSpan.FromMilliseconds(10));

        (_fixture.Time.GetUtcNow() - _fixture.Time.Start).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task Publishing_never_waits_and_events_beyond_the_queue_limit_are_dropped()
    {
        // No sender is running.
        for (var i = 0; i < 5000; i++)
            _publisher.Publish(Lamp($"g{i}"), "Normal", "Made", "Make", "so it is");
        using var stop = new CancellationTokenSource();

        await _publisher.FlushAsync(_publisher.RunAsync(stop.Token), stop);

        Events().Count.Should().BeInRange(1, 1000);
    }

    [Fact]
    public async Task A_flush_sends_the_queued_events_without_a_rate_limit()
    {
        for (var i = 0; i < 40; i++)
            _publisher.Publish(Lamp($"g{i}"), "Normal", "Made", "Make", "so it is");
        using var stop = new CancellationTokenSource();
        var sender = _publisher.RunAsync(stop.Token);

        await _publisher.FlushAsync(sender, stop);

        Events().Should().HaveCount(40);
    }

    [Fact]
    public async Task A_flush_waits_two_seconds_for_a_server_that_hangs()
    {
        _fixture.Server.Intercept = async (context, _) =>
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
            return true;
        };
        _publisher.Publish(Lamp(), "Normal", "Made", "Make", "so it is");
        using var stop = new CancellationTokenSource();
        var sender = _publisher.RunAsync(stop.Token);

        var flush = _publisher.FlushAsync(sender, stop);
        await Eventually.IsTrueAsync(() => flush.IsCompleted, "it ends", _fixture.Time, TimeSpan.FromSeconds(0.5));

        await flush;
        sender.IsCompletedSuccessfully.Should().BeTrue();
    }

    private List<JsonObject> Events() => _fixture.Server.Store.List("events", "").Items;

    private static Gadget Lamp(string name = "lamp") => new()
    {
        ApiVersion = "test.dev/v1",
        Kind = "Gadget",
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "shop", Uid = $"u-{name}", ResourceVersion = "7" },
    };
}
