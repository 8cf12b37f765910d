using TokenOperator.Core.Text;

namespace TokenOperator.Tests.Core.Text;

public sealed class DidYouMeanTests
{
    [Theory]
    [InlineData("marcus-gmial", "marcus-gmail")]
    [InlineData("marcus", "marcus-gmail")]
    [InlineData("completely-different", "")]
    public void A_mistyped_name_gets_similar_names_as_suggestions(string typed, string near) =>
        DidYouMean.Near(typed, ["marcus-gmail", "billing", "reports"]).Should().Equal(near.Length == 0 ? [] : [near]);
}
