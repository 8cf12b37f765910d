using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;

namespace KubectlOAuthToken.Consent;

/// <summary>One consent by a code that the person enters on any device (RFC 8628).</summary>
/// <param name="timeout">How long the user may take; null: as long as the code is valid.</param>
/// <param name="time">Measures the interval and the timeout.</param>
internal sealed class DeviceFlow(TimeSpan? timeout, TimeProvider time)
{
    /// <summary>Shows the code, waits for the consent, and passes the tokens to <paramref name="save"/>.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="client">The OAuth client.</param>
    /// <param name="scopes">The scopes to ask for. The tokens must have all of them.</param>
    /// <param name="expected">Whose consent it must be.</param>
    /// <param name="save">Saves the tokens.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>What <paramref name="save"/> returned.</returns>
    /// <exception cref="PluginException">The consent was denied, came too late, belongs to another account, or is incomplete.</exception>
    public async Task<T> RunAsync<T>(
        IDeviceAuthorizationProvider provider, OAuthClient client, IReadOnlyList<string> scopes, ExpectedIdentity expected, Func<TokenSet, Task<T>> save, CancellationToken cancellationToken)
    {
        var started = await provider.BeginAsync(client, scopes, cancellationToken);
        if (started is not DeviceAuthorizationResponse.Started { Authorization: var authorization })
        {
            throw ConsentAcceptance.Refused(
                $"The provider issued no code ({((DeviceAuthorizationResponse.Failed)started).Detail}). Check in the provider's console whether the OAuth client may use the device flow");
        }

        await ShowAsync(authorization);
        var limit = timeout is { } given && given < authorization.Lifetime ? given : authorization.Lifetime;
        var (askedAt, granted) = await WaitAsync(provider, client, authorization, limit, cancellationToken);
        return await save(ConsentAcceptance.Accept(provider.Document, granted, scopes, expected, askedAt));
    }

    private static async Task ShowAsync(DeviceAuthorization authorization)
    {
        var complete = authorization.CompleteVerificationUri is { } address ? $"\nThis address has the code in it:\n\n  {address.AbsoluteUri}\n" : "";
        await Console.Error.WriteLineAsync(
            $"Open this address in a browser on any device:\n\n  {authorization.VerificationUri.AbsoluteUri}\n\nEnter this code:\n\n  {authorization.UserCode}\n{complete}\n"
            + $"The code is valid for {DurationText.Format(authorization.Lifetime)}. Waiting for the consent.");
    }

    private async Task<(DateTimeOffset AskedAt, CodeExchangeResponse.Granted Granted)> WaitAsync(
        IDeviceAuthorizationProvider provider, OAuthClient client, DeviceAuthorization authorization, TimeSpan limit, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var interval = authorization.Interval;
        while (time.GetElapsedTime(started) + interval <= limit)
        {
            await Task.Delay(interval, time, cancellationToken);
            var askedAt = time.GetUtcNow();
            switch (await provider.PollAsync(client, authorization.DeviceCode, cancellationToken))
            {
                case DevicePollResponse.Granted { Consent: var granted }:
                    return (askedAt, granted);
                case DevicePollResponse.Pending { SlowDown: true }:
                    interval += DeviceAuthorization.DefaultInterval;
                    break;
                case DevicePollResponse.Denied:
                    throw ConsentAcceptance.Refused("Consent was denied in the browser, so nothing was changed. Start again, and allow everything that the page asks for");
                case DevicePollResponse.Expired:
                    throw TooLate(authorization.Lifetime);
                case DevicePollResponse.Failed { Detail: var detail }:
                    throw ConsentAcceptance.Refused($"The provider issued no token for the code ({detail}). Start again. If this happens again, check the OAuth client in the provider's console");
            }
        }

        throw TooLate(limit);
    }

    private static PluginException TooLate(TimeSpan limit) =>
        new($"Nobody consented within {DurationText.Format(limit)}, so nothing was changed. Start again to get a new code.", ExitCodes.Failed);
}
