using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.OAuth2;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.Providers.OAuth2;

/// <summary>The code grant against an authorization server that nobody here wrote, with its page filled in.</summary>
public sealed class ConsentTests
{
    private static readonly OAuthClient Client = new(OpenIddictServer.ClientId, new(OpenIddictServer.ClientSecret));
    private static readonly Uri Redirect = new("http://127.0.0.1:40123/");

    [Fact]
    public void The_address_asks_Google_for_a_refresh_token_by_PKCE_and_for_who_consents()
    {
        using var provider = new OAuth2TokenProvider(ProviderOptions.Google, TimeProvider.System, NullLogger<OAuth2TokenProvider>.Instance);
        var pkce = new Pkce(new SecretValue("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));

        var address = provider.AddressFor(Request(pkce) with { Scopes = ["https://mail.google.com/", "email"], LoginHint = "marcus@example.com" })!;

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
    public async Task A_consent_brings_tokens_that_work_and_who_gave_it()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var provider = ProviderFor(server);
        var pkce = Pkce.New();

        var reply = await AskAsync(provider, pkce);
        var answer = await provider.ExchangeCodeAsync(Client, reply.Code!, pkce, Redirect, CancellationToken.None);

        var granted = answer.Should().BeOfType<CodeExchangeResponse.Granted>().Subject;
        reply.Answers("state-1").Should().BeTrue();
        granted.Identity.Should().Be(new Identity("marcus", "marcus@example.com"));
        ConsentCheck.Refuse(granted, new ExpectedIdentity("marcus@example.com", null), ["mail"]).Should().BeNull();
        (await server.IsActiveAsync(granted.Token.AccessToken.Reveal())).Should().BeTrue();
        (await provider.RefreshAsync(Client, granted.Token.RefreshToken!, CancellationToken.None)).Should().BeOfType<TokenResponse.Granted>();
    }

    [Fact]
    public async Task A_consent_from_another_issuer_than_the_settings_name_is_nobodys()
    {
        await using var server = await OpenIddictServer.StartAsync();
        foreach (var (issuer, good) in new[] { (server.TokenEndpoint.GetLeftPart(UriPartial.Authority) + "/", true), ("https://login.example", false) })
        {
            using var provider = ProviderFor(server, issuer);
            var pkce = Pkce.New();
            var granted = (CodeExchangeResponse.Granted)await provider.ExchangeCodeAsync(Client, (await AskAsync(provider, pkce)).Code!, pkce, Redirect, CancellationToken.None);
            (granted.Identity is not null).Should().Be(good, granted.Unidentified);
            (ConsentCheck.Refuse(granted, new ExpectedIdentity("marcus@example.com", null), ["mail"]) is null).Should().Be(good);
        }
    }

    [Fact]
    public async Task A_code_is_of_no_use_a_second_time_or_without_its_verifier()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var provider = ProviderFor(server);
        var pkce = Pkce.New();

        var stolen = await AskAsync(provider, pkce);
        var thief = await provider.ExchangeCodeAsync(Client, stolen.Code!, Pkce.New(), Redirect, CancellationToken.None);
        var reply = await AskAsync(provider, pkce);
        await provider.ExchangeCodeAsync(Client, reply.Code!, pkce, Redirect, CancellationToken.None);
        var again = await provider.ExchangeCodeAsync(Client, reply.Code!, pkce, Redirect, CancellationToken.None);

        thief.Should().BeOfType<CodeExchangeResponse.Failed>().Which.Kind.Should().Be(FailureKind.ReauthorizationRequired);
        var failed = again.Should().BeOfType<CodeExchangeResponse.Failed>().Subject;
        failed.Kind.Should().Be(FailureKind.ReauthorizationRequired);
        failed.Detail.Should().Contain("invalid_grant").And.NotContain(reply.Code!.Reveal());
    }

    [Fact]
    public async Task A_denied_consent_comes_back_as_such()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var provider = ProviderFor(server);
        using var browser = new PlainBrowser();

        var back = await browser.ConsentAsync(provider.AddressFor(Request(Pkce.New()))!, "marcus", allow: false);

        AuthorizationResponse.Read(back.Query).IsDenied.Should().BeTrue();
    }

    [Fact]
    public async Task Without_the_wish_for_offline_access_the_missing_refresh_token_is_noticed()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var provider = ProviderFor(server, null, "openid", "email");
        var pkce = Pkce.New();

        var answer = await provider.ExchangeCodeAsync(Client, (await AskAsync(provider, pkce)).Code!, pkce, Redirect, CancellationToken.None);

        ConsentCheck.Refuse((CodeExchangeResponse.Granted)answer, new ExpectedIdentity(null, null), ["mail"]).Should().Contain("no refresh token");
    }

    [Fact]
    public void A_provider_without_authorization_endpoint_asks_nobody()
    {
        using var provider = new OAuth2TokenProvider(
            new ProviderOptions { Name = "acme", TokenEndpoint = new("https://acme.example/token") }, TimeProvider.System, NullLogger<OAuth2TokenProvider>.Instance);

        provider.AddressFor(Request(Pkce.New())).Should().BeNull();
    }

    private static async Task<AuthorizationResponse> AskAsync(OAuth2TokenProvider provider, Pkce pkce)
    {
        using var browser = new PlainBrowser();
        return AuthorizationResponse.Read((await browser.ConsentAsync(provider.AddressFor(Request(pkce))!, "marcus")).Query);
    }

    private static AuthorizationRequest Request(Pkce pkce) => new() { ClientId = Client.ClientId, RedirectUri = Redirect, Scopes = ["mail"], State = "state-1", Pkce = pkce };

    private static OAuth2TokenProvider ProviderFor(OpenIddictServer server, string? issuer = null, params string[] scopes) => new(
        new ProviderOptions
        {
            Name = "openiddict",
            TokenEndpoint = server.TokenEndpoint,
            AuthorizationEndpoint = server.AuthorizationEndpoint,
            Issuers = issuer is null ? [] : [issuer],
            ConsentScopes = scopes.Length > 0 ? scopes : ["openid", "email", "offline_access"],
        },
        TimeProvider.System,
        NullLogger<OAuth2TokenProvider>.Instance);
}
