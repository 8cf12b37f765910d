using System.Globalization;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Tokens;

public sealed class SecretValueTests
{
    private const string Marked = "marked-secret-4711";

    [Fact]
    public void A_secret_is_printed_neither_alone_nor_inside_a_record()
    {
        var secret = new SecretValue(Marked);
        var texts = new object[]
        {
            secret, new OAuthClient("id", secret), new TokenSet { AccessToken = secret, RefreshToken = secret },
            new AccountRecord { Key = new("p", "a"), Generation = 1, Token = new TokenSet { RefreshToken = secret } },
        };
        foreach (var text in texts)
            string.Create(CultureInfo.InvariantCulture, $"{text}").Should().NotContain(Marked);
    }

    [Fact]
    public void A_secret_is_not_serialized()
    {
        System.Text.Json.JsonSerializer.Serialize(new SecretValue(Marked)).Should().NotContain(Marked);
        System.Text.Json.JsonSerializer.Serialize(new TokenSet { RefreshToken = new SecretValue(Marked) }).Should().NotContain(Marked);
    }

    [Fact]
    public void Fingerprints_distinguish_their_parts_and_reveal_nothing_about_them()
    {
        Fingerprint.Of("a", "bc").Should().NotBe(Fingerprint.Of("ab", "c"));
        Fingerprint.Of(null, "a").Should().NotBe(Fingerprint.Of("", "a"));
        Fingerprint.Of("a").Should().Be(Fingerprint.Of("a")).And.HaveLength(32);
    }
}
