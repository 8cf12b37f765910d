using System.Text;
using TokenOperator.Core.Documents;

namespace TokenOperator.Tests.Core.Documents;

public sealed class SeedFileReaderTests
{
    private const string Source = "file token.json";

    private static readonly DateTimeOffset Expiry = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("refresh_token", SeedFileReader.MaxRefreshTokenLength)]
    [InlineData("access_token", SeedFileReader.MaxAccessTokenLength)]
    public void A_token_longer_than_any_provider_sends_is_rejected_without_being_shown(string field, int max)
    {
        var other = field == "refresh_token" ? "access_token" : "refresh_token";
        string File(int length) => $$"""{"{{other}}": "r", "{{field}}": "{{new string('x', length)}}"}""";
        SeedFileReader.Read(File(max), Source).Token.Should().NotBeNull();
        var read = () => SeedFileReader.Read(File(max + 1), Source);
        read.Should().Throw<InvalidDocumentException>().WithMessage($"file token.json: field {field}: expected at most {max} characters.");
    }

    [Theory]
    [InlineData("""{"access_token": "access-token-1", "never_expires": true}""")]
    [InlineData("""{"token": "access-token-1", "never_expires": true, "token_type": "Bearer"}""")]
    public void A_file_does_not_decide_that_its_access_token_never_expires(string content)
    {
        var read = () => SeedFileReader.Read(Encoding.UTF8.GetBytes(content), Source);
        read.Should().Throw<InvalidDocumentException>().WithMessage("*refresh_token*only an access token was found*");
        var both = content.Replace("{", """{"refresh_token": "refresh", """, StringComparison.Ordinal);
        SeedFileReader.Read(both, Source).Token.NeverExpires.Should().BeFalse();
        SeedFileReader.Read(Encoding.UTF8.GetBytes(content), Source, takesAccessToken: true).Token.NeverExpires.Should().BeTrue();
    }

    public static TheoryData<string, string, bool> Formats => new()
    {
        {
            "google-auth",
            """
            {"token": "access", "refresh_token": "refresh", "token_uri": "https://evil.example/token", "client_id": "id", "client_secret": "secret",
             "scopes": ["a", "b"], "universe_domain": "googleapis.com", "account": "", "expiry": "2026-01-31T12:00:00Z"}
            """,
            true
        },
        {
            "google-auth, naive expiry and scopes in one string",
            """{"token": "access", "refresh_token": "refresh", "scopes": "a b", "expiry": "2026-01-31T12:00:00.000000"}""",
            true
        },
        {
            "gmail-sdk",
            """{"access_token": "access", "expires_in": 3599, "refresh_token": "refresh", "scope": "a b", "token_type": "Bearer", "expires_at": 1769860800.0}""",
            true
        },
        {
            "Node googleapis",
            """{"access_token": "access", "refresh_token": "refresh", "scope": "a b", "token_type": "Bearer", "expiry_date": 1769860800000}""",
            true
        },
        {
            "a response with scopes between commas, and times in milliseconds as text",
            """{"access_token": "access", "refresh_token": "refresh", "scope": "a,b", "token_type": "Bearer", "issued_at": "1769857200000", "expires_in": 3600}""",
            true
        },
        {
            "an application that writes each time in the other unit",
            """{"access_token": "access", "refresh_token": "refresh", "scope": "a b", "expiry_date": 1769860800, "issued_at": 1769857200000}""",
            true
        },
        {
            "rclone",
            """{"access_token":"access","token_type":"Bearer","refresh_token":"refresh","expiry":"2026-01-31T13:00:00.000000000+01:00"}""",
            false
        },
        {
            ".NET FileDataStore",
            """
            {"access_token":"access","token_type":"Bearer","expires_in":3600,"refresh_token":"refresh","scope":"a b",
             "Issued":"2026-01-31T12:00:00.000+01:00","IssuedUtc":"2026-01-31T11:00:00.000Z"}
            """,
            true
        },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Every_known_format_gives_the_same_token(string format, string content, bool namesScopes)
    {
        var token = SeedFileReader.Read(content, Source).Token;

        token.RefreshToken!.Reveal().Should().Be("refresh", format);
        token.AccessToken!.Reveal().Should().Be("access");
        token.TokenType.Should().Be("Bearer");
        token.ExpiresAt.Should().Be(Expiry);
        token.Scopes.Should().Equal(namesScopes ? ["a", "b"] : []);
    }

    [Fact]
    public void Application_default_credentials_have_a_refresh_token_and_its_client()
    {
        var seed = SeedFileReader.Read(
            """{"account": "", "client_id": "id", "client_secret": "secret", "quota_project_id": "p", "refresh_token": "refresh", "type": "authorized_user"}""", Source);

        seed.Token.Should().BeEquivalentTo(new { AccessToken = (object?)null, ExpiresAt = (DateTimeOffset?)null });
        seed.Token.RefreshToken!.Reveal().Should().Be("refresh");
        seed.ClientId.Should().Be("id");
    }

    [Fact]
    public void A_file_that_names_its_client_without_a_secret_has_its_identifier()
    {
        SeedFileReader.Read("""{"refresh_token": "r", "client_id": "id"}""", Source).Should().BeEquivalentTo(new { ClientId = "id" });
    }

    [Fact]
    public void The_zero_time_of_Go_counts_as_an_unknown_expiry()
    {
        SeedFileReader.Read("""{"access_token": "a", "refresh_token": "r", "expiry": "0001-01-01T00:00:00Z"}""", Source).Token.ExpiresAt.Should().BeNull();
    }

    [Theory]
    [InlineData("""{"access_token": "marked-secret"}""", "*field refresh_token: expected a refresh token, but only an access token was found*docs/authorize.md*")]
    [InlineData("""{"access_token": "marked-secret", "expires_at": 1769860800}""", "*only an access token that expires was found*")]
    [InlineData("{}", "*refresh_token*missing or empty, and so is access_token*")]
    [InlineData("""{"access_token": "marked-secret", "refresh_token": ""}""", "*refresh_token*only an access token*")]
    [InlineData("""{"access_token": "marked-secret", "refresh_token": null}""", "*refresh_token*only an access token*")]
    [InlineData("""{"refresh_token": 5}""", "*field refresh_token: expected a string.")]
    [InlineData("""{"refresh_token": "marked-secret\r\n"}""", "*field refresh_token*line break*")]
    [InlineData("""{"refresh_token": "\ud800"}""", "*line 1, column 19: this escape is not text.")]
    [InlineData("""{"installed": {"client_id": "id", "client_secret": "marked-secret"}}""", "*an OAuth client file (credentials.json) was found*token.json*")]
    [InlineData("""{"type": "service_account", "private_key": "marked-secret"}""", "*a service account key was found*")]
    [InlineData("""{"refresh_token": "marked-secret"} x""", "*line 1, column 36: this is not valid JSON.")]
    [InlineData("""{"refresh_token": "marked-secret", "refresh_token": "2"}""", "*line 1, column 36: this field occurs twice.")]
    [InlineData("""{"refresh_token": "marked-""", "*cut off*")]
    [InlineData("""{"refresh_token": "marked-secret",""", "*line 1, column 35*cut off*whole file*")]
    [InlineData("""{"refresh_token": "marked-secret", "expires_in": 35""", "*cut off*")]
    [InlineData("""["marked-secret"]""", "*a list was found, a JSON object was expected.")]
    [InlineData("marked-secret", "*a line of 13 characters was found*refresh token alone was expected: 16 to 8192*")]
    [InlineData("""{"refresh_token": "r", "access_token": "a", "expires_at": "soon"}""", "*field expires_at: expected a number.")]
    [InlineData("""{"refresh_token": "r", "access_token": "a", "expires_at": 1e300}""", "*field expires_at: expected a number.")]
    [InlineData("""{"refresh_token": "r", "access_token": "a", "expires_at": -5}""", "*field expires_at: expected unix time in seconds or milliseconds.")]
    [InlineData("""{"refresh_token": "r", "access_token": "a", "expires_at": 1769860800000000}""", "*field expires_at: expected unix time in seconds or milliseconds.")]
    [InlineData("""{"refresh_token": "r", "access_token": "a", "expiry": "31.1.2026"}""", "*field expiry: expected a time*")]
    [InlineData("""{"refresh_token": "r", "access_token": "a", "expiry": "2026-99-31T12:00:00Z"}""", "*field expiry: expected a time*")]
    [InlineData("""{"refresh_token": "r", "access_token": "a", "expiry": true}""", "*field expiry: expected a string.")]
    [InlineData("""{"refresh_token": "r", "access_token": "a", "IssuedUtc": "banana", "expires_in": 3600}""", "*field IssuedUtc: expected a time*")]
    [InlineData("""{"refresh_token": "r", "scopes": [1]}""", "*field scopes: expected a list of strings*")]
    public void A_damaged_seed_is_rejected_with_its_position_and_without_its_content(string content, string message)
    {
        var read = () => SeedFileReader.Read(content, Source);

        read.Should().Throw<InvalidDocumentException>().WithMessage(message).WithMessage("file token.json: *")
            .Which.ToString().Should().NotContain("marked-");
    }

    [Fact]
    public void Each_format_is_rejected_when_it_is_cut_off_anywhere()
    {
        foreach (var format in Formats.Select(row => ((string)row[1]).Trim()))
        {
            for (var length = 0; length < format.Length; length++)
            {
                var read = () => SeedFileReader.Read(format[..length], Source);
                read.Should().Throw<InvalidDocumentException>();
            }
        }
    }

    public static TheoryData<byte[], string> ForeignBytes => new()
    {
        { [0x80, 4, 0x95, 0x10, 0, 0], "*a Python pickle*to_json()*" },
        { [.. "{\"refresh_token\":\n\""u8, 0xC3, 0x28, .. "\"}"u8], "*line 2, column 2: the bytes are not UTF-8*" },
        { [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("""{"refresh_token": "r"}""")], "*UTF-16*" },
        { Encoding.UTF8.GetBytes("""{"refresh_token": "r", "x": """ + "\"" + new string('x', 65536) + "\"}"), "*more than 65536 bytes found*" },
        { Encoding.UTF8.GetBytes("{\"refresh_token\":" + new string('[', 5000)), "*nested more deeply*" },
    };

    [Theory]
    [MemberData(nameof(ForeignBytes))]
    public void Other_encodings_and_formats_are_rejected_by_name(byte[] content, string message)
    {
        var read = () => SeedFileReader.Read(content, Source);

        read.Should().Throw<InvalidDocumentException>().WithMessage(message);
    }

    [Fact]
    public void A_byte_order_mark_is_accepted()
    {
        SeedFileReader.Read([0xEF, 0xBB, 0xBF, .. """{"refresh_token": "r"}"""u8], Source).Token.RefreshToken!.Reveal().Should().Be("r");
    }
}
