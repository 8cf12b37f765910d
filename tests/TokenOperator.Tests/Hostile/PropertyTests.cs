using System.Diagnostics;
using System.Text.Json.Nodes;
using CsCheck;
using Npgsql;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

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
    public void No_part_of_a_secret_is_shown_in_any_answer_of_a_server() =>
        Gen.Select(Credential.Where(c => c.Length >= 8), AnyText, AnyText, Gen.Int[0, 52], Gen.Bool).Sample((secret, before, after, from, encoded) =>
        {
            var piece = secret[Math.Min(from, secret.Length - 8)..];

            var shown = Redactor.Of(before + (encoded ? Uri.EscapeDataString(secret) : piece) + after, new SecretValue(secret));

            for (var i = 0; i + 8 <= secret.Length; i++)
                shown.Should().NotContain(secret.Substring(i, 8));
            Fuzz.RequireShowable(shown, Redactor.MaxLength);
        });

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
