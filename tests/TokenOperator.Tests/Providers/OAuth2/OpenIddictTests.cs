using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.OAuth2;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.Providers.OAuth2;

/// <summary>Against an authorization server that nobody here wrote.</summary>
public sealed class OpenIddictTests
{
    private static readonly OAuthClient Client = new(OpenIddictServer.ClientId, new(OpenIddictServer.ClientSecret));

    [Fact]
    public async Task A_refresh_brings_an_access_token_that_the_server_calls_active()
    {
        await using var server = await OpenIddictServer.StartAsync(new OpenIddictServerOptions { RollingRefreshTokens = false });
        using var provider = ProviderFor(server);
        var refreshToken = await server.IssueRefreshTokenAsync("marcus");

        var granted = (TokenResponse.Granted)await RefreshAsync(provider, refreshToken);

        (await server.IsActiveAsync(granted.AccessToken.Reveal())).Should().BeTrue();
        granted.ExpiresIn.TotalSeconds.Should().BeInRange(3500, 3600);
        granted.RefreshToken.Should().BeNull("it does not roll, so the old one is kept");
        (await RefreshAsync(provider, refreshToken)).Should().BeOfType<TokenResponse.Granted>();
    }

    [Fact]
    public async Task A_rolling_refresh_token_works_on_and_its_reuse_ends_the_chain()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var provider = ProviderFor(server);
        var first = await server.IssueRefreshTokenAsync("marcus");

        var second = ((TokenResponse.Granted)await RefreshAsync(provider, first)).RefreshToken!.Reveal();
        var third = ((TokenResponse.Granted)await RefreshAsync(provider, second)).RefreshToken!.Reveal();
        var reuse = (TokenResponse.Failed)await RefreshAsync(provider, first);
        var after = await RefreshAsync(provider, third);

        reuse.Kind.Should().Be(FailureKind.ReauthorizationRequired);
        after.Should().BeOfType<TokenResponse.Failed>();
    }

    [Fact]
    public async Task Within_the_leeway_a_used_refresh_token_is_still_good()
    {
        await using var server = await OpenIddictServer.StartAsync(new OpenIddictServerOptions { ReuseLeeway = TimeSpan.FromHours(1) });
        using var provider = ProviderFor(server);
        var first = await server.IssueRefreshTokenAsync("marcus");

        await RefreshAsync(provider, first);

        (await RefreshAsync(provider, first)).Should().BeOfType<TokenResponse.Granted>();
    }

    [Fact]
    public async Task A_wrong_client_secret_is_the_client_s_fault_and_not_the_account_s()
    {
        await using var server = await OpenIddictServer.StartAsync();
        using var provider = ProviderFor(server);
        var refreshToken = await server.IssueRefreshTokenAsync("marcus");

        var answer = await provider.RefreshAsync(Client with { ClientSecret = new("wrong") }, new(refreshToken), CancellationToken.None);

        answer.Should().BeOfType<TokenResponse.Failed>().Which.Kind.Should().Be(FailureKind.ClientRejected);
        (await RefreshAsync(provider, refreshToken)).Should().BeOfType<TokenResponse.Granted>();
    }

    private static Task<TokenResponse> RefreshAsync(OAuth2TokenProvider provider, string refreshToken) =>
        provider.RefreshAsync(Client, new(refreshToken), CancellationToken.None);

    private static OAuth2TokenProvider ProviderFor(OpenIddictServer server) => new(
        new ProviderOptions { Name = "openiddict", TokenEndpoint = server.TokenEndpoint, RevocationEndpoint = server.RevocationEndpoint },
        TimeProvider.System,
        NullLogger<OAuth2TokenProvider>.Instance);
}
