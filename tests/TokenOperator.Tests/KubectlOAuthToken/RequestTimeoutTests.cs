using KubectlOAuthToken.Kubernetes;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class RequestTimeoutTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("0s", 0)]
    [InlineData("10", 10)]
    [InlineData("500ms", 0.5)]
    [InlineData("1.5s", 1.5)]
    [InlineData("1m30s", 90)]
    [InlineData("30s1m", 90)]
    [InlineData("1.5h", 5400)]
    [InlineData(".5s", 0.5)]
    [InlineData("1.s", 1)]
    [InlineData("+5s", 5)]
    [InlineData("1h2m3s4ms5us", 3723.004005)]
    [InlineData("7\u00b5s", 0.000007)]
    [InlineData("7\u03bcs", 0.000007)]
    [InlineData("1ns", 0.0000001)]
    [InlineData("9999999h", 100 * 365 * 24 * 3600d)]
    [InlineData("99999999999", 100 * 365 * 24 * 3600d)]
    public void A_value_of_kubectl_is_read_as_by_kubectl(string text, double seconds)
    {
        RequestTimeout.TryParse(text, out var timeout).Should().BeTrue();
        timeout.Ticks.Should().Be((long)Math.Round(seconds * TimeSpan.TicksPerSecond));
    }

    [Theory]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("-1s")]
    [InlineData("-1")]
    [InlineData("+5")]
    [InlineData("1.5")]
    [InlineData("s")]
    [InlineData(".s")]
    [InlineData("1 s")]
    [InlineData("1d")]
    [InlineData("1S")]
    [InlineData("1s ")]
    [InlineData("1s1")]
    [InlineData("999999999999999999999999999999999999h")]
    [InlineData("1111111111111111111111111111111111111111111111111111111111111111s")]
    public void Anything_else_is_refused(string text) => RequestTimeout.TryParse(text, out _).Should().BeFalse();
}
