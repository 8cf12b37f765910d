using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Postgres.Encryption;

public sealed class TokenCipherTests : IDisposable
{
    private const string Document = """{"refresh_token":"marked-4711","note":"ä"}""";
    private static readonly AccountKey Marcus = new("google", "marcus");
    private readonly TestKeyring _keys = new();

    public TokenCipherTests() => _keys.Add("2026-01-01");

    public void Dispose() => _keys.Dispose();

    [Fact]
    public void A_document_is_decrypted_again_and_its_stored_text_is_unreadable_and_different_each_time()
    {
        var cipher = Cipher();
        var (one, two) = (cipher.Seal(Marcus, Document), cipher.Seal(Marcus, Document));
        cipher.Open(Marcus, one).Should().Be(Document);
        cipher.Open(Marcus, two).Should().Be(Document);
        one.Should().NotContain("marked").And.NotBe(two);
        var json = JsonNode.Parse(one)!.AsObject();
        json.Select(member => member.Key).Should().Equal("enc", "kid", "iv", "ciphertext", "tag", "generation", "seal");
        ((string)json["enc"]!, (string)json["kid"]!).Should().Be(("A256GCM", "2026-01-01"));
    }

    [Theory]
    [InlineData("google", "other")]
    [InlineData("other", "marcus")]
    [InlineData("googlem", "arcus")]
    [InlineData("google", "Marcus")]
    public void A_document_of_one_account_cannot_be_decrypted_for_another(string provider, string account)
    {
        var cipher = Cipher();
        var other = new AccountKey(provider, account);
        Refusal(() => cipher.Open(other, cipher.Seal(Marcus, Document)))
            .Should().Contain($"The row {other} of table oauth_tokens cannot be read: token_data cannot be decrypted with the key \"2026-01-01\"").And.Contain("was not changed");
    }

    [Theory]
    [InlineData("iv")]
    [InlineData("ciphertext")]
    [InlineData("tag")]
    [InlineData("seal")]
    public void A_changed_bit_is_detected(string part)
    {
        var cipher = Cipher();
        var sealedDocument = JsonNode.Parse(cipher.Seal(Marcus, Document))!;
        var bytes = Convert.FromBase64String((string)sealedDocument[part]!);
        bytes[0] ^= 1;
        sealedDocument[part] = Convert.ToBase64String(bytes);
        Refusal(() => cipher.Open(Marcus, sealedDocument.ToJsonString())).Should().Contain("cannot be decrypted");
    }

    [Fact]
    public void The_name_of_the_key_is_authenticated_too()
    {
        File.Copy(Path.Combine(_keys.Folder, "2026-01-01"), Path.Combine(_keys.Folder, "2026-02-02"));
        var cipher = Cipher();
        var renamed = cipher.Seal(Marcus, Document).Replace("2026-02-02", "2026-01-01", StringComparison.Ordinal);
        Refusal(() => cipher.Open(Marcus, renamed)).Should().Contain("cannot be decrypted");
    }

    [Theory]
    [InlineData("""{"ciphertext": 1}""")]
    [InlineData("""{"ciphertext": "AA==", "enc": "A512GCM", "kid": "2026-01-01", "iv": "AAAAAAAAAAAAAAAA", "tag": "AAAAAAAAAAAAAAAAAAAAAA=="}""")]
    [InlineData("""{"ciphertext": "AA==", "enc": "A256GCM", "kid": "no name!", "iv": "AAAAAAAAAAAAAAAA", "tag": "AAAAAAAAAAAAAAAAAAAAAA=="}""")]
    [InlineData("""{"ciphertext": "AA==", "enc": "A256GCM", "kid": "2026-01-01", "iv": "AAAA", "tag": "AAAAAAAAAAAAAAAAAAAAAA=="}""")]
    [InlineData("""{"ciphertext": "AA==", "enc": "A256GCM", "kid": "2026-01-01", "iv": "AAAAAAAAAAAAAAAA", "tag": "AAAA"}""")]
    [InlineData("""{"ciphertext": "?", "enc": "A256GCM", "kid": "2026-01-01", "iv": "AAAAAAAAAAAAAAAA", "tag": "AAAAAAAAAAAAAAAAAAAAAA=="}""")]
    [InlineData("""{"ciphertext": "AA==", "enc": "A256GCM", "kid": "2026-01-01", "iv": "AAAAAAAAAAAAAAAA", "tag": "AAAAAAAAAAAAAAAAAAAAAA==", "generation": 1}""")]
    [InlineData("""{"ciphertext": "AA==", "enc": "A256GCM", "kid": "2026-01-01", "iv": "AAAAAAAAAAAAAAAA", "tag": "AAAAAAAAAAAAAAAAAAAAAA==", "generation": 1e99, "seal": "AA=="}""")]
    [InlineData("""{"ciphertext": "AA==", "enc": "A256GCM", "kid": "2026-01-01", "iv": "AAAAAAAAAAAAAAAA", "tag": "AAAAAAAAAAAAAAAAAAAAAA==", "seal": "AA=="}""")]
    public void An_envelope_of_an_unknown_form_is_reported_and_not_read_as_plain_text(string stored)
    {
        Refusal(() => Cipher().Open(Marcus, stored)).Should().Contain("form that this version does not support").And.NotContain("no name!");
    }

    [Theory]
    [InlineData(Document)]
    [InlineData("[]")]
    [InlineData("not JSON")]
    [InlineData("""{"ciphertext\ud800": 1}""")]
    public void Any_other_text_that_an_application_stored_is_returned_unchanged(string stored)
    {
        Cipher().Open(Marcus, stored).Should().Be(stored);
    }

    [Fact]
    public void A_missing_key_is_named_together_with_the_existing_keys()
    {
        var stored = Cipher().Seal(Marcus, Document);
        _keys.Remove("2026-01-01");
        _keys.Add("2026-03-03");
        Refusal(() => Cipher().Open(Marcus, stored)).Should().Contain("\"2026-01-01\"").And.Contain("2026-03-03").And.Contain("Put that key back");
        Refusal(() => TokenCipher.None.Open(Marcus, stored)).Should().Contain("\"2026-01-01\"").And.Contain("Encryption__KeyringPath");
    }

    [Fact]
    public void With_Encryption_None_plain_text_is_written_and_encrypted_documents_are_still_read()
    {
        var keyring = new Keyring(_keys.Folder, TimeProvider.System, NullLogger.Instance);
        var cipher = new TokenCipher(keyring, writesPlainText: true);
        cipher.Seal(Marcus, Document).Should().Be(Document);
        cipher.Open(Marcus, Cipher().Seal(Marcus, Document)).Should().Be(Document);
    }

    [Fact]
    public async Task The_cipher_is_thread_safe()
    {
        var cipher = Cipher();
        var opened = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() =>
            cipher.Open(Marcus, cipher.Seal(Marcus, Document + i)))));
        opened.Should().Equal(Enumerable.Range(0, 200).Select(i => Document + i));
    }

    private TokenCipher Cipher() => new(new Keyring(_keys.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false);

    private static string Refusal(Func<string> open) => open.Should().Throw<UnreadableRowException>().Which.ToString();
}
