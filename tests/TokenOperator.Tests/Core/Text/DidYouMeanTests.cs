using TokenOperator.Core.Text;

namespace TokenOperator.Tests.Core.Text;

public sealed class DidYouMeanTests
{
    [Theory]
    [InlineData("marcus-gmial", "marcus-gmail")]
    [InlineData("marcus", "marcus-gmail")]
    [InlineData("BILING", "billing")]
    [InlineData("Port", "reports")]
    [InlineData("completely-different", "")]
    public void A_mistyped_name_gets_similar_names_as_suggestions(string typed, string near) =>
        DidYouMean.Near(typed, ["marcus-gmail", "billing", "reports"]).Should().Equal(near.Length == 0 ? [] : [near]);

    [Fact]
    public void A_text_that_is_too_long_for_a_name_is_compared_with_none() =>
        DidYouMean.Suggest(new string('a', 101), [new string('a', 101)]).Should().BeEmpty();
}
