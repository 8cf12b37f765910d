using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers.Documents;

public sealed class ScopeRulesTests
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
        TestDocuments.Google.Scopes.Missing(wanted.Split(' '), granted.Split(' ')).Should().Equal(missing.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    [Fact]
    public void Scopes_are_missing_only_if_the_provider_named_the_granted_scopes()
    {
        TestDocuments.Google.Scopes.Missing(["a", "b"], ["b", "c"]).Should().Equal("a");
        TestDocuments.Google.Scopes.Missing(["a"], []).Should().BeEmpty();
        TestDocuments.Google.Scopes.Missing([], ["b"]).Should().BeEmpty();
    }

    [Fact]
    public void An_optional_prefix_and_the_case_of_letters_do_not_matter_where_a_document_says_so()
    {
        var rules = new ScopeRules { OptionalPrefix = "https://graph.example/", NotEchoed = ["offline_access"] };

        rules.Missing(["Mail.Read", "https://graph.example/Files.Read", "offline_access", "User.Read"], ["https://GRAPH.example/mail.read", "files.read"]).Should().Equal("User.Read");
        (rules with { AreNotComparable = true }).Missing(["User.Read"], ["x"]).Should().BeEmpty();
    }
}
