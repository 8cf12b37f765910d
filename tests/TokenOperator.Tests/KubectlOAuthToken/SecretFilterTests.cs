using System.Security.Cryptography;
using KubectlOAuthToken.Report;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class SecretFilterTests
{
    [Theory]
    [InlineData("Host=db;Username=op;Password=hunter2;Database=x", "Host=db;Username=op;Password=***;Database=x")]
    [InlineData("cannot connect to postgresql://op:hunter2@db:5432/x", "cannot connect to postgresql://***@db:5432/x")]
    [InlineData("""{"client_secret": "two words", "client_id": "client-1"}""", """{"client_secret": "***", "client_id": "client-1"}""")]
    [InlineData("""{"Message":"got {\"refresh_token\":\"short one\"}"}""", """{"Message":"got {\"refresh_token\":\"***\"}"}""")]
    [InlineData("Authorization: Bearer abcdef", "Authorization: *** ***")]
    [InlineData("GET /callback?code=4/abcd&state=x", "GET /callback?code=***&state=x")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nafter", "***\nafter")]
    [InlineData("-----BEGIN EC PRIVATE KEY-----\nabc", "***")]
    [InlineData("token ya29.a0AfH6SMBx7Qw2Zt9_L-4kVn1pR8", "token ***")]
    [InlineData("jwt eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlMTIz", "jwt ***")]
    [InlineData("key 9f86d081884c7d659a2feaa0c55ad015", "key ***")]
    public void What_looks_like_a_secret_is_hidden(string text, string expected) => SecretFilter.Apply(text).Should().Be(expected);

    [Theory]
    [InlineData("the pod token-operator-7d9c5b6f84-x2x4z of mail/marcus-gmail failed at 2026-05-01T12:00:00.123456Z")]
    [InlineData("uid 6f1f3c1e-0b3d-4a55-9c1e-2f0a7b6c5d4e generation 3 resourceVersion 123456789012345678901234567890")]
    [InlineData("registry.example.com/token-operator@sha256:9f86d081884c7d659a2feaa0c55ad0159f86d081884c7d659a2feaa0c55ad015")]
    [InlineData("   at TokenOperator.Providers.OAuth2.OAuth2TokenProvider.<RefreshAsync>d__12.MoveNext() in /src/TokenOperator.Providers/OAuth2/OAuth2TokenProvider.cs:line 42")]
    [InlineData("System.Net.Http.Http2Connection.SendAsync, System.Net.Http.AuthenticationHelper+<SendWithNtAuthAsync>d__31")]
    [InlineData("""{"clientSecretRef": {"name": "client"}, "secretName": "marcus-token", "seedSecretRef": {"name": "marcus-seed"}, "grant": "RefreshToken"}""")]
    [InlineData("controller_runtime_reconcile_total{controller=\"oauthtoken\",result=\"success\"} 42 http_status_code=\"200\"")]
    [InlineData("https://oauth2.googleapis.com/token answered 400 invalid_grant for marcus@example.com, https://www.googleapis.com/auth/gmail.readonly")]
    public void What_someone_needs_to_find_a_problem_stays(string text) => SecretFilter.Apply(text).Should().Be(text);

    /// <summary>Tokens of 32 random bytes in the encodings that providers use, a thousand of each.</summary>
    [Theory]
    [InlineData("hex")]
    [InlineData("base64")]
    [InlineData("base64url")]
    [InlineData("base32")]
    public void Random_tokens_are_hidden(string encoding)
    {
        for (var i = 0; i < 1000; i++)
        {
            var bytes = SHA256.HashData(BitConverter.GetBytes(i));
            var token = encoding switch
            {
                "hex" => Convert.ToHexStringLower(bytes),
                "base64" => Convert.ToBase64String(bytes),
                "base64url" => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_'),
                _ => string.Concat(bytes.Concat(bytes[..8]).Select(one => "abcdefghijklmnopqrstuvwxyz234567"[one & 31])),
            };
            SecretFilter.Apply($"before {token} after").Should().Be("before *** after");
        }
    }
}
