using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Npgsql;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Hostile;

/// <summary>Properties that hold for every input. A failure names its seed. To reproduce it, set CsCheck_Seed in the environment.</summary>
public sealed class PropertyTests
{
    // Printable ASCII, characters of two, three and four bytes, and characters with a meaning in one of the formats.
    private static readonly Gen<string> AnyText = Gen.OneOf(
            Gen.Char[' ', '~'].Select(c => c.ToString()),
            Gen.OneOf("\n", "\r", "\t", "\0", "\"", "\\", "'", "%", "é", "東", "🔑", "\u202E", "\u200B"))
        .Array[0, 30].Select(string.Concat);

    private static readonly Gen<string> VisibleText = AnyText.Select(text => string.Concat(text.Where(c => !char.IsControl(c))).Trim());

    private static readonly Gen<string> Credential = Gen.Char['!', '~'].Array[1, 60].Select(c => new string(c));

    // 2000 to 2199-12-01: the readers refuse a time in 2200 or later.
    private static readonly Gen<DateTimeOffset> Moment =
        Gen.Long[946_684_800_000_000, 7_255_440_000_000_000].Select(µs => DateTimeOffset.UnixEpoch.AddMicroseconds(µs));

    [Fact]
    public void A_written_duration_is_read_back() =>
        Gen.Int[0, 3650 * 86400].Sample(seconds =>
            DurationText.TryParse(DurationText.Format(TimeSpan.FromSeconds(seconds)), out var read) && read.TotalSeconds == seconds);

    [Fact]
    public void A_stored_token_is_read_back_unchanged() =>
        Gen.Select(Credential, Credential, Moment, Gen.Int[1, 1_000_000], AnyText, AnyText).Sample((refresh, access, issued, life, name, note) =>
        {
            var token = new TokenSet
            {
                RefreshToken = new(refresh),
                AccessToken = new(access),
                Scopes = ["openid"],
                IssuedAt = issued,
                ExpiresAt = issued.AddSeconds(life),
            };
            var kept = new JsonObject { ["x" + name] = note }.ToJsonString();

            var document = TokenDocument.Write(token, kept);

            TokenDocument.Read(document).Should().BeEquivalentTo(token);
            ((string)JsonNode.Parse(document)!["x" + name]!).Should().Be(note);
        });

    [Fact]
    public void A_URI_with_percent_encoded_parts_means_exactly_these_parts() =>
        Gen.Select(VisibleText.Where(user => user.Length > 0), VisibleText, VisibleText).Sample((user, password, database) =>
        {
            var uri = $"postgresql://{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}@db.example:5433/{Uri.EscapeDataString(database)}?sslmode=verify-full";

            var read = new NpgsqlConnectionStringBuilder(ConnectionStrings.Parse("DATABASE_URL", uri).UnpooledConnectionString());

            (read.Host, read.Port, read.SslMode).Should().Be(("db.example", 5433, SslMode.VerifyFull));
            (read.Username, read.Password ?? "", read.Database ?? "").Should().Be((user, password, database));
        });

    [Fact]
    public void No_value_of_a_parameter_leads_to_another_host_or_out_of_its_place() =>
        Gen.OneOf(AnyText, Gen.OneOf("..", "evil.example/", "a@evil.example", "a:1@evil.example", "evil.example#", "a?b", "%2f", "a\\b").Select(text => text)).Sample(value =>
        {
            var json = new JsonObject
            {
                ["parameterDeclarations"] = new JsonObject { ["tenant"] = new JsonObject { ["description"] = "x" } },
                ["parameters"] = new JsonObject { ["tenant"] = value },
                ["tokenEndpoint"] = "https://{tenant}.idp.example/oauth/{tenant}/token",
            };
            var provider = ProviderResolver.Resolve([new SourceDocument("test", DocumentSource.Folder, "test.yaml", json)])["test"].ReadProvider();

            if (provider is null)
                return;
            provider.TokenEndpoint.Host.Should().EndWith(".idp.example");
            (provider.TokenEndpoint.Scheme, provider.TokenEndpoint.UserInfo, provider.TokenEndpoint.Query, provider.TokenEndpoint.Fragment).Should().Be(("https", "", "", ""));
            provider.TokenEndpoint.Segments.Should().HaveCount(4).And.EndWith("token");
        });

    [Fact]
    public void No_part_of_a_secret_is_shown_in_any_answer_of_a_server() =>
        Gen.Select(Credential.Where(c => c.Length >= 6), AnyText, AnyText, Gen.Int[0, 52], Gen.Int[0, Disguises.Length - 1]).Sample((secret, before, after, from, disguise) =>
        {
            var piece = secret[Math.Min(from, secret.Length - 6)..];

            var shown = Redactor.Of(before + Disguises[disguise](piece) + after, new SecretValue(secret));

            for (var i = 0; i + 6 <= secret.Length; i++)
                shown.Should().NotContain(secret.Substring(i, 6));
            Fuzz.RequireShowable(shown, Redactor.MaxLength);
        });

    /// <summary>What a server can do to a secret that a reader can undo.</summary>
    private static readonly Func<string, string>[] Disguises =
    [
        piece => piece,
        Uri.EscapeDataString,
        piece => Uri.EscapeDataString(Uri.EscapeDataString(piece)),
        piece => string.Join('\u200b', piece.ToCharArray()),
        piece => string.Join(' ', piece.ToCharArray()),
        piece => string.Concat(piece.Select(c => $"&#{(int)c};")),
        piece => string.Concat(piece.Select(c => $"\\u{(int)c:x4}")),
        piece => string.Concat(piece.Select(c => c is >= '!' and <= '~' ? (char)(c + 0xFEE0) : c)),
        piece => piece.ToUpperInvariant(),
    ];

    [Theory]
    [InlineData("1//0gMARKEDtoken")]
    [InlineData("1%2F%2F0gMARKEDtoken")]
    [InlineData("1%252F%252F0gMARKEDtoken")]
    [InlineData("nekotDEKRAMg0//1")]
    [InlineData("M A R K E D t o k e n")]
    [InlineData("M-A-R-K-E-D-t-o-k-e-n")]
    [InlineData("M\u200bA\u200bR\u200bK\u200bE\u200bD")]
    [InlineData("M\u00adA\u00adR\u00adK\u00adE\u00adD")]
    [InlineData("&#x4D;&#x41;&#x52;&#x4B;&#x45;&#x44;")]
    [InlineData("&amp;#77;&amp;#65;&amp;#82;&amp;#75;&amp;#69;&amp;#68;")]
    [InlineData("\uff2d\uff21\uff32\uff2b\uff25\uff24")]
    [InlineData("\U0001d40c\U0001d400\U0001d411\U0001d40a\U0001d404\U0001d403")]
    [InlineData("\\u004dARKED\\u0074")]
    [InlineData("MS8vMGdNQVJLRUR0b2tlbg==")]
    [InlineData("x MS8vMGdNQVJLRUR0b2tlbg")]
    [InlineData("MS8vMGdN QVJLRUR0 b2tlbg")]
    [InlineData("312f2f30674d41524b4544746f6b656e")]
    [InlineData("31:2F:2F:30:67:4D:41:52:4B:45:44:74:6F:6B:65:6E")]
    public void A_secret_in_disguise_is_recognized(string text)
    {
        var secret = new SecretValue("1//0gMARKEDtoken");
        Redactor.Holds($"The token {text} is dead.", secret).Should().BeTrue();
        Redactor.Of($"The token {text} is dead.", secret).Should().Be(Redactor.Hidden);
        // At every place within a group of base64.
        foreach (var before in new[] { "", "a", "ab" })
            Redactor.Holds(Convert.ToBase64String(Encoding.UTF8.GetBytes($"{before}{secret.Reveal()[4..]} and more")), secret).Should().BeTrue();
    }

    [Theory]
    [InlineData("https://login.salesforce.com/id/00D5g00000ExAMPEA4/0055g00000SamplAAB", "00D5g00000ExAMP!AQEAQH1x.fXkz3vZb_sample8c5TgPq0mWn7LrYd2KjUoVtEiGh4SaCxBwNzMfQe6RpOyIu9", false)]
    [InlineData("https://00d5g00000examp.example/", "00D5g00000ExAMP!AQEAQH1x.fXkz3vZb_sample8c5TgPq0mWn7LrYd2KjUoVtEiGh4SaCxBwNzMfQe6RpOyIu9", false)]
    [InlineData("6f1c2a6e-0000-4000-8000-0123456789ab", "ntn.6f1c2a6e-0000-4000-8000-0123456789ab.fXkz3vZbsample8c5TgPq0mWn7LrYd2KjUoVtEiGh4SaCxBwNzMfQe6RpOyIu9AQEAQH1xVbNm2Lk8Jh5Gf3Ds1Qw7Er9Ty0Ui1Op3As5Df7Gh9Jk2", false)]
    [InlineData("Q6RpOyIu9", "GOCSPX-Q6RpOyIu9AQEAQH1xfXkz3vZb", true)]
    [InlineData("UTZScE95SXU5QVFF", "GOCSPX-Q6RpOyIu9AQEAQH1xfXkz3vZb", true)]
    [InlineData("9uIyOpR6Q", "GOCSPX-Q6RpOyIu9AQEAQH1xfXkz3vZb", true)]
    [InlineData("MARKED", "MARKED", true)]
    [InlineData("xMARKEDx", "aMARKEDb", true)]
    public void A_value_may_contain_an_identifier_that_is_part_of_a_secret_but_not_a_quarter_of_it(string value, string secret, bool repeats) =>
        Redactor.Repeats(value, new SecretValue(secret)).Should().Be(repeats);

    [Theory]
    [InlineData("Token has been expired or revoked.")]
    [InlineData("Bad Request")]
    [InlineData("AADSTS700082: The refresh token has expired due to inactivity. Trace ID: 8f1c2a6e-0000-4000-8000-000000000000")]
    [InlineData("the response has no access_token of printable ASCII characters")]
    public void An_ordinary_text_is_shown(string text) =>
        Redactor.Of(text, new SecretValue("1//0gAbCdEfGhIjKlMnOpQrStUv-wXyZ0123456789"), new SecretValue("GOCSPX-aBcDeFgHiJkLmNoPqRsT"), null).Should().Be(text);

    [Fact]
    public void A_word_quoted_for_the_shell_is_read_as_one_unchanged_word() =>
        AnyText.Where(text => !text.Contains('\0', StringComparison.Ordinal)).Array[1, 50].Sample(
            texts =>
            {
                var words = string.Join(' ', texts.Select(DisplayText.ShellWord));

                using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", $"printf '%s\\0' {words}"]) { RedirectStandardOutput = true })!;
                var taken = shell.StandardOutput.ReadToEnd();
                shell.WaitForExit();

                taken.Should().Be(string.Concat(texts.Select(text => text + '\0')));
            },
            iter: 20);
}
