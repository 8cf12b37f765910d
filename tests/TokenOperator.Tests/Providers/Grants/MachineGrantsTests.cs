using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Grants;
using TokenOperator.Providers.OAuth2;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.Providers.Grants;

/// <summary>Each grant against a server that verifies signatures, claims and times, and answers in its provider's own words.</summary>
public sealed class MachineGrantsTests : IAsyncLifetime, IDisposable
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly FakeTimeProvider _serverTime = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly string _file = Path.GetTempFileName();
    private TokenEndpointClient _http = null!;
    private GrantServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await GrantServer.StartAsync(_serverTime);
        _http = new TokenEndpointClient(TimeProvider.System);
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        File.Delete(_file);
    }

    public void Dispose() => _http.Dispose();

    private static readonly Grant.JwtBearer Gmail = new() { Subject = GrantServer.Person };
    private static readonly Grant.GitHubApp App = new() { AppId = $"{GrantServer.AppId}", InstallationId = GrantServer.InstallationId };
    private static readonly Grant.WorkloadIdentity Entra = new() { ClientId = GrantServer.EntraClientId };
    private static readonly Grant.WorkloadIdentity Google = new() { GoogleAudience = GrantServer.GoogleAudience, ServiceAccount = GrantServer.ServiceAccount };

    private PrivateKey ServiceAccountKey => Key(_server.ServiceAccountKey);

    private PrivateKey GitHubKey => Key(_server.GitHubKey);

    private static PrivateKey Key(string content) => PrivateKeyReader.Read(Encoding.UTF8.GetBytes(content), "key");

    private static PrivateKey OtherKey()
    {
        using var other = RSA.Create(2048);
        return Key(other.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>An entry of the catalogue with the addresses of the server.</summary>
    private ProviderDocument Document(string name)
    {
        var changes = new Dictionary<string, JsonObject>
        {
            ["plain"] = new() { ["tokenEndpoint"] = $"{_server.ClientCredentialsEndpoint}" },
            ["box"] = new() { ["extends"] = "box", ["tokenEndpoint"] = $"{_server.ClientCredentialsEndpoint}" },
            ["google"] = new()
            {
                ["extends"] = "google",
                ["tokenEndpoint"] = $"{_server.GoogleEndpoint}",
                ["workloadIdentity"] = new JsonObject { ["exchangeEndpoint"] = $"{_server.ExchangeEndpoint}", ["credentialsEndpoint"] = $"{_server.CredentialsEndpoint}" },
            },
            ["microsoft"] = new()
            {
                ["extends"] = "microsoft",
                ["parameters"] = new JsonObject { ["tenant"] = "t" },
                ["tokenEndpoint"] = $"{_server.EntraEndpoint}",
                ["workloadIdentity"] = new JsonObject { ["clientAssertion"] = true },
            },
            ["github-app"] = new() { ["extends"] = "github-app", ["parameters"] = new JsonObject { ["api"] = $"{_server.GitHubApi}" } },
        };
        var resolved = ProviderResolver.Resolve([.. ProviderCatalogue.Read(), new SourceDocument(name, DocumentSource.Folder, "test", changes[name])])[name];
        return resolved.ReadProvider() ?? throw new InvalidOperationException(string.Join(' ', resolved.Errors));
    }

    private MachineGrants At(string provider) => new(Document(provider), new GrantTransport(_http, TimeProvider.System), new WorkloadIdentityFile(_file), _time);

    private Task<TokenResponse> AskAsync(string provider, Grant grant, string[]? scopes = null, OAuthClient? client = null, PrivateKey? key = null) =>
        At(provider).RequestAsync(new GrantRequest(client, new TokenSet()) { Grant = grant, Scopes = scopes ?? [], Key = key });

    private static TokenResponse.Granted Granted(TokenResponse response) => response.Should().BeOfType<TokenResponse.Granted>(response.ToString()).Subject;

    private static TokenResponse.Failed Failed(TokenResponse response, FailureKind kind)
    {
        var failed = response.Should().BeOfType<TokenResponse.Failed>().Subject;
        failed.Kind.Should().Be(kind, failed.Detail);
        return failed;
    }

    private static OAuthClient Client(string secret = GrantServer.ClientSecret) => new(GrantServer.ClientId, new SecretValue(secret));

    [Fact]
    public async Task Client_credentials_bring_a_token_for_the_scopes_the_audience_and_the_parameters()
    {
        var grant = new Grant.ClientCredentials { Audience = "https://api.example", Resource = "https://resource.example", GrantType = "account_credentials", Parameters = new Dictionary<string, string> { ["account_id"] = "abc" } };
        var granted = Granted(await AskAsync("plain", grant, ["read", "write"], Client()));
        granted.ExpiresIn.Should().Be(TimeSpan.FromHours(1));
        granted.Scopes.Should().Equal("read", "write");
        var form = _server.Requests.Single().Form;
        form["scope"].Should().Be("read write");
        form["grant_type"].Should().Be("account_credentials");
        form["account_id"].Should().Be("abc");
        form["resource"].Should().Be("https://resource.example");
    }

    [Fact]
    public async Task A_rejected_client_is_named_and_a_refused_scope_or_audience_is_a_matter_of_the_grant()
    {
        Failed(await AskAsync("plain", new Grant.ClientCredentials(), client: Client("another-secret-of-nobody")), FailureKind.ClientRejected);
        Failed(await AskAsync("plain", new Grant.ClientCredentials(), ["forbidden"], Client()), FailureKind.GrantRejected).Detail.Should().Contain("invalid_scope");
        Failed(await AskAsync("plain", new Grant.ClientCredentials { Audience = "https://other.example" }, client: Client()), FailureKind.GrantRejected).Detail.Should().Contain("audience");
    }

    [Fact]
    public async Task A_refresh_token_that_a_server_adds_is_ignored()
    {
        _server.Next.Enqueue((200, """{"access_token":"access-token-1","expires_in":3600,"refresh_token":"refresh-token-1","refresh_token_expires_in":7200}"""));
        var granted = Granted(await AskAsync("plain", new Grant.ClientCredentials(), client: Client()));
        granted.RefreshToken.Should().BeNull();
        granted.RefreshTokenExpiresIn.Should().BeNull();
    }

    [Fact]
    public async Task No_answer_says_that_someone_must_consent()
    {
        _server.Next.Enqueue((400, """{"error":"invalid_grant","error_description":"Bad Request"}"""));
        Failed(await AskAsync("plain", new Grant.ClientCredentials(), client: Client()), FailureKind.GrantRejected);
        foreach (var kind in Enum.GetValues<FailureKind>())
            MachineGrants.KindOf(kind, new GrantRequest(null, new TokenSet())).Should().NotBe(FailureKind.ReauthorizationRequired).And.NotBe(FailureKind.SessionPolicyReauth).And.NotBe(FailureKind.ClientRejected);
    }

    [Fact]
    public async Task A_temporary_failure_stays_one()
    {
        _server.Next.Enqueue((503, ""));
        Failed(await AskAsync("plain", new Grant.ClientCredentials(), client: Client()), FailureKind.ProviderUnavailable);
        _server.Next.Enqueue((429, ""));
        Failed(await AskAsync("github-app", App, key: GitHubKey), FailureKind.RateLimited);
        _server.Next.Enqueue((502, "<html>"));
        Failed(await AskAsync("github-app", App, key: GitHubKey), FailureKind.ProviderUnavailable);
    }

    [Fact]
    public async Task A_service_account_acts_for_a_person_and_the_token_endpoint_of_its_file_is_not_used()
    {
        Granted(await AskAsync("google", Gmail, [GrantServer.Scope], key: ServiceAccountKey)).ExpiresIn.Should().Be(TimeSpan.FromHours(1));
        _server.Issued.Values.Should().Equal(GrantServer.Person);
        _server.Requests.Should().ContainSingle("https://elsewhere.example is in the file");
        Granted(await AskAsync("google", Gmail with { Subject = null }, [GrantServer.Scope], key: ServiceAccountKey));
        _server.Issued.Values.Should().Contain(GrantServer.ServiceAccount);
    }

    [Fact]
    public async Task A_delegation_that_is_missing_names_the_numeric_ID_to_delegate()
    {
        _server.IsDelegated = false;
        Failed(await AskAsync("google", Gmail, [GrantServer.Scope], key: ServiceAccountKey), FailureKind.NotDelegated).Detail.Should().EndWith($"the numeric client ID is {GrantServer.ServiceAccountId}");
    }

    [Theory]
    [InlineData("unauthorized_client", "Unauthorized client or scope in request.", FailureKind.NotDelegated)]
    [InlineData("access_denied", "anything", FailureKind.NotDelegated)]
    [InlineData("access_denied", "Account restricted", FailureKind.SubjectRejected)]
    [InlineData("invalid_request", "Invalid impersonation \"sub\" field: nobody@example.com", FailureKind.SubjectRejected)]
    [InlineData("invalid_grant", "Invalid grant: account not found", FailureKind.KeyRejected)]
    [InlineData("invalid_grant", "Robot is disabled.", FailureKind.KeyRejected)]
    [InlineData("admin_policy_enforced", "anything", FailureKind.AdminPolicyBlocked)]
    [InlineData("org_internal", "anything", FailureKind.AdminPolicyBlocked)]
    [InlineData("invalid_grant", "Not a valid email.", FailureKind.SubjectRejected)]
    [InlineData("invalid_grant", "Invalid email or User ID", FailureKind.SubjectRejected)]
    [InlineData("invalid_grant", "The account has been deleted", FailureKind.SubjectRejected)]
    [InlineData("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.", FailureKind.ClockSkewed)]
    [InlineData("invalid_grant", "Invalid JWT Signature.", FailureKind.KeyRejected)]
    [InlineData("invalid_grant", "Bad Request", FailureKind.GrantRejected)]
    [InlineData("invalid_scope", "Invalid OAuth scope or ID token audience provided.", FailureKind.GrantRejected)]
    [InlineData("disabled_client", "anything", FailureKind.KeyRejected)]
    [InlineData("deleted_client", "anything", FailureKind.KeyRejected)]
    [InlineData("invalid_client", "anything", FailureKind.KeyRejected)]
    [InlineData("internal_failure", "Backend Error", FailureKind.ProviderUnavailable)]
    public async Task Each_of_Googles_answers_to_an_assertion_has_its_meaning(string code, string description, FailureKind kind)
    {
        _server.Next.Enqueue((400, new JsonObject { ["error"] = code, ["error_description"] = description }.ToJsonString()));
        Failed(await AskAsync("google", Gmail, [GrantServer.Scope], key: ServiceAccountKey), kind);
    }

    [Theory]
    [InlineData("wrong key", FailureKind.KeyRejected)]
    [InlineData("slow clock", FailureKind.ClockSkewed)]
    [InlineData("fast clock", FailureKind.ClockSkewed)]
    [InlineData("unknown person", FailureKind.SubjectRejected)]
    [InlineData("other scope", FailureKind.GrantRejected)]
    [InlineData("no issuer", FailureKind.GrantRejected)]
    [InlineData("other algorithm", FailureKind.GrantRejected)]
    public async Task What_is_wrong_with_an_assertion_is_told_apart(string what, FailureKind kind)
    {
        _time.Advance(what == "fast clock" ? TimeSpan.FromMinutes(5) : TimeSpan.Zero);
        _serverTime.Advance(what == "slow clock" ? TimeSpan.FromMinutes(5) : TimeSpan.Zero);
        var key = what is "wrong key" or "no issuer" ? OtherKey() with { ServiceAccount = what == "no issuer" ? null : GrantServer.ServiceAccount } : ServiceAccountKey;
        var grant = what switch
        {
            "unknown person" => Gmail with { Subject = "nobody@example.com" },
            "other algorithm" => Gmail with { Algorithm = "ES256" },
            _ => Gmail,
        };
        var failed = Failed(await AskAsync("google", grant, [what == "other scope" ? "other" : GrantServer.Scope], key: key), kind);
        failed.Detail.Should().NotContain("eyJ").And.NotContain("BEGIN");
    }

    [Fact]
    public async Task A_general_assertion_has_the_claims_of_the_spec_and_the_client_can_authenticate_beside_it()
    {
        _server.Next.Enqueue((200, """{"access_token":"access-token-1","expires_in":3600}"""));
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var grant = new Grant.JwtBearer { Issuer = "app", Subject = "42", Audience = "https://login.example", Algorithm = "ES256", KeyId = "k", Claims = new Dictionary<string, string> { ["box_sub_type"] = "user" } };
        Granted(await AskAsync("plain", grant, ["a", "b"], Client(), Key(curve.ExportECPrivateKeyPem())));

        var form = _server.Requests.Single().Form;
        form["client_secret"].Should().Be(GrantServer.ClientSecret);
        var parts = form["assertion"].Split('.');
        var (header, claims) = (Decode(parts[0]), Decode(parts[1]));
        ((string?)header["alg"]).Should().Be("ES256");
        ((string?)header["kid"]).Should().Be("k");
        ((string?)claims["iss"]).Should().Be("app");
        ((string?)claims["sub"]).Should().Be("42");
        ((string?)claims["aud"]).Should().Be("https://login.example");
        ((string?)claims["scope"]).Should().Be("a b");
        ((string?)claims["box_sub_type"]).Should().Be("user");
        ((long)claims["exp"]!).Should().Be(_time.GetUtcNow().ToUnixTimeSeconds() + 180);
        ((long)claims["iat"]!).Should().Be(_time.GetUtcNow().ToUnixTimeSeconds() - 30);
        curve.VerifyData(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Bytes(parts[2]), HashAlgorithmName.SHA256).Should().BeTrue();
    }

    /// <summary>"The 'exp' value exceeds the maximum value of 60 seconds beyond the issue time."</summary>
    [Fact]
    public async Task An_assertion_for_Box_is_valid_no_longer_than_Box_accepts()
    {
        _server.Next.Enqueue((200, """{"access_token":"access-token-1","expires_in":3600}"""));
        using var key = RSA.Create(2048);
        Granted(await AskAsync("box", new Grant.JwtBearer { Issuer = "app", Subject = "42" }, client: Client(), key: Key(key.ExportPkcs8PrivateKeyPem())));

        var claims = Decode(_server.Requests.Single().Form["assertion"].Split('.')[1]);
        ((long)claims["exp"]! - (long)claims["iat"]!).Should().BeLessThanOrEqualTo(60);
    }

    [Fact]
    public async Task A_GitHub_App_gets_a_token_for_the_repositories_and_the_permissions_of_the_spec()
    {
        var grant = App with { Repositories = ["one", "two"], Permissions = new Dictionary<string, string> { ["contents"] = "read" } };
        var granted = Granted(await AskAsync("github-app", grant, key: GitHubKey));
        granted.ExpiresIn.Should().Be(TimeSpan.FromHours(1));
        granted.Scopes.Should().Equal("contents:read");
        _server.Issued.Values.Should().Equal("""["one","two"] {"contents":"read"}""");
        Granted(await AskAsync("github-app", App, key: GitHubKey)).Scopes.Should().Equal("contents:write", "metadata:read");
    }

    [Fact]
    public async Task A_GitHub_App_gets_a_token_for_as_many_repositories_as_its_installation_has()
    {
        _server.Repositories = [.. Enumerable.Range(0, 500).Select(number => $"service-{number}")];
        Granted(await AskAsync("github-app", App with { Repositories = [.. _server.Repositories] }, key: GitHubKey));
    }

    /// <summary>The words "PRIVATE KEY" are in each key file, and mean nothing secret.</summary>
    [Fact]
    public async Task A_message_about_something_private_is_shown() =>
        Failed(await AskAsync("github-app", App with { InstallationId = null, Owner = "nobody", Repository = "private-charts" }, key: GitHubKey), FailureKind.InstallationMissing)
            .Detail.Should().Contain("nobody/private-charts").And.Contain("Not Found");

    [Theory]
    [InlineData("example", null)]
    [InlineData("example", "one")]
    [InlineData("marcus", null)]
    public async Task An_installation_is_found_by_its_organization_repository_or_user(string owner, string? repository) =>
        Granted(await AskAsync("github-app", App with { InstallationId = null, Owner = owner, Repository = repository }, key: GitHubKey));

    [Theory]
    [InlineData("wrong key", FailureKind.KeyRejected)]
    [InlineData("slow clock", FailureKind.ClockSkewed)]
    [InlineData("not installed", FailureKind.InstallationMissing)]
    [InlineData("wrong id", FailureKind.InstallationMissing)]
    [InlineData("suspended", FailureKind.InstallationMissing)]
    [InlineData("other repository", FailureKind.GrantRejected)]
    [InlineData("rate limit", FailureKind.RateLimited)]
    public async Task What_is_wrong_with_a_GitHub_App_is_told_apart(string what, FailureKind kind)
    {
        _serverTime.Advance(what == "slow clock" ? TimeSpan.FromHours(1) : TimeSpan.Zero);
        _server.IsSuspended = what == "suspended";
        if (what == "rate limit")
            _server.Next.Enqueue((403, """{"message":"API rate limit exceeded for installation ID 777."}"""));
        var grant = what switch
        {
            "not installed" => App with { InstallationId = null, Owner = "nobody" },
            "wrong id" => App with { InstallationId = 1 },
            "other repository" => App with { Repositories = ["four"] },
            _ => App,
        };
        var failed = Failed(await AskAsync("github-app", grant, key: what == "wrong key" ? OtherKey() : GitHubKey), kind);
        failed.Detail.Should().NotContain("eyJ").And.NotContain("ghs_");
    }

    /// <summary>Answers of a server that is broken or hostile.</summary>
    [Theory]
    [InlineData(404, """{"message":"\ud800"}""", FailureKind.InstallationMissing)]
    [InlineData(404, """{"\udc00":1,"message":"Not Found"}""", FailureKind.InstallationMissing)]
    [InlineData(400, """{"error":{"message":"\ud800"}}""", FailureKind.GrantRejected)]
    [InlineData(200, """{"id":1e28}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"id":-1}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"id":"x"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"id":7,"token":"\ud800","expires_at":"2026-05-01T13:00:00Z"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"id":7,"token":"ghs_1","expires_at":"9999-12-31T23:59:59Z"}""", FailureKind.InvalidResponse)]
    [InlineData(200, """{"id":7,"token":"ghs_1","expires_at":"2026-05-01T13:00:00Z","permissions":{"\ud800":"read"}}""", FailureKind.InvalidResponse)]
    [InlineData(404, """{"message":"Integration not found","documentation_url":"https://docs.github.com/rest"}""", FailureKind.KeyRejected)]
    [InlineData(403, """{"message":"Although you appear to have the correct authorization credentials, the `example` organization has an IP allow list enabled, and your IP address is not permitted to access this resource."}""", FailureKind.AdminPolicyBlocked)]
    [InlineData(401, """{"message":"'Issuer' claim ('iss') must be an Integer"}""", FailureKind.KeyRejected)]
    [InlineData(401, """{"message":"'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"}""", FailureKind.ClockSkewed)]
    public async Task An_answer_that_cannot_be_used_is_a_failure(int status, string body, FailureKind kind)
    {
        var transport = new FixedTransport(new GrantReply(status, TimeSpan.FromDays(30), Encoding.UTF8.GetBytes(body), ""));
        var grants = new MachineGrants(Document("github-app"), transport, new WorkloadIdentityFile(null), _time);

        var failed = Failed(await grants.RequestAsync(new GrantRequest(null, new TokenSet()) { Grant = App with { InstallationId = null, Owner = "example" }, Key = GitHubKey }), kind);

        (failed.RetryAfter ?? TimeSpan.Zero).Should().BeLessThanOrEqualTo(TimeSpan.FromHours(1));
    }

    private sealed class FixedTransport(GrantReply reply) : IGrantTransport
    {
        public Task<TokenResponse> PostAsync(ProviderDocument document, Uri endpoint, OAuthClient? client, IEnumerable<SecretValue?> secrets, IEnumerable<(string Name, string? Value)> parameters) =>
            throw new NotSupportedException();

        public Task<GrantReply> SendAsync(HttpRequestMessage message, int maxBytes, TimeSpan timeout) => Task.FromResult(reply);
    }

    [Fact]
    public async Task An_installation_token_is_revoked_at_GitHub()
    {
        var token = new TokenSet { AccessToken = Granted(await AskAsync("github-app", App, key: GitHubKey)).AccessToken };
        (await At("github-app").RevokeAsync(token)).Revoked.Should().BeTrue();
        _server.Issued.Should().BeEmpty();
        (await At("github-app").RevokeAsync(token)).Revoked.Should().BeTrue("it no longer works");
    }

    [Fact]
    public async Task The_operators_own_token_is_the_client_assertion_at_Entra_and_is_read_anew_each_time()
    {
        await File.WriteAllTextAsync(_file, "expired.token.value");
        Failed(await AskAsync("microsoft", Entra, ["https://graph.microsoft.com/.default"]), FailureKind.GrantRejected).Detail.Should().Contain("700213").And.NotContain("expired.token");
        await File.WriteAllTextAsync(_file, _server.WorkloadToken() + "\n");
        Granted(await AskAsync("microsoft", Entra, ["https://graph.microsoft.com/.default"]));
        Failed(await AskAsync("microsoft", Entra with { ClientId = "other" }, ["https://graph.microsoft.com/.default"]), FailureKind.GrantRejected).Detail.Should().Contain("AADSTS700016");
    }

    [Theory]
    [InlineData(null)]
    [InlineData(GrantServer.Person)]
    public async Task The_operators_own_token_is_exchanged_for_a_service_account_at_Google_or_for_a_person_whom_it_acts_for(string? subject)
    {
        await File.WriteAllTextAsync(_file, _server.WorkloadToken());
        Granted(await AskAsync("google", Google with { Subject = subject }, [GrantServer.Scope])).ExpiresIn.Should().Be(TimeSpan.FromHours(1));
        _server.Issued.Values.Should().BeEquivalentTo("federated", subject ?? $"{GrantServer.ServiceAccount} {GrantServer.Scope}");
    }

    [Theory]
    [InlineData("wrong subject", "rejected by the attribute condition")]
    [InlineData("wrong pool", "invalid_target")]
    [InlineData("other account", "PERMISSION_DENIED")]
    public async Task A_trust_that_is_missing_at_Google_is_told_in_its_words(string what, string words)
    {
        await File.WriteAllTextAsync(_file, _server.WorkloadToken(what == "wrong subject" ? "system:serviceaccount:other:other" : GrantServer.WorkloadSubject));
        var grant = what switch
        {
            "wrong pool" => Google with { GoogleAudience = "//iam.googleapis.com/projects/1/other" },
            "other account" => Google with { ServiceAccount = "other@example.iam.gserviceaccount.com" },
            _ => Google,
        };
        Failed(await AskAsync("google", grant, [GrantServer.Scope]), FailureKind.GrantRejected).Detail.Should().Contain(words).And.NotContain("eyJ").And.NotContain("issued-");
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_is_named_and_nothing_is_sent()
    {
        File.Delete(_file);
        Failed(await AskAsync("microsoft", Entra, ["a/.default"]), FailureKind.ProviderUnavailable).Detail.Should().Contain("WorkloadIdentityTokenFile");
        await File.WriteAllTextAsync(_file, "not a token\nat all");
        Failed(await AskAsync("microsoft", Entra, ["a/.default"]), FailureKind.ProviderUnavailable).Detail.Should().Contain("holds no token");
        _server.Requests.Should().BeEmpty();
    }

    [Fact]
    public void A_provider_that_cannot_serve_a_grant_says_so()
    {
        At("google").FindUnsupported(Gmail).Should().BeNull();
        At("google").FindUnsupported(Google).Should().BeNull();
        At("google").FindUnsupported(App).Should().Contain("github-app");
        At("google").FindUnsupported(Entra).Should().Contain("clientAssertion");
        At("microsoft").FindUnsupported(Entra).Should().BeNull();
        At("microsoft").FindUnsupported(Google).Should().Contain("exchangeEndpoint");
        At("github-app").FindUnsupported(App).Should().BeNull();
        At("github-app").FindUnsupported(new Grant.ClientCredentials()).Should().Contain("GitHubApp");
        At("github-app").FindUnsupported(Grant.RefreshToken.Instance).Should().Contain("GitHubApp");
    }

    private static JsonNode Decode(string part) => JsonNode.Parse(Bytes(part))!;

    private static byte[] Bytes(string part) => System.Buffers.Text.Base64Url.DecodeFromChars(part);
}
