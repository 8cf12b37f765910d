using KubeRuntime;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Publishing;
using TokenOperator.Refreshing;
using TokenOperator.SelfService;

namespace TokenOperator.Reconcile;

/// <summary>Carries out a decision. It decides nothing: what it publishes and when it looks again comes from <see cref="ReconcilePolicy"/>.</summary>
public sealed class ReconcileActor(
    AccountRepository accounts, RefreshScheduler refreshes, RejectedClients rejected, SecretPublisher secrets, StatusPublisher statuses, AuthorizationLinks links,
    IResourceCache<V1Beta1OAuthToken> entities)
{
    /// <summary>Carries out <paramref name="decision"/> and returns after what time to reconcile again; null means only after a change.</summary>
    public async Task<TimeSpan?> ActAsync(V1Beta1OAuthToken entity, ReconcileInput input, Decision decision, CancellationToken cancellationToken)
    {
        var request = input.Request;
        switch (decision)
        {
            case Decision.Import import:
                return Again(await accounts.TryImportAsync(request.Key, import.Seed, input.User, import.Replaces, cancellationToken));
            case Decision.Create:
                return Again(await accounts.TryCreateAsync(request.Key, input.User, cancellationToken));
            case Decision.Allow:
                return Again(await accounts.TryAllowAsync(request.Key, input.User, cancellationToken));
            case Decision.RecordNamespace:
                return Again(await accounts.TryRecordUidAsync(request.Key, input.User, cancellationToken));
            case Decision.Refresh refresh:
                refreshes.Start(RequestFor(entity, input, refresh));
                return refresh.Meanwhile is { } meanwhile
                    ? await PublishAsync(entity, input, meanwhile, cancellationToken)
                    : ReconcilePolicy.MaxRefreshDuration;
            case Decision.Wait wait:
                return wait.For;
            case Decision.Publish publish:
                return await PublishAsync(entity, input, publish.DesiredState, cancellationToken);
            default:
                throw new InvalidOperationException($"There is no way to carry out {decision.GetType().Name}.");
        }
    }

    /// <summary>Forgets what is remembered of an object that is gone.</summary>
    public void Forget(V1Beta1OAuthToken entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        var key = new AccountKey(entity.Spec?.Provider ?? "", entity.Spec?.Account ?? "");
        refreshes.Forget(key, entity.Key());
        accounts.Forget(key);
        // Another object of the account can still be rejected.
        if (!accounts.IsNeeded(key))
            rejected.Forget(key);
    }

    private static TimeSpan Again(bool isWritten) => isWritten ? TimeSpan.Zero : ReconcilePolicy.RetryBusy;

    private RefreshRequest RequestFor(V1Beta1OAuthToken entity, ReconcileInput input, Decision.Refresh refresh)
    {
        // Captures no token and no client: the scheduler keeps the request after the refresh has ended.
        var (owner, uid, key, scopes) = (input.Request.Owner, entity.Metadata.Uid, input.Request.Key, input.Request.Scopes);
        var (user, rules) = (input.User, input.Provider?.Scopes ?? new ScopeRules());
        var (client, yields) = (refresh.Client?.Fingerprint ?? "", ReconcilePolicy.YieldsToRejection(input, refresh.Account));
        return new RefreshRequest(
            owner, refresh.Account, refresh.Client, ReconcilePolicy.InputsFingerprint(input.Request, refresh.Client, refresh.Key, refresh.Account, input.ProviderState),
            new RefreshCause(
                uid, ReconcileInputGatherer.RefreshRequestOf(entity), entity.Metadata.Generation, ReconcilePolicy.IsPoked(input, refresh.Account)))
        {
            IsRequested = input.RefreshRequested,
            Grant = input.Request.Grant,
            Key = refresh.Key,
            GrantInputs = input.Request.GrantInputs,
            Scopes = scopes,
            HelpsOthers = record => rules.Missing(scopes, record.Token.Scopes).Count == 0,
            IsStillWanted = () => entities.Get(owner) is { } current && current.Metadata.Uid == uid
                && ReconcilePolicy.MayRefresh(current, key, user, accounts.TryGet(key)?.Record)
                && !(yields && rejected.IsHeld(key.Provider, client)),
        };
    }

    private async Task<TimeSpan?> PublishAsync(V1Beta1OAuthToken entity, ReconcileInput input, DesiredState desired, CancellationToken cancellationToken)
    {
        if (entities.Get(entity.Key())?.Metadata is not { DeletionTimestamp: null } current || current.Uid != entity.Metadata.Uid)
            return null;
        var secret = await secrets.PublishAsync(entity, input.Request, desired, cancellationToken);
        if (secret.Outcome == SecretOutcome.LeadershipLost)
            return ReconcilePolicy.RetryLeadership;
        var statusInput = ReconcilePolicy.StatusInputFor(input, desired, secret, entity.Metadata.Generation, ReconcileInputGatherer.RefreshRequestOf(entity)) with
        {
            AuthorizationUrl = input.Request.Grant.NeedsConsent && ReconcilePolicy.OffersConsent(desired) ? links.For(entity.Status?.AuthorizationURL, entity.Key(), input.Now) : null,
        };
        var status = StatusBuilder.Build(entity.Status, statusInput, input.Now);
        return await statuses.PublishAsync(entity, status, cancellationToken) switch
        {
            StatusWrite.Stale => ReconcilePolicy.RetryStale,
            StatusWrite.LeadershipLost => ReconcilePolicy.RetryLeadership,
            _ => ReconcilePolicy.RequeueAfter(desired, secret, status, links.RenewAt(status.AuthorizationURL), input.Now),
        };
    }
}
