using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;

namespace TokenOperator.Tests.Providers.Authorization;

public sealed class ConsentCheckTests
{
    private static readonly Identity Marcus = new("sub-1", "marcus@example.com");

    [Theory]
    [InlineData("?error=access_denied", "Consent was denied*")]
    [InlineData("?error=invalid_scope&error_description=no+such+scope", "The provider did not ask for consent (invalid_scope: no such scope)*")]
    [InlineData("?state=s", "*neither a code nor an error*")]
    [InlineData("", "*neither a code nor an error*")]
    [InlineData("http://127.0.0.1:1/?code=a%0Ab", "*neither a code nor an error*")]
    [InlineData("?code=one&code=two", "*neither a code nor an error*")]
    public void An_answer_without_a_code_gets_a_sentence(string query, string expected) =>
        ConsentCheck.Refuse(AuthorizationResponse.Read(query)).Should().Match(expected);

    [Fact]
    public void An_answer_answers_the_request_of_its_own_state_alone()
    {
        var reply = AuthorizationResponse.Read("http://127.0.0.1:40000/?state=mine&code=4%2F0abc&scope=openid");

        reply.Answers("mine").Should().BeTrue();
        reply.Answers("other").Should().BeFalse();
        AuthorizationResponse.Read("?code=4").Answers("").Should().BeFalse("an answer without a state answers nothing");
        reply.Code!.Reveal().Should().Be("4/0abc");
        reply.ToString().Should().NotContain("0abc");
        ConsentCheck.Refuse(reply).Should().BeNull();
    }

    [Fact]
    public void What_the_redirect_says_is_shown_in_printable_characters_and_not_at_any_length()
    {
        AuthorizationResponse.Read("?error=" + new string('x', 1000) + "%1b[31m").Error.Should().HaveLength(300);
        AuthorizationResponse.Read("?error=a%1b%0a%e2%80%aeb").Error.Should().Be("a b");
        AuthorizationResponse.Read("?error=" + new string('x', 100_000)).Error.Should().Be("the answer is too long");
    }

    [Theory]
    [InlineData("marcus@example.com", true)]
    [InlineData("Marcus@Example.com", true)]
    [InlineData("sub-1", true)]
    [InlineData("SUB-1", false)]
    [InlineData("marcus@example.org", false)]
    [InlineData("eve@example.com", false)]
    public void Who_is_named_in_the_spec_must_be_who_consented(string named, bool same) =>
        (Refusal(Granted(Marcus), new ExpectedIdentity(named, null)) is null).Should().Be(same);

    [Fact]
    public void Who_is_on_record_must_be_who_consented_and_the_subject_decides()
    {
        Refusal(Granted(Marcus), new ExpectedIdentity(null, Marcus with { Email = "old@example.com" })).Should().BeNull("addresses change");
        Refusal(Granted(Marcus), new ExpectedIdentity(null, Marcus with { Subject = "sub-2" })).Should().Contain("another account", "addresses go to others");
        Refusal(Granted(Marcus), new ExpectedIdentity(null, new Identity(null, "MARCUS@example.com"))).Should().BeNull();
        Refusal(Granted(new Identity("sub-1", null)), new ExpectedIdentity(null, new Identity(null, "marcus@example.com"))).Should().Contain("another account");
        Refusal(Granted(Marcus), new ExpectedIdentity("marcus@example.com", new Identity("sub-9", "eve@example.com"))).Should().BeNull("the spec counts before the record");
    }

    [Fact]
    public void A_consent_of_nobody_in_particular_is_refused_where_somebody_is_expected()
    {
        Refusal(Granted(null) with { Unidentified = "why" }, new ExpectedIdentity("marcus@example.com", null)).Should().Be("The provider did not say who consented, so nothing was changed: why");
        Refusal(Granted(null), new ExpectedIdentity(null, Marcus)).Should().Contain("did not say who consented");
        Refusal(Granted(null), new ExpectedIdentity(null, null)).Should().BeNull();
    }

    [Fact]
    public void A_consent_without_a_refresh_token_or_with_fewer_scopes_is_refused()
    {
        var nobody = new ExpectedIdentity(null, null);
        Refusal(Granted(Marcus) with { Token = Token(null, "mail") }, nobody).Should().Contain("no refresh token");
        ConsentCheck.Refuse(Granted(Marcus), nobody, ["mail", "calendar", "drive"]).Should().Contain("leaves out calendar, drive");
        ConsentCheck.Refuse(Granted(Marcus) with { Token = Token("r", null) }, nobody, ["calendar"]).Should().BeNull("silent about scopes means those that were asked for (RFC 6749 section 5.1)");
    }

    private static string? Refusal(CodeExchangeResponse.Granted granted, ExpectedIdentity expected) => ConsentCheck.Refuse(granted, expected, ["mail"]);

    private static CodeExchangeResponse.Granted Granted(Identity? identity) => new(Token("refresh-1", "mail"), identity);

    private static TokenResponse.Granted Token(string? refreshToken, string? scope) =>
        new(new SecretValue("access-1"), TimeSpan.FromHours(1), "Bearer", scope is null ? null : [scope], SecretValue.From(refreshToken), null);
}
