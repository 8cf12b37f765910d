using System.Text.Json.Nodes;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Documents;

public sealed class TokenDocumentTests
{
    private static readonly DateTimeOffset IssuedAt = new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero).AddTicks(1_234_560);

    private static readonly TokenSet Token = new()
    {
        RefreshToken = new("1//refresh"),
        AccessToken = new("ya29.access"),
        Scopes = ["https://mail.google.com/", "openid"],
        IssuedAt = IssuedAt,
        ExpiresAt = IssuedAt.AddSeconds(3599),
        RefreshTokenExpiresAt = IssuedAt.AddDays(7),
    };

    [Fact]
    public void The_identity_is_kept_with_the_tokens_and_an_applications_own_account_name_is_left_unchanged()
    {
        var marcus = new Identity("sub-1", "marcus@example.com");
        var first = TokenDocument.Write(new TokenSet { RefreshToken = new("r"), Identity = marcus }, null);

        TokenDocument.Read(TokenDocument.Write(TokenDocument.Read(first) with { AccessToken = new("a") }, first)).Identity.Should().Be(marcus);
        TokenDocument.Read("""{"refresh_token": "r", "account": "marcus@example.com"}""").Identity.Should().Be(new Identity(null, "marcus@example.com"), "google-auth writes it");
        foreach (var account in new[] { "\"\"", "\"marcus\"", "{\"id\": 1}", "7", "null", "\"a@b\\n\"" })
        {
            var document = $$"""{"refresh_token": "r", "account": {{account}}}""";
            TokenDocument.Read(document).Identity.Should().BeNull();
            TokenDocument.Write(new TokenSet { RefreshToken = new("r2") }, document).Should().Contain($"\"account\":{account.Replace(" ", "")}");
        }

        var renamed = TokenDocument.Write(new TokenSet { RefreshToken = new("r"), Identity = marcus }, """{"account": "old", "subject": "old"}""");
        renamed.Should().NotContain("old");
    }

    [Fact]
    public void A_written_document_is_read_back_unchanged()
    {
        TokenDocument.Read(TokenDocument.Write(Token, null)).Should().BeEquivalentTo(Token);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_host_of_the_tokens_stays_until_tokens_of_a_known_host_replace_it(bool isNewGrant)
    {
        var first = TokenDocument.Write(Token with { TokenHost = "old.example:8443" }, null);

        TokenDocument.Read(first).TokenHost.Should().Be("old.example:8443");
        TokenDocument.Read(TokenDocument.Write(new TokenSet { RefreshToken = new("of a file") }, first, isNewGrant)).TokenHost.Should().Be("old.example:8443");
        var replaced = TokenDocument.Write(Token with { TokenHost = "new.example" }, first, isNewGrant);
        TokenDocument.Read(replaced).TokenHost.Should().Be("new.example");
        replaced.Should().NotContain("old.example");
    }

    [Fact]
    public void A_document_is_the_token_response_with_expires_at_in_unix_seconds()
    {
        var document = JsonNode.Parse(TokenDocument.Write(Token, null))!.AsObject();

        document.Select(member => member.Key).Should().Equal(
            "access_token", "refresh_token", "token_type", "scope", "expires_in", "issued_at", "expires_at", "refresh_token_expires_at");
        document["scope"]!.GetValue<string>().Should().Be("https://mail.google.com/ openid");
        document["expires_in"]!.GetValue<int>().Should().Be(3599);
        document["expires_at"]!.GetValue<decimal>().Should().Be(Token.ExpiresAt!.Value.ToUnixTimeMilliseconds() / 1000m + 0.000456m);
    }

    [Fact]
    public void Unknown_members_are_kept_and_other_names_of_a_known_member_are_updated()
    {
        const string Previous = """
            {"token": "old", "refresh_token": "old", "scopes": ["old"], "expiry": "2020-01-01T00:00:00Z", "expiry_date": 1577836800000,
             "IssuedUtc": "2020-01-01T00:00:00Z", "refresh_token_expires_in": 5, "expires_at": 1577836800.5, "note": {"by": ["hand", null, 1.50]}}
            """;

        var document = JsonNode.Parse(TokenDocument.Write(Token, Previous))!.AsObject();

        document["note"]!.ToJsonString().Should().Be("""{"by":["hand",null,1.50]}""");
        document["token"]!.GetValue<string>().Should().Be("ya29.access");
        document["refresh_token"]!.GetValue<string>().Should().Be("1//refresh");
        document["scopes"]!.ToJsonString().Should().Be("""["https://mail.google.com/","openid"]""");
        document["expiry"]!.GetValue<string>().Should().Be("2026-01-31T12:59:59.123456Z");
        document["expiry_date"]!.GetValue<long>().Should().Be(Token.ExpiresAt!.Value.ToUnixTimeMilliseconds());
        document["IssuedUtc"]!.GetValue<string>().Should().Be("2026-01-31T12:00:00.123456Z");
        document.ContainsKey("refresh_token_expires_in").Should().BeFalse("it is relative to an old reply");
        TokenDocument.Read(document.ToJsonString()).Should().BeEquivalentTo(Token);
    }

    [Fact]
    public void Writing_a_token_without_a_refresh_token_keeps_the_stored_one()
    {
        var written = TokenDocument.Write(Token with { RefreshToken = null }, """{"refresh_token": "1//kept"}""");

        TokenDocument.Read(written).RefreshToken!.Reveal().Should().Be("1//kept");
    }

    [Fact]
    public void A_document_without_a_refresh_token_is_readable()
    {
        TokenDocument.Read("""{"access_token": "a", "expires_in": 3600, "expires_at": 1769860800}""").RefreshToken.Should().BeNull();
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("""{"expires_at": "soon"}""")]
    public void A_damaged_document_is_rejected_and_never_overwritten(string document)
    {
        var read = () => TokenDocument.Read(document);
        read.Should().Throw<InvalidDocumentException>().WithMessage("token_data*");
        if (document.StartsWith('{'))
            return;
        var write = () => TokenDocument.Write(Token, document);
        write.Should().Throw<InvalidDocumentException>();
    }
}
