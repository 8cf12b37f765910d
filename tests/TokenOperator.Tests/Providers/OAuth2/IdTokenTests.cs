using System.Buffers.Text;
using System.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Tests.Providers.OAuth2;

public sealed class IdTokenTests
{
    private const string Issuer = "https://login.example";
    private static readonly ProviderDocument Provider = TestDocuments.Google with { Identity = new IdentityRules { Issuers = [Issuer] } };
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_777_636_800);

    [Theory]
    [InlineData("""{"aud": "c", "sub": "1", "email": "a@b.example", "email_verified": true}""", "1", "a@b.example")]
    [InlineData("""{"aud": "c", "sub": "1", "email": "a@b.example", "email_verified": "true"}""", "1", "a@b.example")]
    [InlineData("""{"aud": "c", "sub": "1", "email": "a@b.example", "email_verified": false}""", "1", null)]
    [InlineData("""{"aud": "c", "sub": "1", "email": "a@b.example"}""", "1", null)]
    [InlineData("""{"aud": ["c"], "sub": "1"}""", "1", null)]
    [InlineData("""{"aud": ["c", "other"], "azp": "c", "sub": "1"}""", "1", null)]
    public void It_names_the_person_who_consented_and_an_address_only_if_it_is_verified(string claims, string subject, string? email) =>
        Read(Valid(claims), out _).Should().Be(new Identity(subject, email));

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
    [InlineData("""{"aud": "c", "sub": "1\u202e2"}""")]
    [InlineData("""{"aud": "c", "sub": "\ud800"}""")]
    [InlineData("""[1]""")]
    [InlineData("""{""")]
    public void An_id_token_for_another_client_or_an_unreadable_one_names_nobody(string claims)
    {
        Read(Valid(claims), out var error).Should().BeNull();
        error.Should().MatchRegex("for another client|cannot be read");
    }

    [Theory]
    [InlineData("""{"iss": "https://evil.example", "exp": 1777640400, "aud": "c", "sub": "1"}""", "*from https://evil.example, expected https://login.example*")]
    [InlineData("""{"iss": "https://login.example/", "exp": 1777640400, "aud": "c", "sub": "1"}""", "*from https://login.example/, expected https://login.example.*")]
    [InlineData("""{"exp": 1777640400, "aud": "c", "sub": "1"}""", "*(iss)")]
    [InlineData("""{"iss": "https://login.example", "aud": "c", "sub": "1"}""", "*(exp)")]
    [InlineData("""{"iss": "https://login.example", "exp": "1777640400", "aud": "c", "sub": "1"}""", "*(exp)")]
    [InlineData("""{"iss": "https://login.example", "exp": 1777636500, "aud": "c", "sub": "1"}""", "*has expired by the clock of this machine, which says 2026-05-01T12:00:00Z*")]
    public void An_id_token_from_another_issuer_or_an_expired_one_names_nobody(string claims, string expected)
    {
        Read(Jwt(claims), out var error).Should().BeNull();
        error.Should().Match(expected);
    }

    [Fact]
    public void A_claim_that_repeats_part_of_a_secret_is_neither_used_nor_shown()
    {
        var secret = new SecretValue("GOCSPX-marked-secret");
        IdToken.Read(Jwt("""{"iss": "https://evil.example/GOCSPX-marked", "exp": 1777640400, "aud": "c", "sub": "1"}"""), "c", Provider, Now, [secret], out var error).Should().BeNull();
        error.Should().Contain("expected").And.NotContain("marked");
        IdToken.Read(Jwt($$"""{"iss": "{{Issuer}}", "exp": 1777640400, "aud": "c", "sub": "terces-dekram"}"""), "c", Provider, Now, [secret], out _).Should().BeNull();
        IdToken.Read(Jwt($$"""{"iss": "{{Issuer}}", "exp": 1777640400, "aud": "c", "sub": "1", "email": "marked-secret@example.com", "email_verified": true}"""), "c", Provider, Now, [secret], out _)!
            .Email.Should().BeNull();
    }

    [Fact]
    public void Clocks_may_differ_by_five_minutes_and_without_known_issuers_any_is_accepted()
    {
        Read(Jwt("""{"iss": "https://login.example", "exp": 1777636501, "aud": "c", "sub": "1"}"""), out _).Should().NotBeNull();
        IdToken.Read(Jwt("""{"iss": "https://evil.example", "exp": 1777640400, "aud": "c", "sub": "1"}"""), "c", TestDocuments.Google with { Identity = new IdentityRules() }, Now, [], out _).Should().NotBeNull();
    }

    [Theory]
    [InlineData("https://accounts.google.com", true)]
    [InlineData("accounts.google.com", true)]
    [InlineData("http://accounts.google.com", false)]
    public void Google_has_two_issuers(string issuer, bool good) =>
        (IdToken.Read(Jwt($$"""{"iss": "{{issuer}}", "exp": 1777640400, "aud": "c", "sub": "1"}"""), "c", TestDocuments.Google, Now, [], out _) is not null).Should().Be(good);

    [Theory]
    [InlineData("a")]
    [InlineData("a.b")]
    [InlineData("a.!!!.c")]
    [InlineData("..")]
    [InlineData("a.b.c.d.e")]
    public void Text_that_is_not_a_token_names_nobody(string text) => Read(new SecretValue(text), out _).Should().BeNull();

    [Fact]
    public void A_missing_id_token_names_nobody()
    {
        Read(null, out var error).Should().BeNull();
        error.Should().Contain("scopes.consent of the catalogue entry google");
    }

    private static Identity? Read(SecretValue? idToken, out string? error) => IdToken.Read(idToken, "c", Provider, Now, [], out error);

    /// <summary>With a valid issuer and expiry.</summary>
    private static SecretValue Valid(string claims) => Jwt(claims.StartsWith("{\"", StringComparison.Ordinal) ? $$"""{"iss": "{{Issuer}}", "exp": 1777640400, {{claims[1..]}}""" : claims);

    private static SecretValue Jwt(string claims) => new($"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.c2ln");
}
