using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Tests.Providers.OAuth2;

/// <summary>What a document makes the driver send, and how it makes it read the reply.</summary>
public sealed class DocumentDriverTests
{
    private const string Token = "tokenEndpoint: https://idp.example.com/token\n";
    private const string Good = """{"access_token":"access-1","expires_in":3600}""";

    private static readonly OAuthClient Client = new("client:1", new SecretValue("s e+cret/marked"));
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly TokenSet Tokens = new() { AccessToken = new("access-1"), RefreshToken = new("refresh-1") };

    private readonly FakeTimeProvider _time = new(Now);
    private readonly List<Sent> _sent = [];

    [Theory]
    [InlineData("", null, "client_id=client%3a1&client_secret=s+e%2bcret%2fmarked&grant_type=refresh_token&refresh_token=refresh-1")]
    [InlineData("clientAuthentication: {method: basic}", "client%3A1:s+e%2Bcret%2Fmarked", "grant_type=refresh_token&refresh_token=refresh-1")]
    [InlineData("clientAuthentication: {method: basic, basicEncoding: raw}", "client:1:s e+cret/marked", "grant_type=refresh_token&refresh_token=refresh-1")]
    [InlineData("clientAuthentication: {method: secretAsUser, basicEncoding: raw}", "s e+cret/marked:", "grant_type=refresh_token&refresh_token=refresh-1")]
    [InlineData("clientAuthentication: {method: none}", null, "client_id=client%3a1&grant_type=refresh_token&refresh_token=refresh-1")]
    [InlineData("refresh: {grantType: renew, tokenParameter: token, parameters: {a: [x, y]}, omit: [grant_type]}", null, "client_id=client%3a1&client_secret=s+e%2bcret%2fmarked&token=refresh-1&a=x&a=y")]
    [InlineData("scopes: {separator: comma}\nrefresh: {sendScopes: true}", null, "client_id=client%3a1&client_secret=s+e%2bcret%2fmarked&grant_type=refresh_token&refresh_token=refresh-1&scope=mail%2ccalendar")]
    public async Task A_client_authenticates_once_as_the_document_says(string yaml, string? basic, string form)
    {
        (await RefreshAsync(Token + yaml, Good)).Should().BeOfType<TokenResponse.Granted>();

        var sent = _sent.Should().ContainSingle().Subject;
        sent.Basic.Should().Be(basic);
        HttpUtility.ParseQueryString(sent.Body).ToString().Should().Be(form);
        sent.Message.Headers.Accept.ToString().Should().Be("application/json");
    }

    [Fact]
    public async Task A_rejected_authentication_is_not_tried_in_another_way()
    {
        var failed = (TokenResponse.Failed)await RefreshAsync(Token, """{"error":"invalid_client"}""", 401);

        failed.Kind.Should().Be(FailureKind.ClientRejected);
        _sent.Should().ContainSingle();
    }

    [Fact]
    public async Task A_request_can_be_JSON_or_a_query()
    {
        await RefreshAsync(Token + "request: {format: json, headers: {X-Version: '7'}}\nrefresh: {parameters: {audience: [a, b]}}", Good);
        await RefreshAsync("tokenEndpoint: https://idp.example.com/token?a=1\nrequest: {format: query}\nclientAuthentication: {method: none}", Good);

        JsonNode.DeepEquals(JsonNode.Parse(_sent[0].Body), JsonNode.Parse("""
            {"client_id": "client:1", "client_secret": "s e+cret/marked", "grant_type": "refresh_token", "refresh_token": "refresh-1", "audience": ["a", "b"]}
            """)).Should().BeTrue();
        _sent[0].Message.Headers.GetValues("X-Version").Should().Equal("7");
        _sent[1].Message.Method.Should().Be(HttpMethod.Get);
        _sent[1].Message.RequestUri!.Query.Should().Be("?a=1&client_id=client%3A1&grant_type=refresh_token&refresh_token=refresh-1");
        _sent[1].Message.Content.Should().NotBeNull("the transport sends a request without a body twice if a connection breaks");
    }

    [Theory]
    [InlineData("RS256", "privateKeyJWT", "JWT")]
    [InlineData("PS256", "certificate", "client-authentication+jwt")]
    [InlineData("ES256", "privateKeyJWT", "client-authentication+jwt")]
    [InlineData("ES256", "certificate", "JWT")]
    public async Task An_assertion_is_signed_with_the_key_of_the_client_Secret(string algorithm, string method, string typ)
    {
        using var rsa = RSA.Create(2048);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var isCurve = algorithm == "ES256";
        var name = new X500DistinguishedName("CN=client");
        var request = isCurve ? new CertificateRequest(name, curve, HashAlgorithmName.SHA256) : new CertificateRequest(name, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(Now, Now.AddDays(1));
        var document = TestDocuments.Read(Token + $"clientAuthentication: {{method: {method}, algorithm: {algorithm}, {(typ == "JWT" ? "" : $"typ: {typ}, ")}audience: https://idp.example.com}}");
        var client = SecretDataReader.FindClient(
            new Dictionary<string, byte[]>
            {
                ["client-id"] = "client-1"u8.ToArray(),
                ["tls.key"] = Encoding.UTF8.GetBytes(isCurve ? curve.ExportECPrivateKeyPem() : rsa.ExportPkcs8PrivateKeyPem()),
                ["tls.crt"] = Encoding.UTF8.GetBytes(certificate.ExportCertificatePem()),
                ["key-id"] = "key-7"u8.ToArray(),
            },
            "credentials.json", key => key, document.ClientAuthentication.Credential)!;

        await RefreshAsync(document, Good, client: client);

        var form = HttpUtility.ParseQueryString(_sent.Single().Body);
        form["client_secret"].Should().BeNull();
        form["client_assertion_type"].Should().Be("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        var parts = form["client_assertion"]!.Split('.');
        var (signed, signature) = (Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]));
        (isCurve ? curve.VerifyData(signed, signature, HashAlgorithmName.SHA256)
            : rsa.VerifyData(signed, signature, HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1)).Should().BeTrue();
        var header = JsonNode.Parse(Base64Url.DecodeFromChars(parts[0]))!;
        var claims = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!;
        ((string?)header["alg"], (string?)header["typ"], (string?)header["kid"]).Should().Be((algorithm, typ, "key-7"));
        ((string?)header["x5t#S256"]).Should().Be(method == "certificate" ? Base64Url.EncodeToString(SHA256.HashData(certificate.RawData)) : null);
        ((string?)claims["iss"], (string?)claims["sub"], (string?)claims["aud"]).Should().Be(("client-1", "client-1", "https://idp.example.com"));
        ((long)claims["exp"]! - Now.ToUnixTimeSeconds()).Should().BeInRange(60, 600);
        ((long)claims["nbf"]!).Should().BeLessThan(Now.ToUnixTimeSeconds());
        ((string?)claims["jti"]).Should().NotBeNullOrEmpty();
    }

    [Fact]
    public async Task An_assertion_that_the_server_echoes_is_not_shown()
    {
        using var rsa = RSA.Create(2048);
        var client = new OAuthClient("client-1", null, new ClientKey(new PrivateKey(new SecretValue(rsa.ExportPkcs8PrivateKeyPem()), PrivateKeyKind.Rsa), null));
        var failed = (TokenResponse.Failed)await RefreshAsync(
            TestDocuments.Read(Token + "clientAuthentication: {method: privateKeyJWT}"),
            sent => $$"""{"error":"invalid_client","error_description":"bad {{HttpUtility.ParseQueryString(sent.Body)["client_assertion"]}}"}""", 401, client: client);

        failed.Detail.Should().Be($"HTTP 401: invalid_client: {Redactor.Hidden}");
    }

    [Fact]
    public async Task A_client_without_what_the_provider_expects_sends_nothing()
    {
        var failed = (TokenResponse.Failed)await RefreshAsync(TestDocuments.Read(Token), Good, client: new OAuthClient("client-1", null));

        failed.Kind.Should().Be(FailureKind.RequestRejected);
        failed.Detail.Should().Contain("no secret");
        _sent.Should().BeEmpty();
    }

    [Theory]
    [InlineData("", "application/x-www-form-urlencoded; charset=utf-8", "access_token=access-1&expires_in=3600&scope=mail")]
    [InlineData("", "text/plain", "access_token=access-1&expires_in=3600&scope=mail")]
    [InlineData("", "text/html", """{"access_token":"access-1","expires_in":3600,"scope":"mail"}""")]
    [InlineData("response: {format: form}", "application/json", "access_token=access-1&expires_in=3600&scope=mail")]
    [InlineData("response: {fields: {accessToken: data.token, expiresIn: data.life, scope: data.list}}\nexpiry: {unit: milliseconds}", "application/json", """{"data":{"token":"access-1","life":"3600000","list":["mail"]}}""")]
    [InlineData("", "application/json", """{"access_token":"access-1","expires_at":"2026-05-01T13:00:00Z","scope":"mail"}""")]
    [InlineData("", "application/json", """{"access_token":"access-1","expires_at":1777640400,"scope":"mail"}""")]
    [InlineData("", "application/json", """{"access_token":"access-1","expires_at":"1777640400000","scope":"mail"}""")]
    [InlineData("expiry: {default: 1h}", "application/json", """{"access_token":"access-1","scope":"mail"}""")]
    [InlineData("expiry: {max: 1h}", "application/json", """{"access_token":"access-1","expires_in":86400,"scope":"mail"}""")]
    [InlineData("scopes: {separator: comma}", "application/json", """{"access_token":"access-1","expires_in":3600,"scope":"mail"}""")]
    public async Task A_reply_is_read_as_the_document_says(string yaml, string type, string body)
    {
        var granted = (TokenResponse.Granted)await RefreshAsync(TestDocuments.Read(Token + yaml), _ => body, 200, type);

        granted.AccessToken.Reveal().Should().Be("access-1");
        granted.ExpiresIn.Should().Be(TimeSpan.FromHours(1));
        granted.Scopes.Should().Equal("mail");
    }

    [Fact]
    public async Task The_lifetime_can_be_that_of_a_JWT_or_without_end()
    {
        var jwt = $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes("""{"exp":1777638600}"""))}.c2ln";
        var dated = (TokenResponse.Granted)await RefreshAsync(Token + "expiry: {jwt: true}", $$"""{"access_token":"{{jwt}}"}""");
        var endless = (TokenResponse.Granted)await RefreshAsync(Token + "expiry: {never: true}", """{"access_token":"access-1"}""");
        var short_ = (TokenResponse.Granted)await RefreshAsync(Token + "expiry: {never: true}", Good);

        dated.ExpiresIn.Should().Be(TimeSpan.FromMinutes(30));
        endless.ExpiresIn.Should().BeNull();
        short_.ExpiresIn.Should().Be(TimeSpan.FromHours(1), "a lifetime that is stated counts");
    }

    [Theory]
    [InlineData("response: {failures: [{path: ok, equals: 'false'}]}", 200, """{"ok":false,"error":"token_revoked","access_token":"x","expires_in":60}""", FailureKind.ReauthorizationRequired, null)]
    [InlineData("", 200, """{"error":"bad_refresh_token"}""", FailureKind.ReauthorizationRequired, null)]
    [InlineData("errors: {rules: [{code: invalid_grant, text: Already Being processed, class: transient, minDelay: 5s}]}", 400, """{"error":"invalid_grant","error_description":"token request is already being processed"}""", FailureKind.ProviderUnavailable, 5)]
    [InlineData("errors: {rules: [{code: invalid_grant, text: already, class: transient}]}", 400, """{"error":"invalid_grant","error_description":"expired"}""", FailureKind.ReauthorizationRequired, null)]
    [InlineData("errors: {codePaths: [error, status], textPaths: [message], rules: [{code: BAD_REFRESH_TOKEN, class: reauthorize}]}", 400, """{"status":"BAD_REFRESH_TOKEN","message":"missing"}""", FailureKind.ReauthorizationRequired, null)]
    [InlineData("errors: {textPaths: [message], rules: [{status: 400, text: invalid refresh token, class: reauthorize}]}", 400, """{"status":400,"message":"Invalid refresh token"}""", FailureKind.ReauthorizationRequired, null)]
    [InlineData("errors: {numbersPath: error_codes, rules: [{number: 50196, class: throttled, minDelay: 1h}]}", 400, """{"error":"invalid_grant","error_codes":[1,50196]}""", FailureKind.RateLimited, 3600)]
    [InlineData("errors: {rules: [{code: invalid_request, class: reauthorize}]}", 503, """{"error":"invalid_request"}""", FailureKind.ProviderUnavailable, null)]
    [InlineData("errors: {rules: [{status: 503, code: invalid_request, class: reauthorize}]}", 503, """{"error":"invalid_request"}""", FailureKind.ReauthorizationRequired, null)]
    public async Task A_failure_means_what_the_first_rule_that_matches_says(string yaml, int status, string body, FailureKind kind, int? delay)
    {
        var failed = (TokenResponse.Failed)await RefreshAsync(Token + yaml, body, status);

        failed.Kind.Should().Be(kind);
        failed.MinDelay?.TotalSeconds.Should().Be(delay);
        failed.MinDelay.HasValue.Should().Be(delay is not null);
    }

    [Theory]
    [InlineData("application/json", """{"access_token":"access-1","expires_in":3600,"error":"invalid_grant","refresh_token":"refresh-2"}""", FailureKind.ReauthorizationRequired)]
    [InlineData("application/json", """{"access_token":"access-1","expires_in":3600,"error":"something_new","refresh_token":"refresh-2"}""", FailureKind.InvalidResponse)]
    [InlineData("application/x-www-form-urlencoded", "access_token=access-1&expires_in=3600&error=bad_refresh_token&refresh_token=refresh-2", FailureKind.ReauthorizationRequired)]
    public async Task A_response_with_a_token_and_an_error_is_a_failure_whose_refresh_token_is_kept(string type, string body, FailureKind kind)
    {
        var failed = (TokenResponse.Failed)await RefreshAsync(TestDocuments.Read(Token), _ => body, 200, type);

        (failed.Kind, failed.RefreshToken?.Reveal()).Should().Be((kind, "refresh-2"));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("0")]
    [InlineData("false")]
    [InlineData("{}")]
    [InlineData("\"\"")]
    public async Task An_error_that_is_no_text_does_not_spoil_a_token(string error) =>
        (await RefreshAsync(Token, $$"""{"access_token":"access-1","expires_in":3600,"error":{{error}}}""")).Should().BeOfType<TokenResponse.Granted>();

    [Theory]
    [InlineData("access_token=%ud800&expires_in=3600")]
    [InlineData("error=%ud800")]
    public async Task A_form_that_is_not_text_is_an_invalid_response(string body) =>
        (await RefreshAsync(TestDocuments.Read(Token), _ => body, 200, "application/x-www-form-urlencoded"))
            .Should().BeOfType<TokenResponse.Failed>().Which.Kind.Should().Be(FailureKind.InvalidResponse);

    [Fact]
    public async Task A_token_that_never_expires_is_worth_nothing_where_tokens_expire()
    {
        using var driver = new Driver(this, TestDocuments.Read(Token), _ => Good, 200, "application/json");

        var response = await driver.Provider.RefreshAsync(new GrantRequest(Client, new TokenSet { AccessToken = new("access-1"), NeverExpires = true }), CancellationToken.None);

        response.Should().BeOfType<TokenResponse.Failed>().Which.Kind.Should().Be(FailureKind.ReauthorizationRequired, "the row would be refreshed without end");
        _sent.Should().BeEmpty();
    }

    [Fact]
    public async Task A_grant_is_not_revoked_by_an_access_token_that_is_not_there()
    {
        using var driver = new Driver(this, TestDocuments.Read(Token + "revocation: {endpoint: https://idp.example.com/revoke, token: accessToken}"), _ => "", 200, "application/json");

        var response = await driver.Provider.RevokeAsync(Client, new TokenSet { RefreshToken = new("refresh-1") }, CancellationToken.None);

        (response.Revoked, _sent.Count).Should().Be((false, 0));
        response.Detail.Should().Contain("access token");
        (await driver.Provider.RevokeAsync(Client, new TokenSet(), CancellationToken.None)).Revoked.Should().BeTrue("there is no grant");
    }

    [Fact]
    public async Task An_unknown_code_is_marked_as_such()
    {
        ((TokenResponse.Failed)await RefreshAsync(Token, """{"error":"something_new"}""", 400)).HasUnknownCode.Should().BeTrue();
        ((TokenResponse.Failed)await RefreshAsync(Token, "<html>", 404)).HasUnknownCode.Should().BeFalse();
    }

    [Fact]
    public async Task Exported_values_are_printable_short_and_never_part_of_a_secret()
    {
        var document = TestDocuments.Read(Token + """
            parameterDeclarations: {tenant: {description: The tenant., default: contoso}}
            authorizationEndpoint: https://idp.example.com/authorize
            authorization: {keep: [realmId], codeParameter: spapi_oauth_code}
            export: {instance_url: response.instance_url, team: response.team.id, long: response.long, bad: response.bad, realm: callback.realmId, tenant: parameter.tenant}
            """);
        var reply = $$$"""{"access_token":"access-1-marked","expires_in":3600,"instance_url":"https://evil.example/x","team":{"id":7},"long":"{{{new string('x', 1025)}}}","bad":"a\nb"}""";
        using var driver = new Driver(this, document, _ => reply, 200, "application/json");
        var response = AuthorizationResponse.Read("?spapi_oauth_code=code-1&realmId=4620&state=s", document.Authorization);

        var exchanged = (CodeExchangeResponse.Granted)await driver.Provider.Authorization!.ExchangeCodeAsync(Client, response, Pkce.New(), new Uri("http://127.0.0.1:1/"), CancellationToken.None);
        var token = exchanged.ToTokenSet(Now, document);

        token.Exports.Should().BeEquivalentTo(new Dictionary<string, string> { ["instance_url"] = "https://evil.example/x", ["team"] = "7", ["realm"] = "4620", ["tenant"] = "contoso" });
        TokenDocument.Read(TokenDocument.Write(token with { RefreshToken = new("r") }, null)).Exports.Should().BeEquivalentTo(token.Exports);
        _sent.Should().OnlyContain(sent => sent.Message.RequestUri == document.TokenEndpoint, "an exported value bends no address");
        document.MergeExports(token.Exports, new Dictionary<string, string> { ["team"] = "8", ["other"] = "x" })
            .Should().BeEquivalentTo(new Dictionary<string, string>(token.Exports) { ["team"] = "8" });
        (new TokenResponse.Granted(new("access-1-marked"), null, "Bearer", null, null, null) { Exports = new Dictionary<string, string> { ["a"] = "dekram-1-ssecca", ["b"] = "ok" } })
            .WithoutEchoes(new SecretValue("access-1-marked")).Exports.Keys.Should().Equal("b");
    }

    [Fact]
    public async Task A_code_exchange_follows_the_document()
    {
        var document = TestDocuments.Read(Token + """
            authorizationEndpoint: https://idp.example.com/authorize
            authorization: {pkce: "off", parameters: {audience: api}, omit: [login_hint]}
            codeExchange: {parameters: {expiring: "1"}, omit: [redirect_uri]}
            response: {codeExchangeRoot: authed_user}
            identity: {responsePath: authed_user.id}
            """);
        using var driver = new Driver(this, document, _ => """{"access_token":"bot","authed_user":{"id":"U1","access_token":"user-1","expires_in":60,"refresh_token":"r-1"}}""", 200, "application/json");
        var authorization = driver.Provider.Authorization!;
        var address = authorization.AuthorizationUri(new AuthorizationRequest { ClientId = "c", RedirectUri = new Uri("http://127.0.0.1:1/"), Scopes = ["a"], State = "s", Pkce = Pkce.New(), LoginHint = "x" });

        var granted = (CodeExchangeResponse.Granted)await authorization.ExchangeCodeAsync(
            Client, AuthorizationResponse.Read("?code=code-1&state=s"), Pkce.New(), new Uri("http://127.0.0.1:1/"), CancellationToken.None);

        HttpUtility.ParseQueryString(address.Query).AllKeys.Should().BeEquivalentTo("response_type", "client_id", "redirect_uri", "scope", "state", "audience");
        HttpUtility.ParseQueryString(_sent.Single().Body).AllKeys.Should().BeEquivalentTo("client_id", "client_secret", "grant_type", "code", "expiring");
        (granted.Token.AccessToken.Reveal(), granted.Token.RefreshToken?.Reveal()).Should().Be(("user-1", "r-1"));
        granted.Identity.Should().Be(new Identity("U1", null));
    }

    [Theory]
    [InlineData(200, "{}", null)]
    [InlineData(401, """{"error":"invalid_token"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(401, "", FailureKind.ReauthorizationRequired)]
    [InlineData(403, """{"error":"token_revoked"}""", FailureKind.ReauthorizationRequired)]
    [InlineData(403, """{"error":"insufficient_scope"}""", FailureKind.InvalidResponse)]
    [InlineData(404, "<html>", FailureKind.InvalidResponse)]
    [InlineData(503, "", FailureKind.ProviderUnavailable)]
    public async Task A_token_that_never_expires_is_checked_with_one_request(int status, string body, FailureKind? kind)
    {
        var document = TestDocuments.Read(Token + "expiry: {never: true, checkEndpoint: https://idp.example.com/me}");
        using var driver = new Driver(this, document, _ => body, status, "application/json");

        var response = await driver.Provider.RefreshAsync(new GrantRequest(Client, new TokenSet { AccessToken = new("access-1"), NeverExpires = true }), CancellationToken.None);

        (response as TokenResponse.Failed)?.Kind.Should().Be(kind);
        (response is TokenResponse.StillValid).Should().Be(kind is null);
        var sent = _sent.Should().ContainSingle().Subject;
        (sent.Message.Method, sent.Message.RequestUri!.AbsoluteUri, sent.Message.Headers.Authorization!.ToString()).Should().Be((HttpMethod.Get, "https://idp.example.com/me", "Bearer access-1"));
    }

    [Theory]
    [InlineData("", "client_id,client_secret,token", "refresh-1")]
    [InlineData(", authentication: none", "token", "refresh-1")]
    [InlineData(", token: accessToken", "client_id,client_secret,token", "access-1")]
    public async Task A_revocation_authenticates_the_client_and_sends_the_token_that_the_document_names(string rules, string names, string token)
    {
        var document = TestDocuments.Read(Token + $"revocation: {{endpoint: https://idp.example.com/revoke{rules}}}");
        using var driver = new Driver(this, document, _ => "", 200, "application/json");

        (await driver.Provider.RevokeAsync(Client, Tokens, CancellationToken.None)).Revoked.Should().BeTrue();
        if (rules == "")
            (await driver.Provider.RevokeAsync(null, Tokens, CancellationToken.None)).Detail.Should().Contain("client Secret cannot be read");

        var form = HttpUtility.ParseQueryString(_sent.Should().ContainSingle().Subject.Body);
        string.Join(',', form.AllKeys).Should().Be(names);
        form["token"].Should().Be(token);
    }

    [Fact]
    public async Task A_revocation_has_the_method_the_form_and_the_proof_that_the_document_names()
    {
        const string rules = "revocation: {endpoint: \"https://api.example.com/apps/{client_id}/token\", method: DELETE, format: json, authentication: basic, token: accessToken, tokenParameter: access_token}";
        using var driver = new Driver(this, TestDocuments.Read(Token + rules), _ => "", 204, "application/json");

        (await driver.Provider.RevokeAsync(new OAuthClient("Iv1.a-b_c~1", new("secret-1")), Tokens, CancellationToken.None)).Revoked.Should().BeTrue();

        var sent = _sent.Should().ContainSingle().Subject;
        (sent.Message.Method, sent.Message.RequestUri!.AbsoluteUri, sent.Basic, sent.Body)
            .Should().Be((HttpMethod.Delete, "https://api.example.com/apps/Iv1.a-b_c~1/token", "Iv1.a-b_c~1:secret-1", """{"access_token":"access-1"}"""));
    }

    [Fact]
    public async Task A_token_that_is_its_own_proof_is_not_sent_as_a_parameter()
    {
        using var driver = new Driver(
            this, TestDocuments.Read(Token + "revocation: {endpoint: https://api.example.com/revoke, authentication: token, token: accessToken, format: query}"), _ => "", 200, "application/json");

        (await driver.Provider.RevokeAsync(null, Tokens, CancellationToken.None)).Revoked.Should().BeTrue();

        var sent = _sent.Should().ContainSingle().Subject;
        (sent.Message.Method, sent.Message.RequestUri!.AbsoluteUri, sent.Message.Headers.Authorization!.ToString(), sent.Body, sent.Message.Content!.Headers.ContentType)
            .Should().Be((HttpMethod.Post, "https://api.example.com/revoke", "Bearer access-1", "", null));
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("a/../../admin")]
    [InlineData("a%2F..")]
    [InlineData("a?b")]
    [InlineData("a#b")]
    [InlineData("a\\b")]
    [InlineData("a b")]
    [InlineData("@evil.example.com")]
    [InlineData("{client_id}")]
    [InlineData("")]
    public async Task A_client_ID_that_would_bend_the_address_of_a_revocation_is_sent_nowhere(string clientId)
    {
        using var driver = new Driver(this, TestDocuments.Read(Token + "revocation: {endpoint: \"https://api.example.com/apps/{client_id}\"}"), _ => "", 200, "application/json");

        var revoked = await driver.Provider.RevokeAsync(new OAuthClient(clientId, new("secret-1")), Tokens, CancellationToken.None);

        revoked.Revoked.Should().BeFalse();
        revoked.Detail.Should().StartWith("nothing was sent").And.Contain("client ID");
        _sent.Should().BeEmpty();
    }

    [Fact]
    public async Task At_a_provider_without_refresh_tokens_the_access_token_takes_their_place() =>
        ((TokenResponse.Granted)await RefreshAsync(Token + "refresh: {token: accessToken}", Good)).RefreshToken!.Reveal().Should().Be("access-1");

    private Task<TokenResponse> RefreshAsync(string yaml, string body, int status = 200) => RefreshAsync(TestDocuments.Read(yaml), body, status);

    private Task<TokenResponse> RefreshAsync(ProviderDocument document, string body, int status = 200, OAuthClient? client = null) =>
        RefreshAsync(document, _ => body, status, "application/json", client);

    private async Task<TokenResponse> RefreshAsync(ProviderDocument document, Func<Sent, string> reply, int status, string type = "application/json", OAuthClient? client = null)
    {
        using var driver = new Driver(this, document, reply, status, type);
        return await driver.Provider.RefreshAsync(
            new GrantRequest(client ?? Client, new TokenSet { RefreshToken = new("refresh-1") }) { Scopes = ["mail", "calendar"] }, CancellationToken.None);
    }

    [Theory]
    [InlineData(400, """{"error":"authorization_pending"}""", typeof(DevicePollResponse.Pending), false)]
    [InlineData(200, """{"error":"authorization_pending"}""", typeof(DevicePollResponse.Pending), false)]
    [InlineData(400, """{"error":"slow_down"}""", typeof(DevicePollResponse.Pending), true)]
    [InlineData(503, "", typeof(DevicePollResponse.Pending), true)]
    [InlineData(429, "{}", typeof(DevicePollResponse.Pending), true)]
    [InlineData(400, """{"error":"access_denied"}""", typeof(DevicePollResponse.Denied), false)]
    [InlineData(400, """{"error":"expired_token"}""", typeof(DevicePollResponse.Expired), false)]
    [InlineData(400, """{"error":"invalid_grant"}""", typeof(DevicePollResponse.Failed), false)]
    [InlineData(200, """{"access_token":"access-1","expires_in":3600,"refresh_token":"refresh-1"}""", typeof(DevicePollResponse.Granted), false)]
    public async Task A_poll_for_a_device_is_understood_and_its_code_is_not_shown(int status, string reply, Type expected, bool slowsDown)
    {
        using var driver = Device(reply, status);

        var response = await driver.Provider.DeviceAuthorization!.PollAsync(Client, new SecretValue("device-code-marked"), CancellationToken.None);

        response.Should().BeOfType(expected);
        if (response is DevicePollResponse.Pending pending)
            pending.SlowDown.Should().Be(slowsDown);
        HttpUtility.ParseQueryString(_sent.Should().ContainSingle().Subject.Body)["device_code"].Should().Be("device-code-marked");
        $"{response}".Should().NotContain("device-code-marked");
    }

    [Theory]
    [InlineData("""{"device_code":"d","user_code":"AB-CD","verification_uri":"https://idp.example.com/device","expires_in":900}""", "https://idp.example.com/device", null, 900, 5)]
    [InlineData("""{"device_code":"d","user_code":"AB-CD","verification_url":"https://idp.example.com/device","expires_in":"900","interval":7}""", "https://idp.example.com/device", null, 900, 7)]
    [InlineData(
        """{"device_code":"d","user_code":"AB-CD","verification_uri":"https://idp.example.com/device","verification_uri_complete":"https://idp.example.com/device?c=AB-CD","expires_in":1e12,"interval":-1}""",
        "https://idp.example.com/device", "https://idp.example.com/device?c=AB-CD", 3600, 5)]
    [InlineData(
        """{"device_code":"d","user_code":"AB-CD","verification_uri":"https://idp.example.com/device","verification_uri_complete":"https://evil.example/device?c=AB-CD","expires_in":900}""",
        "https://idp.example.com/device", null, 900, 5)]
    [InlineData("""{"device_code":"d","user_code":"AB-CD","verification_uri":"http://idp.example.com/device","expires_in":900}""", null, null, 0, 0)]
    [InlineData("""{"device_code":"d","user_code":"AB-CD","verification_uri":"javascript:alert(1)","expires_in":900}""", null, null, 0, 0)]
    [InlineData("""{"device_code":"d","user_code":"AB\u202eCD","verification_uri":"https://idp.example.com/device","expires_in":900}""", null, null, 0, 0)]
    [InlineData("""{"user_code":"AB-CD","verification_uri":"https://idp.example.com/device","expires_in":900}""", null, null, 0, 0)]
    public async Task A_code_for_a_device_is_read_only_with_a_page_that_can_be_trusted(string reply, string? page, string? complete, int lifetime, int interval)
    {
        using var driver = Device(reply, 200);

        var response = await driver.Provider.DeviceAuthorization!.BeginAsync(Client, ["mail"], CancellationToken.None);

        if (page is null)
        {
            response.Should().BeOfType<DeviceAuthorizationResponse.Failed>();
            return;
        }

        var started = response.Should().BeOfType<DeviceAuthorizationResponse.Started>().Subject.Authorization;
        started.VerificationUri.Should().Be(page);
        started.CompleteVerificationUri.Should().Be(complete is null ? null : new Uri(complete));
        (started.Lifetime, started.Interval).Should().Be((TimeSpan.FromSeconds(lifetime), TimeSpan.FromSeconds(interval)));
    }

    private Driver Device(string reply, int status) =>
        new(this, TestDocuments.Read(Token + "deviceAuthorizationEndpoint: https://idp.example.com/device"), _ => reply, status, "application/json");

    private sealed record Sent(HttpRequestMessage Message, string Body)
    {
        public string? Basic => Message.Headers.Authorization is { Scheme: "Basic", Parameter: { } parameter } ? Encoding.UTF8.GetString(Convert.FromBase64String(parameter)) : null;
    }

    /// <summary>A provider whose endpoints answer as the test says.</summary>
    private sealed class Driver : HttpMessageHandler
    {
        private readonly DocumentDriverTests _test;
        private readonly Func<Sent, string> _reply;
        private readonly int _status;
        private readonly string _type;
        private readonly TokenEndpointClient _endpoints;
        private readonly ProviderMetrics _metrics = new(new Meters(), TimeProvider.System);

        public Driver(DocumentDriverTests test, ProviderDocument document, Func<Sent, string> reply, int status, string type)
        {
            (_test, _reply, _status, _type) = (test, reply, status, type);
            _endpoints = new TokenEndpointClient(test._time, this);
            Provider = new OAuth2TokenProvider(document, _endpoints, new WorkloadIdentityFile(null), test._time, _metrics, NullLogger<OAuth2TokenProvider>.Instance);
        }

        public OAuth2TokenProvider Provider { get; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var sent = new Sent(request, request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken));
            _test._sent.Add(sent);
            var content = new ByteArrayContent(Encoding.UTF8.GetBytes(_reply(sent)));
            content.Headers.TryAddWithoutValidation("Content-Type", _type);
            return new HttpResponseMessage((HttpStatusCode)_status) { Content = content };
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _metrics.Dispose();
                _endpoints.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
