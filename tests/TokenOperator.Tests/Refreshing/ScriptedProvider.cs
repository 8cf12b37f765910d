using TokenOperator.Providers;
using TokenOperator.Tokens;

namespace TokenOperator.Tests.Refreshing;

/// <summary>Answers as the test says, and remembers what it was asked with.</summary>
internal sealed class ScriptedProvider(RequestRate? rate = null) : ITokenProvider
{
    public string Name => "google";

    public RequestRate Rate { get; } = rate ?? RequestRate.Default;

    public TimeSpan TimeLimit { get; set; } = TimeSpan.FromSeconds(30);

    public bool RotatesRefreshTokens { get; set; } = true;

    public RefreshAnswer Answer { get; set; } = Granted();

    public Task Until { get; set; } = Task.CompletedTask;

    public List<string> Asked { get; } = [];

    public static RefreshAnswer.Granted Granted(string? refreshToken = null, string[]? scopes = null, string accessToken = "access-1") => new(
        new SecretValue(accessToken), TimeSpan.FromHours(1), "Bearer", scopes, SecretValue.From(refreshToken), null);

    public async Task<RefreshAnswer> RefreshAsync(OAuthClient client, SecretValue refreshToken, CancellationToken ct)
    {
        Asked.Add(refreshToken.Reveal());
        await Until;
        return Answer;
    }

    public Task<RevokeAnswer> RevokeAsync(SecretValue token, CancellationToken ct) => Task.FromResult(new RevokeAnswer(true, ""));
}
