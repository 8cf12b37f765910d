using Microsoft.AspNetCore.WebUtilities;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.Providers.OAuth2;

/// <summary>The code grant against OpenIddict, an independent authorization server, with its page filled in.</summary>
public sealed class OAuth2AuthorizationProviderTests
{
    private static readonly OAuthClient Client = new(OpenIddictServer.ClientId, new(OpenIddictServer.ClientSecret));
    private static readonly Uri Redirect = new("http://127.0.0.1:40123/");

    [Fact]
    public void The_authorization_address_requests_a_refresh_token_from_Google_with_PKCE_and_an_identity()
    {
        using var test = new TestProvider(TestDocuments.Google);
        var pkce = new Pkce(new SecretValue("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));

        var address = test.Provider.Authorization!.AuthorizationUri(Request(pkce) with { Scopes = ["https://mail.google.com/", "email"], LoginHint = "marcus@example.com" });

        address.GetLeftPart(UriPartial.Path).Should().Be("https://accounts.google.com/o/oauth2/v2/auth");
        QueryHelpers.ParseQuery(address.Query).ToDictionary(field => field.Key, field => field.Value.ToString()).Should().Equal(new Dictionary<string, string>
        {
            ["response_type"] = "code",
            ["client_id"] = OpenIddictServer.ClientId,
            ["redirect_uri"] = "http://127.0.0.1:40123/",
            ["scope"] = "https://mail.google.com/ email openid",
            ["state"] = "state-1",
            // RFC 7636 appendix B.
            ["code_challenge"] = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            ["code_challenge_method"] = "S256",
            ["access_type"] = "offline",
            ["prompt"] = "consent",
            ["login_hint"] = "marcus@example.com",
        });
    }

    [Fact]
    public async Task A_consent_returns_tokens_that_work_and_an_identity()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var test = ProviderFor(server);
        var pkce = Pkce.New();

        var response = await AuthorizeAsync(test, pkce);
        var exchanged = await test.Provider.Authorization!.ExchangeCodeAsync(Client, response, pkce, Redirect, CancellationToken.None);

        var granted = exchanged.Should().BeOfType<CodeExchangeResponse.Granted>().Subject;
        response.MatchesState("state-1").Should().BeTrue();
        granted.Identity.Should().Be(new Identity("marcus", "marcus@example.com"));
        ConsentValidator.FindError(test.Provider.Document, granted, new ExpectedIdentity("marcus@example.com", null), ["mail"]).Should().BeNull();
        (await server.IsActiveAsync(granted.Token.AccessToken.Reveal())).Should().BeTrue();
        (await test.Provider.RefreshAsync(new GrantRequest(Client, granted.ToTokenSet(DateTimeOffset.UtcNow, test.Provider.Document)), CancellationToken.None)).Should().BeOfType<TokenResponse.Granted>();
    }

    [Fact]
    public async Task A_consent_from_an_issuer_that_the_settings_do_not_name_has_no_identity()
    {
        await using var server = await OpenIddictServer.StartAsync();
        foreach (var (issuer, good) in new[] { (server.TokenEndpoint.GetLeftPart(UriPartial.Authority) + "/", true), ("https://login.example", false) })
        {
            using var test = ProviderFor(server, issuer);
            var pkce = Pkce.New();
            var granted = (CodeExchangeResponse.Granted)await test.Provider.Authorization!.ExchangeCodeAsync(Client, await AuthorizeAsync(test, pkce), pkce, Redirect, CancellationToken.None);
            (granted.Identity is not null).Should().Be(good, granted.Unidentified);
            (ConsentValidator.FindError(test.Provider.Document, granted, new ExpectedIdentity("marcus@example.com", null), ["mail"]) is null).Should().Be(good);
        }
    }

    [Fact]
    public async Task A_code_is_of_no_use_a_second_time_or_without_its_verifier()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var test = ProviderFor(server);
        var pkce = Pkce.New();

        var stolen = await AuthorizeAsync(test, pkce);
        var thief = await test.Provider.Authorization!.ExchangeCodeAsync(Client, stolen, Pkce.New(), Redirect, CancellationToken.None);
        var response = await AuthorizeAsync(test, pkce);
        await test.Provider.Authorization!.ExchangeCodeAsync(Client, response, pkce, Redirect, CancellationToken.None);
        var again = await test.Provider.Authorization!.ExchangeCodeAsync(Client, response, pkce, Redirect, CancellationToken.None);

        thief.Should().BeOfType<CodeExchangeResponse.Failed>().Which.Kind.Should().Be(FailureKind.ReauthorizationRequired);
        var failed = again.Should().BeOfType<CodeExchangeResponse.Failed>().Subject;
        failed.Kind.Should().Be(FailureKind.ReauthorizationRequired);
        failed.Detail.Should().Contain("invalid_grant").And.NotContain(response.Code!.Reveal());
    }

    [Fact]
    public async Task A_denied_consent_is_reported_as_denied()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var test = ProviderFor(server);
        using var browser = new PlainBrowser();

        var back = await browser.ConsentAsync(test.Provider.Authorization!.AuthorizationUri(Request(Pkce.New())), "marcus", allow: false);

        AuthorizationResponse.Read(back.Query).IsDenied.Should().BeTrue();
    }

    [Fact]
    public async Task Without_the_offline_access_scope_the_missing_refresh_token_is_an_error()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var test = ProviderFor(server, null, "openid", "email");
        var pkce = Pkce.New();

        var exchanged = await test.Provider.Authorization!.ExchangeCodeAsync(Client, await AuthorizeAsync(test, pkce), pkce, Redirect, CancellationToken.None);

        ConsentValidator.FindError(test.Provider.Document, (CodeExchangeResponse.Granted)exchanged, new ExpectedIdentity(null, null), ["mail"]).Should().Contain("no refresh token");
    }

    [Fact]
    public void A_provider_without_an_authorization_endpoint_offers_no_consent()
    {
        var options = TestDocuments.Read("tokenEndpoint: https://acme.example/token");
        using var test = new TestProvider(options);
        using var endpoints = new TokenEndpointClient(TimeProvider.System);

        test.Provider.Authorization.Should().BeNull();
        FluentActions.Invoking(() => new OAuth2AuthorizationProvider(options, endpoints, TimeProvider.System)).Should().Throw<ArgumentException>();
    }

    private static async Task<AuthorizationResponse> AuthorizeAsync(TestProvider test, Pkce pkce)
    {
        using var browser = new PlainBrowser();
        return AuthorizationResponse.Read((await browser.ConsentAsync(test.Provider.Authorization!.AuthorizationUri(Request(pkce)), "marcus")).Query);
    }

    private static AuthorizationRequest Request(Pkce pkce) => new() { ClientId = Client.ClientId, RedirectUri = Redirect, Scopes = ["mail"], State = "state-1", Pkce = pkce };

    private static TestProvider ProviderFor(OpenIddictServer server, string? issuer = null, params string[] scopes) => new(
        new ProviderDocument
        {
            Name = "openiddict",
            DisplayName = "OpenIddict",
            TokenEndpoint = server.TokenEndpoint,
            AuthorizationEndpoint = server.AuthorizationEndpoint,
            Identity = new IdentityRules { Issuers = issuer is null ? [] : [issuer] },
            Scopes = new ScopeRules { Consent = scopes.Length > 0 ? scopes : ["openid", "email", "offline_access"] },
        });
}
