using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Tokens;

public sealed class ScopeNamesTests
{
    private const string Base = "https://www.googleapis.com/auth/";

    [Theory]
    [InlineData("https://mail.google.com/ email profile", "https://mail.google.com/ openid " + Base + "userinfo.profile " + Base + "userinfo.email", "")]
    [InlineData(Base + "userinfo.email " + Base + "userinfo.profile openid", "openid profile email", "")]
    [InlineData("email", Base + "userinfo.profile", "email")]
    [InlineData(Base + "userinfo.email", "profile", Base + "userinfo.email")]
    [InlineData("https://mail.google.com", "https://mail.google.com/", "")]
    [InlineData("https://mail.google.com/", "https://mail.google.com", "")]
    [InlineData("openid", "email", "openid")]
    [InlineData("Mail.Read", "mail.read", "Mail.Read")]
    [InlineData(Base + "gmail.send " + Base + "gmail.readonly", Base + "gmail.send", Base + "gmail.readonly")]
    [InlineData("a a", "b", "a")]
    public void A_scope_is_granted_under_any_of_its_names_and_missing_under_the_one_that_was_asked_for(string wanted, string granted, string missing) =>
        ScopeNames.Missing(wanted.Split(' '), granted.Split(' ')).Should().Equal(missing.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    [Fact]
    public void A_token_lacks_no_scope_that_it_has_under_another_name() =>
        RefreshPolicy.MissingScopes(["email", "profile"], new TokenSet { Scopes = [Base + "userinfo.email", Base + "userinfo.profile", "openid"] }).Should().BeEmpty();
}
