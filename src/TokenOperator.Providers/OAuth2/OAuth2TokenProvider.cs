// Speaks to a token endpoint as Google has it. Knows addresses and replies, nothing of accounts, rows or Kubernetes.
using System.Globalization;
using System.Security.Authentication;
using Google.Apis.Auth.OAuth2.Requests;
using Google.Apis.Util;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// <see cref="ITokenProvider"/> on Google.Apis.Auth, for Google and every server of the same protocol. It uses the
/// library's refresh request without its AuthorizationCodeFlow, which deletes a stored token on an error reply, and
/// reads the reply itself (<see cref="TokenReplyHandler"/>). One pool of connections serves all accounts.
/// </summary>
public sealed partial class OAuth2TokenProvider : ITokenProvider, IAuthorizationProvider, IDisposable
{
    private readonly ProviderOptions _options;
    private readonly TimeProvider _time;
    private readonly ProviderMetrics? _metrics;
    private readonly ILogger _logger;
    private readonly TokenReplyHandler _replies;
    private readonly HttpClient _http;

    /// <summary>Opens no connection yet.</summary>
    public OAuth2TokenProvider(ProviderOptions options, TimeProvider time, ILogger<OAuth2TokenProvider> logger, ProviderMetrics? metrics = null)
    {
        _options = options;
        _time = time;
        _metrics = metrics;
        metrics?.Add(options.Name);
        _logger = logger;
        _replies = new TokenReplyHandler(CreateTransport(), time);
        _http = new HttpClient(_replies) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("token-operator");
    }

    /// <inheritdoc/>
    public string Name => _options.Name;

    /// <inheritdoc/>
    public RequestRate Rate => _options.Rate;

    /// <inheritdoc/>
    public TimeSpan TimeLimit => _options.Timeout;

    /// <inheritdoc/>
    public bool RotatesRefreshTokens => _options.RotatesRefreshTokens;

    /// <inheritdoc/>
    public async Task<TokenResponse> RefreshAsync(OAuthClient client, SecretValue refreshToken, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var started = _time.GetTimestamp();
        var answer = await AskAsync(client, refreshToken, ct);
        var failure = (answer as TokenResponse.Failed)?.Kind;
        var elapsed = _time.GetElapsedTime(started);
        _metrics?.Answered(Name, failure, elapsed);
        LogAnswered(Name, failure, elapsed);
        return answer;
    }

    /// <inheritdoc/>
    public bool CanAsk => _options.AuthorizationEndpoint is not null;

    /// <inheritdoc/>
    public Uri? AddressFor(AuthorizationRequest request) =>
        _options.AuthorizationEndpoint is { } endpoint ? request.AddressAt(endpoint, _options.ConsentScopes) : null;

    /// <inheritdoc/>
    public async Task<CodeExchangeResponse> ExchangeCodeAsync(OAuthClient client, SecretValue code, Pkce pkce, Uri redirectUri, CancellationToken ct)
    {
        using var exchange = new TokenEndpointCall(_options.Timeout, _time, ct);
        var request = new AuthorizationCodeTokenRequest
        {
            ClientId = client.ClientId,
            ClientSecret = client.ClientSecret.Reveal(),
            Code = code.Reveal(),
            CodeVerifier = pkce.Verifier.Reveal(),
            RedirectUri = redirectUri.AbsoluteUri,
        };
        var trouble = await ExchangeAsync(exchange, _options.TokenEndpoint, [code, pkce.Verifier, client.ClientSecret], () =>
            request.ExecuteAsync(_http, _options.TokenEndpoint.AbsoluteUri, exchange.End, SystemClock.Default));
        if (trouble is not null)
            return new CodeExchangeResponse.Failed(FailureKind.ProviderUnavailable, trouble);
        return TokenResponseClassifier.Classify(exchange.Reply!, code, pkce.Verifier, client.ClientSecret) switch
        {
            TokenResponse.Granted granted => Identified(granted, exchange.Reply!.IdToken, client),
            TokenResponse.Failed failed => new CodeExchangeResponse.Failed(failed.Kind, failed.Detail),
            var other => throw new InvalidOperationException($"There is no meaning for {other.GetType().Name}."),
        };
    }

    /// <inheritdoc/>
    public async Task<RevocationResponse> RevokeAsync(SecretValue token, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (_options.RevocationEndpoint is not { } endpoint)
            return new RevocationResponse(false, $"provider {Name} has no revocation endpoint: set Providers:{Name}:RevocationEndpoint, or revoke the grant at the provider");
        using var exchange = new TokenEndpointCall(_options.Timeout, _time, ct);
        // In the body, as RFC 7009 section 2.1 has it: the library's own RevokeTokenAsync puts the token into the address.
        var trouble = await ExchangeAsync(exchange, endpoint, [token], async () =>
        {
            using var form = new FormUrlEncodedContent([new("token", token.Reveal())]);
            using var response = await _http.PostAsync(endpoint, form, exchange.End);
        });
        return trouble is null ? TokenResponseClassifier.ClassifyRevocation(exchange.Reply!, token) : new RevocationResponse(false, trouble);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private CodeExchangeResponse.Granted Identified(TokenResponse.Granted granted, SecretValue? idToken, OAuthClient client)
    {
        var identity = IdToken.Read(idToken, client.ClientId, _options.Issuers, _time.GetUtcNow(), out var trouble);
        return new CodeExchangeResponse.Granted(granted, identity, trouble);
    }

    private async Task<TokenResponse> AskAsync(OAuthClient client, SecretValue refreshToken, CancellationToken ct)
    {
        using var exchange = new TokenEndpointCall(_options.Timeout, _time, ct);
        var request = new RefreshTokenRequest
        {
            ClientId = client.ClientId,
            ClientSecret = client.ClientSecret.Reveal(),
            RefreshToken = refreshToken.Reveal(),
        };
        var trouble = await ExchangeAsync(exchange, _options.TokenEndpoint, [refreshToken, client.ClientSecret], () =>
            request.ExecuteAsync(_http, _options.TokenEndpoint.AbsoluteUri, exchange.End, SystemClock.Default));
        return trouble is null
            ? TokenResponseClassifier.Classify(exchange.Reply!, refreshToken, client.ClientSecret)
            : new TokenResponse.Failed(FailureKind.ProviderUnavailable, trouble);
    }

    // Null when there is a reply, otherwise why there is none.
    private async Task<string?> ExchangeAsync(TokenEndpointCall exchange, Uri endpoint, SecretValue[] secrets, Func<Task> send)
    {
        _replies.Current = exchange;
        try
        {
            await send();
            return null;
        }
        catch (Exception) when (exchange.Reply is not null)
        {
            // Whatever the library stumbled over, the timeout included: the reply is here, and it can be a rotated token.
            return null;
        }
        catch (Exception) when (exchange.WasGivenUp)
        {
            throw new OperationCanceledException("The request was given up before it was sent.");
        }
        catch (OperationCanceledException) when (exchange.End.IsCancellationRequested)
        {
            var seconds = _options.Timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            return $"{endpoint.Authority} gave no complete answer within {seconds} s";
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            var reason = e.InnerException is AuthenticationException tls ? tls.Message : e.Message;
            return Redactor.Of($"{endpoint.Authority} could not be asked: {reason}", secrets);
        }
    }

    private static SocketsHttpHandler CreateTransport() => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        // Google's addresses change: a connection that is kept forever would never look them up again.
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        MaxConnectionsPerServer = 32,
        // The rest of an oversized body is not worth reading.
        MaxResponseDrainSize = 0,
    };

    [LoggerMessage(EventId = 400, Level = LogLevel.Debug, Message = "Provider {Provider} was asked for a token; failure {Failure}, took {Elapsed}")]
    private partial void LogAnswered(string provider, FailureKind? failure, TimeSpan elapsed);
}
