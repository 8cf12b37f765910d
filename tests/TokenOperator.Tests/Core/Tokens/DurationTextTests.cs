using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Tokens;

public sealed class DurationTextTests
{
    [Theory]
    [InlineData("15m", 900)]
    [InlineData("1h30m", 5400)]
    [InlineData("90s", 90)]
    [InlineData("0m", 0)]
    [InlineData("1h0m1s", 3601)]
    public void Durations_in_the_notation_of_Kubernetes_are_read(string text, int seconds)
    {
        DurationText.TryParse(text, out var duration).Should().BeTrue();
        duration.Should().Be(TimeSpan.FromSeconds(seconds));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1m")]
    [InlineData("banana")]
    [InlineData("15")]
    [InlineData("1.5h")]
    [InlineData("15 m")]
    [InlineData("15m\n")]
    [InlineData("١٥m")]
    [InlineData("30m1h")]
    [InlineData("99999999999999999999999999999h")]
    public void Anything_else_is_refused(string? text) => DurationText.TryParse(text, out _).Should().BeFalse();

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(90, "1m30s")]
    [InlineData(5400, "1h30m")]
    public void A_duration_is_written_as_short_as_possible(int seconds, string text) =>
        DurationText.Format(TimeSpan.FromSeconds(seconds)).Should().Be(text);
}
