using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.TestBed;

public sealed class EventuallyTests
{
    [Fact]
    public async Task It_returns_the_state_that_satisfied_the_condition()
    {
        var looks = 0;

        (await Eventually.SeesAsync(() => ++looks, seen => seen == 3)).Should().Be(3);
    }

    [Fact]
    public async Task After_the_deadline_the_message_shows_the_condition_and_the_last_state()
    {
        var wait = () => Eventually.SeesAsync(() => "still pending", seen => seen == "ready", TimeSpan.FromMilliseconds(30));

        (await wait.Should().ThrowAsync<TimeoutException>()).Which.Message.Should().Contain("seen == \"ready\"").And.Contain("still pending");
    }

    [Fact]
    public async Task An_exception_counts_as_not_satisfied_and_is_shown_at_the_deadline()
    {
        var looks = 0;
        await Eventually.IsTrueAsync(() => ++looks > 2 ? true : throw new InvalidOperationException("no answer"));

        var wait = () => Eventually.IsTrueAsync(() => looks < 0 ? true : throw new InvalidOperationException("no answer"), TimeSpan.FromMilliseconds(30));

        (await wait.Should().ThrowAsync<TimeoutException>()).Which.Message.Should().Contain("InvalidOperationException: no answer");
    }
}
