using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;

namespace TokenOperator.Tests.Providers;

public sealed class ConsentValidatorTests
{
    private static readonly Identity Marcus = new("sub-1", "marcus@example.com");

    [Theory]
    [InlineData("?error=access_denied", "Consent was denied*")]
    [InlineData("?error=invalid_scope&error_description=no+such+scope", "The provider did not ask for consent (invalid_scope: no such scope)*")]
    [InlineData("?state=s", "*neither a code nor an error*")]
    [InlineData("", "*neither a code nor an error*")]
    [InlineData("http://127.0.0.1:1/?code=a%0Ab", "*neither a code nor an error*")]
    [InlineData("?code=one&code=two", "*neither a code nor an error*")]
    public void A_response_without_a_code_is_an_error(string query, string expected) =>
        ConsentValidator.FindError(AuthorizationResponse.Read(query)).Should().Match(expected);

    [Theory]
    [InlineData("http://127.0.0.1:1/?state=s&code=abc%2F1%3D%3D#_", "abc/1==", "s")]
    [InlineData("?code=abc&state=s", "abc", "s")]
    [InlineData("code=abc", "abc", null)]
    [InlineData("abc", "abc", "mine")]
    [InlineData("abc#_", "abc", "mine")]
    [InlineData("aPrx4%3D%3D", "aPrx4==", "mine")]
    [InlineData("aPrx4==", "aPrx4==", "mine")]
    [InlineData("4/0abc+d", "4/0abc+d", "mine")]
    [InlineData("http://127.0.0.1:1/", null, null)]
    [InlineData("error=access_denied", null, null)]
    [InlineData("", null, null)]
    public void What_a_person_copies_is_an_address_a_part_of_it_or_a_code(string pasted, string? code, string? state)
    {
        var response = AuthorizationResponse.ReadPasted(pasted, "mine", new(), out var isCode);

        (response.Code?.Reveal(), response.State, isCode).Should().Be((code, state, state == "mine"));
    }

    [Fact]
    public void A_response_matches_only_the_request_with_its_state()
    {
        var response = AuthorizationResponse.Read("http://127.0.0.1:40000/?state=mine&code=4%2F0abc&scope=openid");

        response.MatchesState("mine").Should().BeTrue();
        response.MatchesState("other").Should().BeFalse();
        AuthorizationResponse.Read("?code=4").MatchesState("").Should().BeFalse("a response without a state matches nothing");
        response.Code!.Reveal().Should().Be("4/0abc");
        response.ToString().Should().NotContain("0abc");
        ConsentValidator.FindError(response).Should().BeNull();
    }

    [Fact]
    public void The_text_of_a_redirect_is_shown_in_printable_characters_and_at_limited_length()
    {
        AuthorizationResponse.Read("?error=" + new string('x', 1000) + "%1b[31m").Error.Should().HaveLength(300);
        AuthorizationResponse.Read("?error=a%1b%0a%e2%80%aeb").Error.Should().Be("a b");
        AuthorizationResponse.Read("?error=" + new string('x', 100_000)).Error.Should().Be("the response is too long");
    }

    [Theory]
    [InlineData("marcus@example.com", true)]
    [InlineData("Marcus@Example.com", true)]
    [InlineData("mar.cus@example.com", false)]
    [InlineData("sub-1", true)]
    [InlineData("SUB-1", false)]
    [InlineData("marcus@example.org", false)]
    [InlineData("eve@example.com", false)]
    public void The_identity_that_the_spec_names_must_have_consented(string named, bool same) =>
        (Error(Granted(Marcus), new ExpectedIdentity(named, null)) is null).Should().Be(same);

    [Fact]
    public void The_identity_on_record_must_have_consented_and_the_subject_decides()
    {
        Error(Granted(Marcus), new ExpectedIdentity(null, Marcus with { Email = "old@example.com" })).Should().BeNull("addresses change");
        Error(Granted(Marcus), new ExpectedIdentity(null, Marcus with { Subject = "sub-2" })).Should().Contain("another account", "addresses pass to others");
        Error(Granted(Marcus), new ExpectedIdentity(null, new Identity(null, "MARCUS@example.com"))).Should().BeNull();
        Error(Granted(new Identity("sub-1", null)), new ExpectedIdentity(null, new Identity(null, "marcus@example.com"))).Should().Contain("another account");
        Error(Granted(Marcus), new ExpectedIdentity("marcus@example.com", new Identity("sub-9", "eve@example.com"))).Should().BeNull("the spec overrides the record");
    }

    [Fact]
    public void An_address_that_is_not_verified_is_another_problem_than_another_account()
    {
        Error(Granted(new Identity("sub-1", null)), new ExpectedIdentity("marcus@example.com", null)).Should().Contain("has verified the address").And.EndWith("spec.identity: sub-1");
        Error(Granted(new Identity("sub-1", null)), new ExpectedIdentity("sub-1", null)).Should().BeNull();
        Error(Granted(new Identity("sub-1", null)), new ExpectedIdentity("sub-2", null)).Should().Contain("another account");
    }

    [Fact]
    public void A_consent_without_identity_is_an_error_if_one_is_expected()
    {
        Error(Granted(null) with { Unidentified = "why" }, new ExpectedIdentity("marcus@example.com", null)).Should().Be("The provider did not say who consented, so nothing was changed: why");
        Error(Granted(null), new ExpectedIdentity(null, Marcus)).Should().Contain("did not say who consented");
        Error(Granted(null), new ExpectedIdentity(null, null)).Should().BeNull();
    }

    [Fact]
    public void A_consent_without_a_refresh_token_or_with_fewer_scopes_is_an_error()
    {
        var nobody = new ExpectedIdentity(null, null);
        Error(Granted(Marcus) with { Token = Token(null, "mail") }, nobody).Should().Contain("no refresh token");
        ConsentValidator.FindError(TestDocuments.Google, Granted(Marcus), nobody, ["mail", "calendar", "drive"]).Should().Contain("leaves out calendar, drive");
        ConsentValidator.FindError(TestDocuments.Google, Granted(Marcus) with { Token = Token("r", null) }, nobody, ["calendar"]).Should().BeNull("a response without scopes granted the requested ones (RFC 6749 section 5.1)");
    }

    [Fact]
    public void A_consent_to_scopes_under_their_other_names_leaves_out_nothing()
    {
        string[] asked = ["https://mail.google.com/", "email", "profile"];
        string[] answered = ["https://mail.google.com/", "openid", "https://www.googleapis.com/auth/userinfo.email", "https://www.googleapis.com/auth/userinfo.profile"];
        var granted = Granted(Marcus) with { Token = Token("r", null) with { Scopes = answered } };
        ConsentValidator.FindError(TestDocuments.Google, granted, new ExpectedIdentity(null, null), asked).Should().BeNull();
        ConsentValidator.FindError(TestDocuments.Google, granted, new ExpectedIdentity(null, null), [.. asked, "calendar"]).Should().Contain("leaves out calendar, so");
    }

    private static string? Error(CodeExchangeResponse.Granted granted, ExpectedIdentity expected) => ConsentValidator.FindError(TestDocuments.Google, granted, expected, ["mail"]);

    private static CodeExchangeResponse.Granted Granted(Identity? identity) => new(Token("refresh-1", "mail"), identity);

    private static TokenResponse.Granted Token(string? refreshToken, string? scope) =>
        new(new SecretValue("access-1"), TimeSpan.FromHours(1), "Bearer", scope is null ? null : [scope], SecretValue.From(refreshToken), null);
}
