using TokenOperator.Core.Tokens;
using TokenOperator.Providers;

namespace TokenOperator.Tests.Refreshing;

/// <summary>Answers as the test says, and remembers what it was asked with.</summary>
internal sealed class ScriptedProvider(RequestRate? rate = null) : ITokenProvider
{
    public string Name => "google";

    public RequestRate Rate { get; } = rate ?? RequestRate.Default;

    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    public bool RotatesRefreshTokens { get; set; } = true;

    public IAuthorizationProvider? Authorization => null;

    public TokenResponse Answer { get; set; } = Granted();

    public Task Until { get; set; } = Task.CompletedTask;

    public List<string> Asked { get; } = [];

    public static TokenResponse.Granted Granted(string? refreshToken = null, string[]? scopes = null, string accessToken = "access-1") => new(
        new SecretValue(accessToken), TimeSpan.FromHours(1), "Bearer", scopes, SecretValue.From(refreshToken), null);

    public async Task<TokenResponse> RefreshAsync(OAuthClient client, SecretValue refreshToken, CancellationToken cancellationToken)
    {
        Asked.Add(refreshToken.Reveal());
        await Until;
        return Answer;
    }

    public Task<RevocationResponse> RevokeAsync(SecretValue token, CancellationToken cancellationToken) => Task.FromResult(new RevocationResponse(true, ""));
}
