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
    [InlineData("Authorization: Bearer abcdef", "Authorization: ***")]
    [InlineData("GET /callback?code=4/abcd&state=x", "GET /callback?code=***&state=x")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nafter", "***\nafter")]
    [InlineData("-----BEGIN EC PRIVATE KEY-----\nabc", "***")]
    [InlineData("token ya29.a0AfH6SMBx7Qw2Zt9_L-4kVn1pR8", "token ***")]
    [InlineData("jwt eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlMTIz", "jwt ***")]
    [InlineData("key 9f86d081884c7d659a2feaa0c55ad015", "key ***")]
    // Spellings of names.
    [InlineData("X-Api-Key: 3f2504e0-4f89-41d3-9a0c-0305e82c3301", "X-Api-Key: ***")]
    [InlineData("""{"X-Api-Key": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}""", """{"X-Api-Key": "***"}""")]
    [InlineData("""{"api-key": "partner-7731", "apiKey": "partner-7731", "API_KEY": "partner-7731"}""", """{"api-key": "***", "apiKey": "***", "API_KEY": "***"}""")]
    [InlineData("private-key=partner-7731 private_key=partner-7731 privateKey=partner-7731", "private-key=*** private_key=*** privateKey=***")]
    [InlineData("x-auth-token: partner-7731", "x-auth-token: ***")]
    [InlineData("subscription-key: partner-7731, next: shown", "subscription-key: ***, next: shown")]
    [InlineData("api key: partner-7731", "api key: ***")]
    [InlineData("DB_PASS=abc PGPASSWORD=abc pwd: abc passcode: abc", "DB_PASS=*** PGPASSWORD=*** pwd: *** passcode: ***")]
    [InlineData("passphrase: correct horse battery staple\nafter", "passphrase: ***\nafter")]
    [InlineData("?sv=2024&sig=abc%3D&se=1", "?sv=2024&sig=***&se=1")]
    [InlineData("x-hub-signature=abcd1234", "x-hub-signature=***")]
    [InlineData("GET /maps?key=partner-7731&x=1", "GET /maps?key=***&x=1")]
    [InlineData("client_secret%3Dpartner-7731", "client_secret%3D***")]
    [InlineData("Providers:acme:ClientSecret=partner-7731", "Providers:acme:ClientSecret=***")]
    [InlineData("headers[\"x-api-key\"] = \"partner-7731\"", "headers[\"x-api-key\"] = \"***\"")]
    [InlineData("\"password\" => \"hunter2\"", "\"password\" => \"***\"")]
    [InlineData("<password>hunter2</password>", "<password>***</password>")]
    [InlineData("token=3f2504e0-4f89-41d3-9a0c-0305e82c3301", "token=***")]
    // Header fields.
    [InlineData("Authorization: Basic bWU6aA==", "Authorization: ***")]
    [InlineData("Proxy-Authorization: Digest username=\"me\"", "Proxy-Authorization: ***\"me\"")]
    [InlineData("""{"Message":"authorization: Bearer abcdef, x","Level":"Error"}""", """{"Message":"authorization: ***","Level":"Error"}""")]
    [InlineData("Cookie: a=1; session=2\r\nHost: db", "Cookie: ***\r\nHost: db")]
    [InlineData("sent with Basic bWU6aHVudGVyMg==", "sent with Basic ***")]
    [InlineData("sent with bearer abcdef, and failed", "sent with bearer ***, and failed")]
    [InlineData("sent with Bearer%20abcdef", "sent with Bearer%20***")]
    // What belongs to a value.
    [InlineData("""{"password":"ab\"cdefgh","user":"me"}""", """{"password":"***","user":"me"}""")]
    [InlineData("""{"password":"ab\\","user":"me"}""", """{"password":"***","user":"me"}""")]
    [InlineData("""{"Message":"{\"password\":\"ab\\\"cdefgh\",\"user\":\"me\"}"}""", """{"Message":"{\"password\":\"***\",\"user\":\"me\"}"}""")]
    [InlineData("""{"Message":"{\u0022password\u0022:\u0022ab\\\u0022cdefgh\u0022,\u0022user\u0022:\u0022me\u0022}"}""", """{"Message":"{\u0022password\u0022:\u0022***\u0022,\u0022user\u0022:\u0022me\u0022}"}""")]
    [InlineData("{'password': 'it''s me', 'user': 'me'}", "{'password': '***', 'user': 'me'}")]
    [InlineData("password=\"ab cdefgh\nafter", "password=\"***\nafter")]
    [InlineData("password=a&bcdef failed: no", "password=*** failed: no")]
    [InlineData("password=a&bcdef&user=me", "password=***&user=me")]
    [InlineData("password=a;bcdef;Database=x", "password=***;Database=x")]
    [InlineData("password=a,bcdef, user=me", "password=***, user=me")]
    [InlineData("(password=a)bcdef)", "(password=***)")]
    [InlineData(@"password=a\bcdef", "password=***")]
    [InlineData("Host=db;Password=two words;User Id=me", "Host=db;Password=***;User Id=me")]
    [InlineData("Host=db;Pwd='a;b';User Id=me", "Host=db;Pwd='***';User Id=me")]
    [InlineData("AccountName=x;AccountKey=abc==;EndpointSuffix=core", "AccountName=x;AccountKey=***;EndpointSuffix=core")]
    // Addresses.
    [InlineData("postgresql://u:p@ss@host/x", "postgresql://***@host/x")]
    [InlineData("postgresql://u:p/ss@host/x", "postgresql://***@host/x")]
    [InlineData("postgresql://u:p@s/s@host:5432/x", "postgresql://***@host:5432/x")]
    [InlineData("redis://:p?ss@host", "redis://***@host")]
    [InlineData(@"https:\/\/u:p@host\/x", @"https:\/\/***@host\/x")]
    public void What_looks_like_a_secret_is_hidden(string text, string expected) => SecretFilter.Apply(text).Should().Be(expected);

    [Theory]
    [InlineData("the pod token-operator-7d9c5b6f84-x2x4z of mail/marcus-gmail failed at 2026-05-01T12:00:00.123456Z")]
    [InlineData("uid 6f1f3c1e-0b3d-4a55-9c1e-2f0a7b6c5d4e generation 3 resourceVersion 123456789012345678901234567890")]
    [InlineData("registry.example.com/token-operator@sha256:9f86d081884c7d659a2feaa0c55ad0159f86d081884c7d659a2feaa0c55ad015")]
    [InlineData("   at TokenOperator.Providers.OAuth2.OAuth2TokenProvider.<RefreshAsync>d__12.MoveNext() in /src/TokenOperator.Providers/OAuth2/OAuth2TokenProvider.cs:line 42")]
    [InlineData("System.Net.Http.Http2Connection.SendAsync, System.Net.Http.AuthenticationHelper+<SendWithNtAuthAsync>d__31")]
    [InlineData("""{"clientSecretRef": {"name": "client"}, "secretName": "marcus-token", "seedSecretRef": {"name": "marcus-seed"}, "grant": "RefreshToken"}""")]
    [InlineData("controller_runtime_reconcile_total{controller=\"oauthtoken\",result=\"success\"} 42 http_status_code=\"200\"")]
    [InlineData("2026-05-01T12:00:00Z   Normal   Refreshed x3   OAuthToken mail/marcus-token: Refreshed the token of marcus@example.com.")]
    [InlineData("DATABASE_PASSWORD = (set; not shown)   from the key password of the Secret token-operator-postgres")]
    [InlineData("""{"rules": [{"status": 400, "code": "bad_refresh_token", "class": "grant"}], "refresh": {"token": "refreshToken"}, "fields": {"accessToken": "authed_user.access_token"}}""")]
    [InlineData("""{"clientAssertion": true, "token": null, "keySecretRef": {"name": "signing", "key": "private.pem"}, "assertion": {"lifetime": "5m"}, "authorization": {"pkce": "S256"}}""")]
    [InlineData("the status code: NotFound, StatusCode: BadGateway, error_code=unavailable, exit code: 137, code: 400")]
    [InlineData("expected Basic authentication or a Bearer token. WWW-Authenticate: Bearer realm=x")]
    [InlineData("https://login.example.com:8443/users/marcus@example.com and https://idp.example/token?login_hint=marcus@example.com")]
    [InlineData("""{"Message":"https://idp.example\u0022,\u0022email\u0022:\u0022marcus@example.com\u0022"}""")]
    [InlineData("The Secret mail/client-secret has no key credentials.json, and the key refresh_token of mail/marcus-token is empty")]
    [InlineData("System.Threading.Tasks.ValueTask<TokenOperator.Core.AccessToken>.get_Result()")]
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
