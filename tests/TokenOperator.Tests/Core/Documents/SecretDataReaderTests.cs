using System.Text;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Documents;

public sealed class SecretDataReaderTests
{
    [Theory]
    [InlineData("client-id", "client-secret")]
    [InlineData("client_id", "client_secret")]
    [InlineData("clientId", "clientSecret")]
    [InlineData("clientID", "clientSecret")]
    [InlineData("CLIENT_ID", "CLIENT_SECRET")]
    [InlineData("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")]
    [InlineData("oauth.client-id", "oauth.client-secret")]
    public void A_client_is_read_from_a_key_for_each_value_in_any_usual_spelling(string id, string secret)
    {
        var client = Client("credentials.json", (id, "my-id\n"), (secret, "canary\r\n"), ("other", "x"))!;

        client.ClientId.Should().Be("my-id");
        client.ClientSecret!.Reveal().Should().Be("canary");
    }

    [Fact]
    public void A_document_under_the_key_of_the_spec_takes_precedence() =>
        Client("credentials.json", ("credentials.json", """{"installed": {"client_id": "of the file", "client_secret": "canary"}}"""), ("client-id", "of the key"))!
            .ClientId.Should().Be("of the file");

    [Theory]
    [InlineData("client-secret")]
    [InlineData("client-id")]
    public void A_spec_can_name_the_key_of_a_value(string key) =>
        Client(key, ("client-id", "my-id"), ("client-secret", "canary"))!.ClientId.Should().Be("my-id");

    [Theory]
    [InlineData("client-id", "canary-id", "no key such as client-secret")]
    [InlineData("client-secret", "canary-secret", "no key such as client-id")]
    [InlineData("client-id", "", "no key such as client-secret")]
    public void Half_a_client_is_reported_with_what_is_missing(string key, string value, string expected) =>
        FluentActions.Invoking(() => Client("credentials.json", (key, value))).Should().Throw<InvalidDocumentException>().Which.Message
            .Should().Contain($"mail/client {key}").And.Contain(expected).And.NotContain("canary");

    [Theory]
    [InlineData("")]
    [InlineData(" canary")]
    [InlineData("canary ")]
    [InlineData("can\nary")]
    [InlineData("canary\u00e9")]
    public void A_value_that_is_not_one_line_is_rejected_without_being_shown(string value) =>
        FluentActions.Invoking(() => Client("credentials.json", ("client-id", "my-id"), ("client-secret", value))).Should().Throw<InvalidDocumentException>().Which.Message
            .Should().Contain("mail/client client-secret").And.NotContain("canary");

    [Fact]
    public void Two_keys_that_could_be_meant_are_both_named() =>
        FluentActions.Invoking(() => Client("credentials.json", ("client-id", "a"), ("old_client_id", "b"), ("client-secret", "canary"))).Should().Throw<InvalidDocumentException>().Which.Message
            .Should().Contain("client-id").And.Contain("old_client_id");

    [Fact]
    public void A_Secret_without_any_of_these_keys_has_neither_client_nor_seed()
    {
        Client("credentials.json", ("client.json", "{}")).Should().BeNull();
        Seed("token.json", ("password", "x")).Should().BeNull();
    }

    [Theory]
    [InlineData("token.json", "token.json")]
    [InlineData("refresh-token", "refresh-token")]
    [InlineData("token.json", "refresh_token")]
    [InlineData("token.json", "refreshToken")]
    [InlineData("token.json", "GMAIL_REFRESH_TOKEN")]
    public void A_refresh_token_alone_is_a_seed(string named, string key)
    {
        var seed = Seed(named, (key, "1//0canary-refresh-token\n"))!;

        seed.Token.RefreshToken!.Reveal().Should().Be("1//0canary-refresh-token");
        seed.ClientId.Should().BeNull();
    }

    [Theory]
    [InlineData("ya29.canary-access-token", "an access token of Google")]
    [InlineData("canary", "not valid JSON")]
    [InlineData("two words, canary and another", "not valid JSON")]
    [InlineData("\"a-canary-in-quotation-marks\"", "a string was found")]
    public void Content_that_is_no_seed_is_rejected_without_being_shown(string content, string expected) =>
        FluentActions.Invoking(() => Seed("token.json", ("token.json", content))).Should().Throw<InvalidDocumentException>().Which.Message
            .Should().Contain(expected).And.NotContain("canary");

    private static OAuthClient? Client(string key, params (string Key, string Value)[] data) => SecretDataReader.FindClient(Data(data), key, Place);

    private static Seed? Seed(string key, params (string Key, string Value)[] data) => SecretDataReader.FindSeed(Data(data), key, Place);

    private static string Place(string key) => $"mail/client {key}";

    private static Dictionary<string, byte[]> Data((string Key, string Value)[] data) => data.ToDictionary(entry => entry.Key, entry => Encoding.UTF8.GetBytes(entry.Value));
}
