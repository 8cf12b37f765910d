using System.Text.Json.Nodes;
using System.Web;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.Providers.Catalogue;

/// <summary>Each provider of the catalogue against a server that speaks as the provider does: tests/TokenOperator.Tests/Providers/Exchanges.</summary>
public sealed class RecordedExchangeTests
{
    private const string RefreshToken = "rt-0";
    private const string AccessToken = "at-0";
    private const string State = "state-1";

    private static readonly string[] Methods = ["post", "basic", "none", "secretAsUser"];
    private static readonly Uri RedirectUri = new("http://127.0.0.1:8765/");
    private static readonly Pkce Pkce = Pkce.New();
    private static readonly FakeTimeProvider Time = new(DateTimeOffset.Parse("2026-05-01T12:00:00Z"));

    public static TheoryData<string> Names => [.. CatalogueEntry.Names.Where(name => CatalogueEntry.Read(name).Json["protocol"] is null)];

    public static TheoryData<string> NamesWithRevocation => [.. CatalogueEntry.Names.Where(name => CatalogueEntry.Read(name).Resolve().Revocation is not null)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_provider_gets_what_it_expects_and_its_answers_are_understood(string name)
    {
        await using var test = await Conversation.StartAsync(name);

        var steps = test.Server.Steps.ToList();
        steps.Exists(step => (string?)step["call"] == "revoke" && (bool)step["revoked"]!).Should().Be(test.Provider.Document.Revocation is not null, $"{name} has a recorded revocation exactly if it can revoke");
        foreach (var step in steps)
            await test.RunAsync(step);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_request_for_consent_has_the_parameters_of_the_provider(string name)
    {
        await using var test = await Conversation.StartAsync(name);
        var request = new AuthorizationRequest { ClientId = RecordedProvider.ClientId, RedirectUri = RedirectUri, Scopes = ["scope-a", "scope-b"], State = State, Pkce = Pkce };

        var address = test.Provider.Authorization!.AuthorizationUri(request);

        var query = HttpUtility.ParseQueryString(address.Query);
        query.AllKeys.ToDictionary(key => key!, key => query[key]!).Should().BeEquivalentTo(test.Server.ConsentParameters(["scope-a", "scope-b"], RedirectUri.AbsoluteUri, State, Pkce.Challenge));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_server_of_the_test_refuses_what_the_provider_refuses(string name)
    {
        var client = (string?)CatalogueEntry.Read(name).Exchange["client"] ?? "post";
        var wrong = Methods.Where(method => method != client)
            .Select(method => new JsonObject { ["clientAuthentication"] = new JsonObject { ["method"] = method } })
            .Append(new JsonObject { ["request"] = new JsonObject { ["headers"] = new JsonObject { ["Accept"] = "text/html" } } })
            .Append(new JsonObject { ["codeExchange"] = new JsonObject { ["parameters"] = new JsonObject { ["surplus"] = "1" } } })
            .Append(new JsonObject { ["codeExchange"] = new JsonObject { ["omit"] = new JsonArray("redirect_uri") } });
        foreach (var changes in wrong)
        {
            await using var test = await Conversation.StartAsync(name, changes);

            await test.SendAsync("code", new RecordedAnswer(200, """{"access_token":"at-1","expires_in":3600}""", "application/json"));

            test.Server.Refusals.Should().ContainSingle($"{name} refuses {changes.ToJsonString()}");
        }
    }

    [Theory]
    [MemberData(nameof(NamesWithRevocation))]
    public async Task The_server_of_the_test_refuses_a_revocation_that_the_provider_refuses(string name)
    {
        var exchange = CatalogueEntry.Read(name).Exchange;
        var client = (string?)exchange["client"] ?? "post";
        var own = (string?)exchange["revokeClient"] ?? client;
        // A public client has nothing to authenticate with.
        var proofs = client == "none" ? new[] { "token", "none" } : ["post", "basic", "token", "none"];
        var wrong = proofs.Where(proof => proof != own || (proof == client && client == "none")).Select(proof => ("authentication", proof))
            .Append(("method", (string?)exchange["revokeMethod"] == "DELETE" ? "POST" : "DELETE"))
            .Append(("format", (string?)exchange["revokeFormat"] == "json" ? "form" : "json"))
            .Append(("endpoint", "https://example.com/revoke"));
        foreach (var (field, value) in wrong)
        {
            await using var test = await Conversation.StartAsync(name, new JsonObject { ["revocation"] = new JsonObject { [field] = value } });

            var revoked = (RevocationResponse)await test.SendAsync("revoke", new RecordedAnswer(200, "{}", "application/json"));

            test.Server.Refusals.Should().ContainSingle($"{name} refuses a revocation with {field} {value}");
            revoked.Revoked.Should().BeFalse();
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_provider_that_is_overloaded_is_asked_again_later(string name)
    {
        await using var test = await Conversation.StartAsync(name);

        var throttled = await test.SendAsync("refresh", new RecordedAnswer(429, "Too many requests", "text/html", RetryAfter: 17));
        var down = await test.SendAsync("refresh", new RecordedAnswer(503, "<html>Down</html>", "text/html"));

        throttled.Should().BeOfType<TokenResponse.Failed>().Which.Should().BeEquivalentTo(new { Kind = FailureKind.RateLimited, RetryAfter = TimeSpan.FromSeconds(17) });
        down.Should().BeOfType<TokenResponse.Failed>().Which.Kind.Should().Be(FailureKind.ProviderUnavailable);
        test.Server.Refusals.Should().BeEmpty();
    }

    /// <summary>A provider of the catalogue, and the server in its place.</summary>
    private sealed class Conversation : IAsyncDisposable
    {
        private readonly TokenEndpointClient _endpoints;
        private readonly ProviderMetrics _metrics = new(new Meters(), TimeProvider.System);
        private readonly OAuthClient _client;

        private Conversation(CatalogueEntry entry, RecordedProvider server, ProviderDocument document)
        {
            (Entry, Server) = (entry, server);
            _endpoints = new TokenEndpointClient(Time, server.Transport());
            _client = new OAuthClient(RecordedProvider.ClientId, document.ClientAuthentication.Method == ClientAuthenticationMethod.None ? null : new SecretValue(server.ClientSecret));
            Provider = new OAuth2TokenProvider(document, _endpoints, new WorkloadIdentityFile(null), Time, _metrics, NullLogger<OAuth2TokenProvider>.Instance);
        }

        public CatalogueEntry Entry { get; }

        public RecordedProvider Server { get; }

        public OAuth2TokenProvider Provider { get; }

        public static async Task<Conversation> StartAsync(string name, JsonObject? changes = null)
        {
            var entry = CatalogueEntry.Read(name);
            return new Conversation(entry, await RecordedProvider.StartAsync(entry.Exchange), entry.Resolve(changes));
        }

        public async ValueTask DisposeAsync()
        {
            _endpoints.Dispose();
            _metrics.Dispose();
            await Server.DisposeAsync();
        }

        /// <summary>Runs one step of the recorded exchange.</summary>
        public async Task RunAsync(JsonObject step)
        {
            var call = (string)step["call"]!;
            var because = $"{Entry.Name}, {step.ToJsonString()}";

            var outcome = await SendAsync(call, RecordedProvider.AnswerOf(step, Time.GetUtcNow()));

            Server.Refusals.Should().BeEmpty(because);
            switch (outcome)
            {
                case RevocationResponse revocation:
                    revocation.Revoked.Should().Be((bool)step["revoked"]!, because);
                    break;
                case TokenResponse.Granted granted:
                    Check(granted, step, because);
                    break;
                case TokenResponse.StillValid:
                    ((bool?)step["stillValid"]).Should().BeTrue(because);
                    break;
                case CodeExchangeResponse.Granted granted:
                    Check(granted.Token, step, because);
                    granted.Identity?.Subject.Should().Be((string?)step["identity"], because);
                    (granted.Identity is null).Should().Be(step["identity"] is null, because);
                    break;
                case TokenResponse.Failed failed:
                    Check(failed.Kind, failed.MinDelay, step, because);
                    break;
                case CodeExchangeResponse.Failed failed:
                    Check(failed.Kind, null, step, because);
                    break;
                default:
                    throw new InvalidOperationException($"{outcome} is not expected: {because}");
            }
        }

        /// <summary>Makes one call, which the server expects to be as the recorded exchange says.</summary>
        public async Task<object> SendAsync(string call, RecordedAnswer answer)
        {
            Server.Expect(call, Parameters(call), answer, AccessToken);
            var token = new TokenSet { AccessToken = new(AccessToken), RefreshToken = new(RefreshToken) };
            return call switch
            {
                "refresh" => await Provider.RefreshAsync(new GrantRequest(_client, token), CancellationToken.None),
                "check" => await Provider.RefreshAsync(new GrantRequest(_client, new TokenSet { AccessToken = new(AccessToken), NeverExpires = true }), CancellationToken.None),
                "revoke" => await Provider.RevokeAsync(_client, token, CancellationToken.None),
                _ => await Provider.Authorization!.ExchangeCodeAsync(_client, Callback(), Pkce, RedirectUri, CancellationToken.None),
            };
        }

        private Dictionary<string, string?> Parameters(string call) => call switch
        {
            "revoke" => Server.RevocationParameters(AccessToken, RefreshToken),
            "check" => [],
            "refresh" => Server.RefreshParameters(RefreshToken),
            _ => Server.CodeParameters(RedirectUri.AbsoluteUri, Pkce.Verifier.Reveal()),
        };

        /// <summary>What the browser brings back.</summary>
        private AuthorizationResponse Callback() => AuthorizationResponse.Read(Server.Callback(State), Provider.Document.Authorization);

        private void Check(TokenResponse.Granted granted, JsonObject step, string because)
        {
            step["granted"].Should().NotBeNull(because);
            var expected = step["granted"]!.AsObject();
            granted.AccessToken.Reveal().Should().Be((string?)expected["accessToken"], because);
            granted.ExpiresIn.Should().Be((bool?)expected["never"] == true ? null : Duration(expected["expiresIn"]), because);
            granted.TokenType.Should().Be((string?)expected["tokenType"] ?? "Bearer", because);
            (granted.Scopes ?? []).Should().Equal(expected["scopes"]?.AsArray().Select(scope => (string)scope!) ?? [], because);
            granted.RefreshToken?.Reveal().Should().Be((string?)expected["refreshToken"], because);
            (granted.RefreshToken is null).Should().Be(expected["refreshToken"] is null, because);
            granted.RefreshTokenExpiresIn.Should().Be(Duration(expected["refreshTokenExpiresIn"]), because);
            // The caller adds what belongs to every token.
            Provider.Document.MergeExports(TokenSet.NoExports, granted.Exports).Should().BeEquivalentTo((expected["exports"]?.AsObject() ?? []).ToDictionary(export => export.Key, export => (string)export.Value!), because);
        }

        private static void Check(FailureKind kind, TimeSpan? delay, JsonObject step, string because)
        {
            kind.ToString().Should().Be((string?)step["failure"], because);
            delay.Should().Be(Duration(step["delay"]), because);
        }

        private static TimeSpan? Duration(JsonNode? text) => text is null ? null : DurationText.TryParse((string)text!, out var duration) ? duration : throw new FormatException($"{text} is not a duration.");
    }
}
