using TokenOperator.Providers;
using TokenOperator.SelfService;

namespace TokenOperator.Tests.SelfService;

public sealed class DeviceConsentTests : IAsyncLifetime
{
    private FlowFixture? _started;

    private FlowFixture Fixture => _started ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync()
    {
        _started = await FlowFixture.StartAsync();
        Fixture.Provider.CanShowCode = true;
    }

    public async Task DisposeAsync() => await Fixture.DisposeAsync();

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task The_page_offers_what_the_provider_has(bool canAsk, bool canShowCode)
    {
        (Fixture.Provider.CanAsk, Fixture.Provider.CanShowCode) = (canAsk, canShowCode);

        var step = await Fixture.ShowAsync();

        (step.Status, step.IsOffer, step.OffersCode).Should().Be((200, canAsk, canShowCode));
        if (!canAsk)
            (await Fixture.BeginAsync()).Status.Should().Be(403);
        if (!canShowCode)
            (await BeginAsync()).Status.Should().Be(403);
    }

    [Fact]
    public async Task The_waiting_page_shows_the_user_code_and_never_the_device_code()
    {
        var begun = await BeginAsync();
        var waiting = await WaitAsync(begun.Browser);

        begun.Redirect.Should().Be(new Uri("https://tokens.example.com/authorize/code"));
        waiting.Refresh.Should().Be(TimeSpan.FromSeconds(6));
        waiting.Details!.Select(detail => detail.Value).Should().Equal("https://provider.example/device", "ABCD-EFGH");
        Fixture.Pending.Devices.Keys.Should().NotContain(begun.Browser);
        Fixture.Pending.Devices.Values.Single().DeviceCode.Reveal().Should().Be("device-code-1");
    }

    [Fact]
    public async Task A_consent_is_stored_and_its_code_is_forgotten()
    {
        Fixture.Provider.Polls.Clear();
        Fixture.Provider.Polls.Enqueue(new DevicePollResponse.Pending(SlowDown: false));
        Fixture.Provider.Polls.Enqueue(new DevicePollResponse.Granted((CodeExchangeResponse.Granted)FlowFixture.Granted("marcus@example.com")));
        var browser = (await BeginAsync()).Browser;

        (await WaitAsync(browser)).Refresh.Should().NotBeNull();
        var done = await WaitAsync(browser);

        (done.Status, done.Title, done.Refresh).Should().Be((200, "Done", null));
        Fixture.Row.Token.RefreshToken!.Reveal().Should().Be("new-token");
        Fixture.Pending.Devices.Should().BeEmpty();
        (await WaitAsync(browser)).Status.Should().Be(404);
    }

    [Fact]
    public async Task The_page_shows_the_result_also_if_the_code_cannot_be_deleted()
    {
        Fixture.Provider.Polls.Clear();
        Fixture.Provider.Polls.Enqueue(new DevicePollResponse.Granted((CodeExchangeResponse.Granted)FlowFixture.Granted("marcus@example.com")));
        Fixture.Pending.IsAway = true;

        (await WaitAsync((await BeginAsync()).Browser)).Title.Should().Be("Done");
    }

    [Fact]
    public async Task The_provider_is_polled_only_when_the_interval_is_over_and_more_slowly_when_it_asks_for_that()
    {
        Fixture.Provider.Polls.Clear();
        Fixture.Provider.Polls.Enqueue(new DevicePollResponse.Pending(SlowDown: true));
        var browser = (await BeginAsync()).Browser;
        Fixture.Pending.IsDue = false;
        (await WaitAsync(browser)).Refresh.Should().Be(TimeSpan.FromSeconds(6));
        Fixture.Provider.Polled.Should().BeEmpty();

        Fixture.Pending.IsDue = true;
        (await WaitAsync(browser)).Refresh.Should().Be(TimeSpan.FromSeconds(11));
        Fixture.Pending.Devices.Values.Single().Interval.Should().Be(TimeSpan.FromSeconds(10));
    }

    public static TheoryData<DevicePollResponse, string> Ends => new()
    {
        { new DevicePollResponse.Denied(), "denied" },
        { new DevicePollResponse.Expired(), "expired" },
        { new DevicePollResponse.Failed("HTTP 400: invalid_grant"), "invalid_grant" },
        { new DevicePollResponse.Granted((CodeExchangeResponse.Granted)FlowFixture.Granted("eve@example.com")), "another account" },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task Any_other_end_changes_nothing_and_forgets_the_code(DevicePollResponse response, string text)
    {
        Fixture.Provider.Polls.Clear();
        Fixture.Provider.Polls.Enqueue(response);

        var step = await WaitAsync((await BeginAsync()).Browser);

        (step.Status, step.Refresh).Should().Be((403, null));
        step.Text.Should().Contain(text).And.NotContain("device-code");
        Fixture.Row.Token.RefreshToken!.Reveal().Should().Be("dead-token");
        Fixture.Pending.Devices.Should().BeEmpty();
    }

    [Fact]
    public async Task An_object_that_changed_meanwhile_and_another_browser_get_nothing()
    {
        var browser = (await BeginAsync()).Browser;
        (await WaitAsync("another")).Status.Should().Be(404);
        (await WaitAsync(null)).Status.Should().Be(404);
        Fixture.Put(spec => spec with { Identity = "other@example.com" });

        (await WaitAsync(browser)).Status.Should().Be(409);

        Fixture.Provider.Polled.Should().BeEmpty();
    }

    [Fact]
    public async Task A_link_that_is_not_valid_starts_nothing_and_open_codes_are_limited()
    {
        (await Fixture.Flow.BeginDeviceAsync(FlowFixture.Owner, "1.x", CancellationToken.None)).Status.Should().Be(410);
        Fixture.Pending.IsFull = true;
        (await BeginAsync()).Status.Should().Be(429);
        Fixture.Provider.Codes.Should().Be(0, "the provider is not asked for a code that is not kept");
    }

    private Task<Step> BeginAsync() => Fixture.Flow.BeginDeviceAsync(FlowFixture.Owner, Fixture.Ticket, CancellationToken.None);

    private Task<Step> WaitAsync(string? browser) => Fixture.Flow.WaitDeviceAsync(browser, CancellationToken.None);
}
