using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Providers.Checks;

/// <summary>The person who runs a check.</summary>
public interface ICheckDialog
{
    /// <summary>Shows a line.</summary>
    void Say(string line);

    /// <summary>Asks whether a step may be taken. Whatever is not a clear yes is a no.</summary>
    Task<bool> ConfirmAsync(CheckRisk risk, string question, CancellationToken cancellationToken);

    /// <summary>Keeps the newest tokens of the account, which nothing else has.</summary>
    Task SaveAsync(TokenSet token);
}

/// <summary>What a person offers for a check.</summary>
/// <param name="Client">The client; null to read only.</param>
/// <param name="Token">The account, with a refresh token; null for none.</param>
public sealed record CheckSubject(OAuthClient? Client, TokenSet? Token);

/// <summary>
/// Finds out what a provider really does. Secrets are sent to the endpoints of its document only, and every request is shown, without
/// secrets, before the person is asked whether it may be sent.
/// </summary>
public sealed class ProviderCheck(ProviderDocument provider, CheckSubject subject, ICheckDialog dialog, TokenEndpointClient endpoints, TimeProvider time)
{
    private readonly TokenEndpointCaller _caller = new(provider, endpoints, time);

    /// <summary>No provider issued it.</summary>
    private readonly SecretValue _wrongToken = new($"not-a-token-{RandomText.New()}");

    private CheckObservations _seen = new();

    /// <summary>The newest tokens, and the refresh token that they replaced.</summary>
    private TokenSet? _token = subject.Token;

    private SecretValue? _replaced;
    private long _replacedAt;

    /// <summary>Takes the steps that the person allows, and says what follows.</summary>
    public async Task<CheckReport> RunAsync(CancellationToken cancellationToken)
    {
        foreach (var step in CheckPlan.Of(provider, subject.Client is not null, subject.Token?.RefreshToken is not null))
        {
            // Without an answer to the first refresh, the rest shows nothing.
            if (step.Step > CheckStep.Refresh && _seen.First is not ObservedRefresh.Succeeded)
                break;
            if (step.Step == CheckStep.Replay && _replaced is null)
                continue;
            dialog.Say("");
            dialog.Say($"To find out {step.Purpose}:");
            Describe(step.Step);
            if (step.Risk == CheckRisk.None || await dialog.ConfirmAsync(step.Risk, QuestionOf(step), cancellationToken))
                await TakeAsync(step.Step, cancellationToken);
            else
                dialog.Say("  Skipped.");
        }

        return CheckReport.Of(provider, _seen);
    }

    private static string QuestionOf(PlannedStep step) => step.Risk switch
    {
        CheckRisk.CanEndGrant => "Many providers end the grant when a replaced refresh token is used. Then the account must consent again, and every program that uses this grant loses its access. Send it?",
        CheckRisk.ReplacesToken => "The response can replace the refresh token. The new one is written to the token file, and other copies of the old one can stop working. Send it?",
        _ => "Some providers count failed attempts of a client. Send it?",
    };

    private Task TakeAsync(CheckStep step, CancellationToken cancellationToken) => step switch
    {
        CheckStep.ReadDiscovery => ReadDiscoveryAsync(cancellationToken),
        CheckStep.SendWrongToken => SendWrongTokenAsync(cancellationToken),
        CheckStep.TryAuthentications => TryAuthenticationsAsync(cancellationToken),
        CheckStep.Refresh => RefreshAsync(seen => _seen = _seen with { First = seen }),
        CheckStep.RefreshAgain => RefreshAsync(seen => _seen = _seen with { Second = seen }),
        _ => ReplayAsync(),
    };

    private void Describe(CheckStep step)
    {
        if (step == CheckStep.ReadDiscovery)
        {
            dialog.Say($"  GET {provider.DiscoveryEndpoint}");
            return;
        }

        var callers = step == CheckStep.TryAuthentications ? Alternatives() : [(_caller, subject.Client!)];
        foreach (var (caller, client) in callers)
        {
            foreach (var line in caller.Describe(Endpoint, client, provider.Refresh.Parameters, Parameters(_wrongToken), [_wrongToken, _token?.RefreshToken]))
                dialog.Say($"  {line}");
        }

        dialog.Say(step switch
        {
            CheckStep.SendWrongToken => "  The refresh token is a random text that nobody issued.",
            CheckStep.TryAuthentications => "  The refresh token is a random text that nobody issued. The first of these requests has a client secret that is wrong.",
            CheckStep.Replay => "  The refresh token is the one that was replaced. Then the same is sent with the newest one, to see whether it still works.",
            _ => "  The refresh token is the newest one of the account.",
        });
    }

    private async Task ReadDiscoveryAsync(CancellationToken cancellationToken)
    {
        var (body, error) = await endpoints.ReadAsync(provider.DiscoveryEndpoint!, provider.Timeout, cancellationToken);
        if (body is { } content && DiscoveryDocument.Read(content) is { } discovery)
            _seen = _seen with { Discovery = discovery };
        else
            dialog.Say($"  The discovery document cannot be read: {error ?? "it is not a JSON object"}.");
    }

    private async Task SendWrongTokenAsync(CancellationToken cancellationToken) =>
        _seen = _seen with { WrongToken = Failure(await SendAsync(_caller, subject.Client!, _wrongToken, cancellationToken)) };

    private async Task TryAuthenticationsAsync(CancellationToken cancellationToken)
    {
        var tried = new List<ObservedAuthentication>();
        foreach (var (caller, client) in Alternatives())
        {
            var failure = Failure(await SendAsync(caller, client, _wrongToken, cancellationToken));
            if (caller == _caller)
                _seen = _seen with { WrongSecret = failure };
            else
                tried.Add(new ObservedAuthentication(caller.Provider.ClientAuthentication, failure));
        }

        _seen = _seen with { Authentications = tried };
    }

    // A cancellation no longer counts: a response that is dropped can be the only copy of a refresh token.
    private async Task RefreshAsync(Action<ObservedRefresh> record) => record(await UseAsync(_token!.RefreshToken!));

    private async Task ReplayAsync()
    {
        var after = time.GetElapsedTime(_replacedAt);
        var newest = _token!.RefreshToken!;
        var refresh = await UseAsync(_replaced!);
        var isAlive = await UseAsync(newest) is ObservedRefresh.Succeeded;
        _seen = _seen with { Replay = new ObservedReplay(after, refresh, isAlive) };
    }

    private async Task<ObservedRefresh> UseAsync(SecretValue token)
    {
        var call = await SendAsync(_caller, subject.Client!, token, CancellationToken.None);
        if (call.Reply is not { Status: >= 200 and < 300, Error: null, IsMarkedAsFailure: false, AccessToken: not null } reply)
            return new ObservedRefresh.Failed(Failure(call));
        var returned = reply.RefreshToken is not { } next ? ReturnedToken.Absent : next.Equals(token) ? ReturnedToken.Same : ReturnedToken.New;
        var lifetime = reply.ExpiresIn is > 0 and < 1_000_000_000_000 and var units ? TimeSpan.FromSeconds((double)(provider.Expiry.IsInMilliseconds ? units / 1000 : units)) : (TimeSpan?)null;
        if (returned == ReturnedToken.New)
            (_replaced, _replacedAt) = (token, time.GetTimestamp());
        _token = _token! with
        {
            AccessToken = reply.AccessToken,
            RefreshToken = reply.RefreshToken ?? token,
            IssuedAt = call.SentAt,
            ExpiresAt = call.SentAt + lifetime,
        };
        await dialog.SaveAsync(_token);
        return new ObservedRefresh.Succeeded(
            returned, lifetime, reply.RefreshTokenExpiresIn is > 0 and < 1_000_000_000 and var seconds ? TimeSpan.FromSeconds((double)seconds) : null);
    }

    private Uri Endpoint => provider.Refresh.Endpoint ?? provider.TokenEndpoint;

    /// <summary>The document's authentication with a wrong secret, and then the others.</summary>
    private List<(TokenEndpointCaller Caller, OAuthClient Client)> Alternatives() =>
    [
        (_caller, new OAuthClient(subject.Client!.ClientId, _wrongToken)),
        .. CheckPlan.Alternatives(provider.ClientAuthentication).Select(other => (new TokenEndpointCaller(provider with { ClientAuthentication = other }, endpoints, time), subject.Client)),
    ];

    private IEnumerable<(string Name, string? Value)> Parameters(SecretValue token) => OAuth2TokenProvider.RefreshParameters(provider, token, subject.Token?.Scopes ?? []);

    private Task<TokenEndpointCall> SendAsync(TokenEndpointCaller caller, OAuthClient client, SecretValue token, CancellationToken cancellationToken) =>
        caller.SendAsync(Endpoint, client, provider.Refresh.Parameters, Parameters(token), [token, _token?.RefreshToken], cancellationToken);

    private ObservedFailure Failure(TokenEndpointCall call) => call.Classify(provider) is TokenResponse.Failed failed
        ? new ObservedFailure(call.Reply?.Status ?? 0, call.Reply?.Error is { } code ? Redactor.Of(code, [.. call.Secrets]) : null, failed.Kind, failed.Detail)
        : new ObservedFailure(call.Reply!.Status, null, FailureKind.InvalidResponse, $"HTTP {call.Reply.Status}: the provider issued a token for a text that is no token");
}
