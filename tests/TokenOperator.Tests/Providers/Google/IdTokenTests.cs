using System.Buffers.Text;
using System.Text;
using TokenOperator.Providers.Google;
using TokenOperator.Tokens;

namespace TokenOperator.Tests.Providers.Google;

public sealed class IdTokenTests
{
    [Theory]
    [InlineData("""{"aud": "c", "sub": "1", "email": "a@b.example", "email_verified": true}""", "1", "a@b.example")]
    [InlineData("""{"aud": "c", "sub": "1", "email": "a@b.example", "email_verified": "true"}""", "1", "a@b.example")]
    [InlineData("""{"aud": "c", "sub": "1", "email": "a@b.example", "email_verified": false}""", "1", null)]
    [InlineData("""{"aud": "c", "sub": "1", "email": "a@b.example"}""", "1", null)]
    [InlineData("""{"aud": ["c"], "sub": "1"}""", "1", null)]
    [InlineData("""{"aud": ["c", "other"], "azp": "c", "sub": "1"}""", "1", null)]
    public void It_says_who_consented_and_an_address_only_when_it_is_verified(string claims, string subject, string? email) =>
        IdToken.Read(Jwt(claims), "c").Should().Be(new Identity(subject, email));

    [Theory]
    [InlineData("""{"aud": "other", "sub": "1"}""")]
    [InlineData("""{"aud": ["c", "other"], "sub": "1"}""")]
    [InlineData("""{"aud": ["c", "other"], "azp": "other", "sub": "1"}""")]
    [InlineData("""{"aud": [1], "sub": "1"}""")]
    [InlineData("""{"aud": [], "sub": "1"}""")]
    [InlineData("""{"sub": "1"}""")]
    [InlineData("""{"aud": "c"}""")]
    [InlineData("""{"aud": "c", "sub": ""}""")]
    [InlineData("""{"aud": "c", "sub": 1}""")]
    [InlineData("""{"aud": "c", "sub": "1\n2"}""")]
    [InlineData("""{"aud": "c", "sub": "\ud800"}""")]
    [InlineData("""[1]""")]
    [InlineData("""{""")]
    public void One_that_is_for_another_client_or_cannot_be_read_names_nobody(string claims) => IdToken.Read(Jwt(claims), "c").Should().BeNull();

    [Theory]
    [InlineData("a")]
    [InlineData("a.b")]
    [InlineData("a.!!!.c")]
    [InlineData("..")]
    [InlineData("a.b.c.d.e")]
    public void Neither_does_a_text_that_is_no_token(string text) => IdToken.Read(new SecretValue(text), "c").Should().BeNull();

    [Fact]
    public void Neither_does_none() => IdToken.Read(null, "c").Should().BeNull();

    private static SecretValue Jwt(string claims) => new($"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.c2ln");
}
