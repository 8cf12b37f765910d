using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.Providers.OAuth2;

/// <summary>Against OpenIddict, an independent authorization server.</summary>
public sealed class OpenIddictTests
{
    private static readonly OAuthClient Client = new(OpenIddictServer.ClientId, new(OpenIddictServer.ClientSecret));

    [Fact]
    public async Task A_refresh_returns_an_access_token_that_the_server_reports_as_active()
    {
        await using var server = await OpenIddictServer.StartAsync(new OpenIddictServerOptions { RollingRefreshTokens = false });
        using var test = ProviderFor(server);
        var refreshToken = await server.IssueRefreshTokenAsync("marcus");

        var granted = (TokenResponse.Granted)await RefreshAsync(test, refreshToken);

        (await server.IsActiveAsync(granted.AccessToken.Reveal())).Should().BeTrue();
        granted.ExpiresIn!.Value.TotalSeconds.Should().BeInRange(3500, 3600);
        granted.RefreshToken.Should().BeNull("it does not roll, so the old one is kept");
        (await RefreshAsync(test, refreshToken)).Should().BeOfType<TokenResponse.Granted>();
    }

    [Fact]
    public async Task A_rolling_refresh_token_keeps_working_and_its_reuse_ends_the_chain()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var test = ProviderFor(server);
        var first = await server.IssueRefreshTokenAsync("marcus");

        var second = ((TokenResponse.Granted)await RefreshAsync(test, first)).RefreshToken!.Reveal();
        var third = ((TokenResponse.Granted)await RefreshAsync(test, second)).RefreshToken!.Reveal();
        var reuse = (TokenResponse.Failed)await RefreshAsync(test, first);
        var after = await RefreshAsync(test, third);

        reuse.Kind.Should().Be(FailureKind.ReauthorizationRequired);
        after.Should().BeOfType<TokenResponse.Failed>();
    }

    [Fact]
    public async Task Within_the_leeway_a_used_refresh_token_is_still_valid()
    {
        await using var server = await OpenIddictServer.StartAsync(new OpenIddictServerOptions { ReuseLeeway = TimeSpan.FromHours(1) });
        using var test = ProviderFor(server);
        var first = await server.IssueRefreshTokenAsync("marcus");

        await RefreshAsync(test, first);

        (await RefreshAsync(test, first)).Should().BeOfType<TokenResponse.Granted>();
    }

    [Fact]
    public async Task A_wrong_client_secret_is_a_failure_of_the_client_and_not_of_the_account()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var test = ProviderFor(server);
        var refreshToken = await server.IssueRefreshTokenAsync("marcus");

        var answer = await test.Provider.RefreshAsync(new GrantRequest(Client with { ClientSecret = new("wrong") }, new TokenSet { RefreshToken = new(refreshToken) }), CancellationToken.None);

        answer.Should().BeOfType<TokenResponse.Failed>().Which.Kind.Should().Be(FailureKind.ClientRejected);
        (await RefreshAsync(test, refreshToken)).Should().BeOfType<TokenResponse.Granted>();
    }

    private static Task<TokenResponse> RefreshAsync(TestProvider test, string refreshToken) =>
        test.Provider.RefreshAsync(new GrantRequest(Client, new TokenSet { RefreshToken = new(refreshToken) }), CancellationToken.None);

    private static TestProvider ProviderFor(OpenIddictServer server) => new(
        TestDocuments.Read($"tokenEndpoint: {server.TokenEndpoint}\nrevocation: {{endpoint: \"{server.RevocationEndpoint}\"}}"));
}
