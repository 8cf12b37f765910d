using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.TestBed;

public sealed class EventuallyTests
{
    [Fact]
    public async Task It_returns_what_satisfied_the_condition()
    {
        var looks = 0;

        (await Eventually.SeesAsync(() => ++looks, seen => seen == 3)).Should().Be(3);
    }

    [Fact]
    public async Task A_deadline_that_passed_tells_the_condition_and_what_was_seen_last()
    {
        var wait = () => Eventually.SeesAsync(() => "still pending", seen => seen == "ready", TimeSpan.FromMilliseconds(30));

        (await wait.Should().ThrowAsync<TimeoutException>()).Which.Message.Should().Contain("seen == \"ready\"").And.Contain("still pending");
    }

    [Fact]
    public async Task An_error_while_looking_counts_as_not_yet_and_is_shown_at_the_deadline()
    {
        var looks = 0;
        await Eventually.IsTrueAsync(() => ++looks > 2 ? true : throw new InvalidOperationException("no answer"));

        var wait = () => Eventually.IsTrueAsync(() => looks < 0 ? true : throw new InvalidOperationException("no answer"), TimeSpan.FromMilliseconds(30));

        (await wait.Should().ThrowAsync<TimeoutException>()).Which.Message.Should().Contain("InvalidOperationException: no answer");
    }
}
