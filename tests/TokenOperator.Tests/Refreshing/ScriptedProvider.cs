using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;

namespace TokenOperator.Tests.Refreshing;

/// <summary>A provider that answers as the test sets it, and records its requests.</summary>
internal sealed class ScriptedProvider(RequestRate? rate = null, string name = "google") : ITokenProvider, IAuthorizationProvider
{
    public string Name => name;

    public RequestRate Rate { get; } = rate ?? RequestRate.Default;

    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    public bool RotatesRefreshTokens { get; set; } = true;

    public IAuthorizationProvider? Authorization => CanAsk ? this : null;

    public TokenResponse Answer { get; set; } = Granted();

    public Task Until { get; set; } = Task.CompletedTask;

    public List<string> Asked { get; } = [];

    /// <summary>The answer to a revocation.</summary>
    public RevocationResponse Revocation { get; set; } = new(true, "");

    /// <summary>The tokens whose grants were to be revoked.</summary>
    public List<string> Revoked { get; } = [];

    /// <summary>False for a provider without an authorization endpoint.</summary>
    public bool CanAsk { get; set; } = true;

    /// <summary>The answer to an authorization code.</summary>
    public CodeExchangeResponse Exchange { get; set; } = new CodeExchangeResponse.Failed(FailureKind.ReauthorizationRequired, "no answer is set");

    /// <summary>The codes that were exchanged, each with its PKCE verifier.</summary>
    public List<(string Code, string Verifier)> ExchangedCodes { get; } = [];

    public static TokenResponse.Granted Granted(string? refreshToken = null, string[]? scopes = null, string accessToken = "access-1") => new(
        new SecretValue(accessToken), TimeSpan.FromHours(1), "Bearer", scopes, SecretValue.From(refreshToken), null);

    public async Task<TokenResponse> RefreshAsync(OAuthClient client, SecretValue refreshToken, CancellationToken cancellationToken)
    {
        Asked.Add(refreshToken.Reveal());
        await Until;
        return Answer;
    }

    public bool IsFrom(AuthorizationResponse response) => response.Issuer is null or "https://provider.example";

    public Uri AuthorizationUri(AuthorizationRequest request) => request.ToUri(new Uri("https://provider.example/authorize"), []);

    public Task<CodeExchangeResponse> ExchangeCodeAsync(OAuthClient client, SecretValue code, Pkce pkce, Uri redirectUri, CancellationToken cancellationToken)
    {
        ExchangedCodes.Add((code.Reveal(), pkce.Verifier.Reveal()));
        return Task.FromResult(Exchange);
    }

    public async Task<RevocationResponse> RevokeAsync(SecretValue token, CancellationToken cancellationToken)
    {
        Revoked.Add(token.Reveal());
        await Until;
        return Revocation;
    }
}
