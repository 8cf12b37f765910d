using KubectlOAuthToken.Consent;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Tests.Providers;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class ConsentAcceptanceTests
{
    private static readonly DateTimeOffset AskedAt = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_tokens_of_the_expected_person_are_used() =>
        Accept("marcus@example.com", "marcus@example.com", "mail").RefreshToken!.Reveal().Should().Be("new-token");

    [Theory]
    [InlineData("eve@example.com", "mail", "*another account*(the consent is from eve@example.com, but marcus@example.com is expected)*")]
    [InlineData(null, "mail", "*did not say who consented*")]
    public void The_grant_of_someone_else_or_of_nobody_known_stays_and_the_message_says_where_to_end_it(string? who, string scope, string message) =>
        FluentActions.Invoking(() => Accept(who, "marcus@example.com", scope)).Should().Throw<PluginException>().WithMessage(message)
            .WithMessage("*was not revoked*another OAuthToken may use the same account*remove the application*(at Google: myaccount.google.com/connections).");

    [Theory]
    [InlineData("marcus@example.com", "marcus@example.com")]
    [InlineData(null, null)]
    public void The_owner_of_a_grant_that_is_not_used_is_not_told_to_end_it(string? who, string? expected) =>
        FluentActions.Invoking(() => Accept(who, expected, "calendar")).Should().Throw<PluginException>().WithMessage("*leaves out calendar*")
            .Which.Message.Should().NotContain("revoked");

    private static TokenSet Accept(string? who, string? expected, string scope) => ConsentAcceptance.Accept(
        TestDocuments.Google, new CodeExchangeResponse.Granted(ScriptedProvider.Granted("new-token", ["mail"]), who is null ? null : new Identity("subject", who)), [scope],
        new ExpectedIdentity(expected, null), AskedAt);
}
