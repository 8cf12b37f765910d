using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Refreshing;

/// <summary>A provider that answers as the test sets it, and records its requests.</summary>
internal sealed class ScriptedProvider(RequestRate? rate = null, string name = "google") : ITokenProvider, IAuthorizationProvider, IDeviceAuthorizationProvider
{
    /// <summary>What is known about the provider.</summary>
    public ProviderDocument Document { get; set; } = new()
    {
        Name = name,
        DisplayName = name,
        TokenEndpoint = new Uri("https://provider.example/token"),
        AuthorizationEndpoint = new Uri("https://provider.example/authorize"),
        Limits = new RequestLimits { Rate = rate ?? RequestRate.Default },
    };

    public string Name => Document.Name;

    public TimeSpan Timeout
    {
        get => Document.Timeout;
        set => Document = Document with { Timeout = value };
    }

    public bool RotatesRefreshTokens
    {
        get => Document.Rotation.CanRotate;
        set => Document = Document with { Rotation = new RotationRules { Mode = value ? RotationMode.Sometimes : RotationMode.Never } };
    }

    public IAuthorizationProvider? Authorization => CanAsk ? this : null;

    public IDeviceAuthorizationProvider? DeviceAuthorization => CanShowCode ? this : null;

    public TokenResponse Answer { get; set; } = Granted();

    public Task Until { get; set; } = Task.CompletedTask;

    public List<string> Asked { get; } = [];

    /// <summary>The answer to a revocation.</summary>
    public RevocationResponse Revocation { get; set; } = new(true, "");

    /// <summary>The tokens whose grants were to be revoked.</summary>
    public List<string> Revoked { get; } = [];

    /// <summary>False for a provider without an authorization endpoint.</summary>
    public bool CanAsk { get; set; } = true;

    /// <summary>True for a provider with a device authorization endpoint.</summary>
    public bool CanShowCode { get; set; }

    /// <summary>The answers to polls, in order; the last one stays.</summary>
    public Queue<DevicePollResponse> Polls { get; } = new([new DevicePollResponse.Pending(SlowDown: false)]);

    /// <summary>The device codes that were polled with.</summary>
    public List<string> Polled { get; } = [];

    /// <summary>The answer to an authorization code.</summary>
    public CodeExchangeResponse Exchange { get; set; } = new CodeExchangeResponse.Failed(FailureKind.ReauthorizationRequired, "no answer is set");

    /// <summary>The codes that were exchanged, each with its PKCE verifier.</summary>
    public List<(string Code, string Verifier)> ExchangedCodes { get; } = [];

    public static TokenResponse.Granted Granted(string? refreshToken = null, string[]? scopes = null, string accessToken = "access-1") => new(
        new SecretValue(accessToken), TimeSpan.FromHours(1), "Bearer", scopes, SecretValue.From(refreshToken), null);

    /// <summary>The requests so far.</summary>
    public List<GrantRequest> Requests { get; } = [];

    public string? FindUnsupported(Grant grant) => null;

    public async Task<TokenResponse> RefreshAsync(GrantRequest request, CancellationToken cancellationToken)
    {
        Requests.Add(request);
        Asked.Add(request.Token.GrantToken?.Reveal() ?? "");
        await Until;
        return Answer;
    }

    /// <summary>How many codes for devices were requested.</summary>
    public int Codes { get; private set; }

    public Task<DeviceAuthorizationResponse> BeginAsync(OAuthClient client, IReadOnlyList<string> scopes, CancellationToken cancellationToken)
    {
        Codes++;
        return Task.FromResult<DeviceAuthorizationResponse>(new DeviceAuthorizationResponse.Started(new DeviceAuthorization
        {
            DeviceCode = new SecretValue("device-code-1"),
            UserCode = "ABCD-EFGH",
            VerificationUri = new Uri("https://provider.example/device"),
            Lifetime = TimeSpan.FromMinutes(15),
        }));
    }

    public Task<DevicePollResponse> PollAsync(OAuthClient client, SecretValue deviceCode, CancellationToken cancellationToken)
    {
        Polled.Add(deviceCode.Reveal());
        return Task.FromResult(Polls.Count > 1 ? Polls.Dequeue() : Polls.Peek());
    }

    public bool IsFrom(AuthorizationResponse response) => response.Issuer is null or "https://provider.example";

    public Uri AuthorizationUri(AuthorizationRequest request) => request.ToUri(Document.AuthorizationEndpoint!, Document);

    public Task<CodeExchangeResponse> ExchangeCodeAsync(OAuthClient client, AuthorizationResponse response, Pkce pkce, Uri redirectUri, CancellationToken cancellationToken)
    {
        ExchangedCodes.Add((response.Code!.Reveal(), pkce.Verifier.Reveal()));
        return Task.FromResult(Exchange);
    }

    public async Task<RevocationResponse> RevokeAsync(OAuthClient? client, TokenSet token, CancellationToken cancellationToken)
    {
        Revoked.Add((token.RefreshToken ?? token.AccessToken)!.Reveal());
        await Until;
        return Revocation;
    }
}
