using KubeRuntime;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Text;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;

namespace TokenOperator.SelfService;

/// <summary>
/// Consent by a code (RFC 8628). The page with the code loads itself again and again. The replica that serves it polls the provider,
/// at most once in each interval over all replicas.
/// </summary>
public sealed partial class SelfServiceFlow
{
    /// <summary>Requests a code, and redirects the browser to the page that shows it.</summary>
    public Task<Step> BeginDeviceAsync(NamespacedName owner, string ticket, CancellationToken cancellationToken) => GuardedAsync(async () =>
    {
        var (found, refusal) = await FindAsync(owner, ticket, cancellationToken);
        if (found is null)
            return refusal!;
        if (found.Device is null)
            return CannotAsk;
        var requester = new AuthorizationOwner(owner.Namespace, owner.Name, found.Entity.Metadata.Uid);
        // Before the provider is asked: everyone who has the link could use up the client's share of requests.
        if (!await pending.CanAddDeviceAsync(requester, cancellationToken))
            return TooMany;
        var response = await found.Device.BeginAsync(found.Client, found.Scopes, cancellationToken);
        if (response is not DeviceAuthorizationResponse.Started { Authorization: var authorization })
            return NotDone(owner, $"The provider gave no code ({((DeviceAuthorizationResponse.Failed)response).Detail}), so nothing was changed");
        var browser = RandomText.New();
        var device = new PendingDeviceAuthorization(
            requester, found.Entity.Metadata.Generation ?? 0, found.Row.Generation,
            authorization.DeviceCode, authorization.UserCode, authorization.VerificationUri, authorization.CompleteVerificationUri, authorization.Interval);
        if (!await pending.AddDeviceAsync(Hash(browser), device, authorization.Lifetime, cancellationToken))
            return TooMany;
        LogCodeShown(owner);
        return new Step(303, "", "") { Redirect = new Uri(settings.PublicUrl!, "authorize/code"), Browser = browser };
    });

    /// <summary>The page with the code, or the result. <paramref name="browser"/> is the value of the cookie.</summary>
    public Task<Step> WaitDeviceAsync(string? browser, CancellationToken cancellationToken) => GuardedAsync(async () =>
    {
        if (browser is null || await pending.FindDeviceAsync(Hash(browser), cancellationToken) is not var (device, mustPoll))
            return new Step(404, "Nothing to show", "The code has expired, was used, or was requested in another browser. Open the link again to get a new one.");
        if (!mustPoll)
            return Waiting(device);
        var owner = new NamespacedName(device.Owner.Scope, device.Owner.Name);
        var step = await PollAsync(owner, device, Hash(browser), cancellationToken);
        if (step.Refresh is null)
            await ForgetAsync(owner, Hash(browser));
        return step;
    });

    /// <summary>Deletes a code that has its result, which the page shows whether this succeeds or not. The provider takes the code once.</summary>
    private async Task ForgetAsync(NamespacedName owner, string idHash)
    {
        try
        {
            await pending.RemoveDeviceAsync(idHash, CancellationToken.None);
        }
        catch (StoreUnavailableException e)
        {
            LogNotForgotten(owner, e.Message);
        }
    }

    private async Task<Step> PollAsync(NamespacedName owner, PendingDeviceAuthorization device, string idHash, CancellationToken cancellationToken)
    {
        if (targets.Find(owner) is not { } entity || entity.Metadata.Uid != device.Owner.Id || entity.Metadata.Generation != device.OwnerGeneration)
            return Changed(owner);
        var (found, refusal) = await targets.CheckAsync(entity, cancellationToken);
        if (found is null)
            return refusal!;
        if (found.Row.Generation != device.RowGeneration || found.Device is null)
            return Changed(owner);
        var askedAt = time.GetUtcNow();
        switch (await found.Device.PollAsync(found.Client, device.DeviceCode, cancellationToken))
        {
            case DevicePollResponse.Granted { Consent: var granted }:
                // From here on, closing the browser cancels nothing.
                return await KeepAsync(owner, found, granted, askedAt);
            case DevicePollResponse.Pending { SlowDown: true }:
                await pending.SlowDownAsync(idHash, DeviceAuthorization.DefaultInterval, cancellationToken);
                return Waiting(device with { Interval = device.Interval + DeviceAuthorization.DefaultInterval });
            case DevicePollResponse.Pending:
                return Waiting(device);
            case DevicePollResponse.Denied:
                return NotDone(owner, "Consent was denied at the provider, so nothing was changed. Start again with the link, and allow everything that the page asks for");
            case DevicePollResponse.Expired:
                return NotDone(owner, "The code has expired, so nothing was changed. Start again with the link");
            case DevicePollResponse.Failed { Detail: var detail }:
                return NotDone(owner, $"The provider gave no token for the code ({detail}), so nothing was changed. Start again with the link");
            case var other:
                throw new InvalidOperationException($"{other.GetType().Name} has no meaning here.");
        }
    }

    /// <summary>The browser asks a moment later than the provider allows, so that each load of the page can poll.</summary>
    private static Step Waiting(PendingDeviceAuthorization device) =>
        new(200, "Enter this code", "Open the address below on any device, and enter the code there. Leave this page open: it shows the result.")
        {
            Refresh = device.Interval + TimeSpan.FromSeconds(1),
            Details =
            [
                new("Address", device.VerificationUri.AbsoluteUri),
                new("Code", device.UserCode),
                .. device.CompleteVerificationUri is { } complete ? [new PageDetail("Address with the code in it", complete.AbsoluteUri)] : Array.Empty<PageDetail>(),
            ],
        };

    [LoggerMessage(227, LogLevel.Information, "A browser shows a code for the consent that {Object} needs")]
    private partial void LogCodeShown(NamespacedName @object);

    [LoggerMessage(229, LogLevel.Warning, "The code of a consent for {Object} that has ended stays in Postgres until it expires: {Error}")]
    private partial void LogNotForgotten(NamespacedName @object, string error);
}
