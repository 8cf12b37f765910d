// The reconcile: gather what is, decide, act. It may touch everything, each through the room that owns it.
using KubeRuntime;
using KubeRuntime.Controllers;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Publishing;
using TokenOperator.Refreshing;
using TokenOperator.SelfService;

namespace TokenOperator.Reconcile;

/// <summary>Keeps the Secret and the status of each OAuthToken right.</summary>
public sealed partial class OAuthTokenController(
    AccountCache accounts,
    AccountImporter importer,
    AccountRefresher refresher,
    PendingCommits pending,
    RejectedClients rejected,
    ProviderRegistry providers,
    ILeadershipGuard fence,
    InputReader inputs,
    SecretPublisher secrets,
    StatusPublisher statuses,
    AuthorizationLinks links,
    ReconcileSchedule agenda,
    IResourceCache<V1Alpha1OAuthToken> entities,
    IReconcileQueue<V1Alpha1OAuthToken> queue,
    TimeProvider time,
    ILogger<OAuthTokenController> log) : IEntityController<V1Alpha1OAuthToken>
{
    /// <summary>More steps than any decision needs: reaching it means that two steps undo each other.</summary>
    private const int MostSteps = 20;

    private static readonly Func<ILogger, string, IDisposable?> BeginScope = LoggerMessage.DefineScope<string>("{Provider}");

    private static readonly TimeSpan RetryStore = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryStale = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryConflict = TimeSpan.FromMinutes(1);
    // A mended row tells nobody of itself, nor does a key that is mounted again.
    private static readonly TimeSpan RetryRow = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryHeldClaim = TimeSpan.FromSeconds(2);
    // The process ends, unless leadership was only in doubt.
    private static readonly TimeSpan RetryFence = TimeSpan.FromSeconds(5);

    /// <summary>No reconcile takes longer: the runtime breaks it off.</summary>
    private static readonly TimeSpan LongestReconcile = TimeSpan.FromMinutes(2);

    /// <inheritdoc/>
    public async Task<ReconciliationResult<V1Alpha1OAuthToken>> ReconcileAsync(V1Alpha1OAuthToken entity, CancellationToken cancellationToken)
    {
        if (entity.Metadata.DeletionTimestamp is not null)
            return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity);
        agenda.Enter(entity.Key(), LongestReconcile);
        var result = await LookWhileLeadingAsync(entity, cancellationToken);
        agenda.Enter(entity.Key(), result.RequeueAfter);
        return result;
    }

    private async Task<ReconciliationResult<V1Alpha1OAuthToken>> LookWhileLeadingAsync(V1Alpha1OAuthToken entity, CancellationToken cancellationToken)
    {
        try
        {
            return await LookAsync(entity, cancellationToken);
        }
        catch (LeadershipLostException e)
        {
            LogLeft(entity.Metadata.NamespaceProperty, entity.Metadata.Name, e.Message);
            return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity, RetryFence);
        }
    }

    private async Task<ReconciliationResult<V1Alpha1OAuthToken>> LookAsync(V1Alpha1OAuthToken entity, CancellationToken cancellationToken)
    {
        if (TokenRequest.From(entity, out var error) is not { } request)
            return await PublishAsync(entity, request: null, new DesiredState(null, new Problem(Reasons.InvalidSpec, error, NeedsHuman: true), null), cancellationToken);

        using var scope = BeginScope(log, request.Key.Provider);
        try
        {
            var verdict = await SettleAsync(Gather(entity, request), cancellationToken);
            return await PublishAsync(entity, request, verdict, cancellationToken);
        }
        catch (ClaimHeldException)
        {
            return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity, RetryHeldClaim);
        }
    }

    /// <inheritdoc/>
    public Task<ReconciliationResult<V1Alpha1OAuthToken>> DeletedAsync(V1Alpha1OAuthToken entity, CancellationToken cancellationToken)
    {
        agenda.Remove(entity.Key());
        // The Secret goes by its owner reference, the row by the finalizer.
        LogDeleted(entity.Metadata.NamespaceProperty, entity.Metadata.Name);
        return Task.FromResult(ReconciliationResult<V1Alpha1OAuthToken>.Success(entity));
    }

    private ReconcileInput Gather(V1Alpha1OAuthToken entity, TokenRequest request) => new()
    {
        Now = accounts.Now(request.Key),
        Request = request,
        Providers = providers.Names,
        Leader = (fence.Scope, fence.Holder),
        RefreshRequested = RefreshRequestOf(entity) is { } asked && asked != entity.Status?.LastHandledRefreshRequest,
        SpecChanged = entity.Status?.ObservedGeneration != entity.Metadata.Generation,
    };

    /// <summary>Takes one step after the other until nothing is left but to publish.</summary>
    private async Task<DesiredState> SettleAsync(ReconcileInput situation, CancellationToken ct)
    {
        for (var step = 0; step < MostSteps; step++)
        {
            var decision = ReconcilePolicy.Decide(situation);
            if (decision is Decision.Publish { DesiredState: var verdict })
                return verdict;
            situation = await ActAsync(situation with { Now = accounts.Now(situation.Request.Key) }, decision, ct);
        }

        throw new InvalidOperationException($"OAuthToken {situation.Request.Owner} did not settle in {MostSteps} steps; please report this.");
    }

    private async Task<ReconcileInput> ActAsync(ReconcileInput situation, Decision decision, CancellationToken ct)
    {
        var request = situation.Request;
        switch (decision)
        {
            case Decision.LookUpAccount:
                return await StoreAsync(situation, () => accounts.GetAsync(request.Key, ct));
            case Decision.ReadSeed:
                return situation with { Seed = await inputs.ReadSeedAsync(request.Seed!.Value, ct) };
            case Decision.ReadClient:
                var client = await inputs.ReadClientAsync(request.Client, ct);
                return situation with
                {
                    Client = client,
                    ClientRejectedUntil = client is Lookup<OAuthClient>.Found { Value: var c } ? rejected.Until(request.Key.Provider, c) : null,
                };
            case Decision.Import import:
                return await StoreAsync(situation, () => importer.ImportAsync(request.Key, import.Seed, request.Owner.Namespace, import.Replaces, ct));
            case Decision.Allow:
                return await StoreAsync(situation, () => importer.AllowAsync(request.Key, request.Owner.Namespace, ct));
            case Decision.Refresh refresh:
                return await RefreshAsync(situation, refresh, ct);
            default:
                throw new InvalidOperationException($"There is no way to carry out {decision.GetType().Name}.");
        }
    }

    private async Task<ReconcileInput> RefreshAsync(ReconcileInput situation, Decision.Refresh refresh, CancellationToken ct)
    {
        var request = situation.Request;
        var fingerprint = ReconcilePolicy.InputsFingerprint(refresh.Client, refresh.Account);
        try
        {
            var after = await StoreAsync(situation, () => refresher.RefreshAsync(refresh.Account, refresh.Client, fingerprint, ct));
            if (after.Account is Lookup<AccountRecord>.Found { Value: { Failure: null } good } && RefreshPolicy.MissingScopes(request.Scopes, good.Token).Count == 0)
                TellOthers(request);
            return after with
            {
                Now = accounts.Now(request.Key),
                ClientRejectedUntil = rejected.Until(request.Key.Provider, refresh.Client),
                RefreshRequested = false,
                SpecChanged = false,
            };
        }
        catch (PermitPendingException e)
        {
            return situation with { PermitAt = situation.Now + e.Wait };
        }
    }

    /// <summary>
    /// Objects of the same account publish a new token at once, too: they may be waiting for a human who helped this one.
    /// Anything worse is left to each one's own time, so that two objects with useless seeds do not wake each other for ever.
    /// </summary>
    private void TellOthers(TokenRequest request)
    {
        foreach (var other in entities.ByIndex(EntityIndexes.Account, EntityIndexes.AccountValue(request.Key)))
        {
            if (other.Key() != request.Owner)
                queue.Enqueue(other.Key());
        }
    }

    /// <summary>A database that is away is a finding, too, and the row as it was last seen is still good for publishing.</summary>
    private static async Task<ReconcileInput> StoreAsync(ReconcileInput situation, Func<Task<AccountRecord?>> use)
    {
        try
        {
            return situation with
            {
                Account = await use() is { } record
                    ? new Lookup<AccountRecord>.Found(record)
                    : new Lookup<AccountRecord>.Absent($"No row of {situation.Request.Key} is stored."),
            };
        }
        catch (StoreUnavailableException e)
        {
            return situation with { StoreError = e.Message };
        }
        catch (SchemaException e)
        {
            return situation with { Account = new Lookup<AccountRecord>.Faulty(Reasons.StoreUnavailable, e.Message, NeedsHuman: true) };
        }
        catch (UnreadableRowException e) when (e.Rest?.IsClosedTo(situation.Request.Owner.Namespace) == true)
        {
            // Nobody else is to learn of the row, be it what it may: it is decided on as any row of others.
            return situation with { Account = new Lookup<AccountRecord>.Found(e.Rest) };
        }
        catch (UnreadableRowException e)
        {
            return situation with { Account = new Lookup<AccountRecord>.Faulty(Reasons.StoredTokenInvalid, e.Message, NeedsHuman: true) };
        }
    }

    private async Task<ReconciliationResult<V1Alpha1OAuthToken>> PublishAsync(
        V1Alpha1OAuthToken entity, TokenRequest? request, DesiredState verdict, CancellationToken ct)
    {
        if (entities.Get(entity.Key())?.Metadata is not { DeletionTimestamp: null } current || current.Uid != entity.Metadata.Uid)
            return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity);

        var name = TokenRequest.SecretNameOf(entity);
        // Also that of a suspended object: what may not be used any more is not left lying about.
        var secret = verdict.Problem?.Reason == Reasons.AccountNotAllowed ? await secrets.WithdrawAsync(entity, [name, entity.Status?.SecretName], ct)
            : request is { Suspended: false } && verdict.Account is { } account && account.Token.IsValidAt(accounts.Now(account.Key))
            ? await secrets.PublishAsync(entity, request, account.Token, ct)
            : secrets.Look(entity, name);
        if (secret.Outcome == SecretOutcome.Right && entity.Status?.SecretName is { } old && old != name)
            await secrets.RetireAsync(entity, old, ct);

        var now = request is null ? time.GetUtcNow() : accounts.Now(request.Key);
        // What was asked for while Postgres is away is done when it is back.
        var isHandled = !verdict.IsWaiting && verdict.Problem?.Reason != Reasons.StoreUnavailable;
        var report = new StatusInput(
            verdict.IsWaiting ? entity.Status?.ObservedGeneration : entity.Metadata.Generation, name, request?.Scopes ?? [], verdict,
            Persisted: request is null || !pending.Contains(request.Key), secret,
            (isHandled ? RefreshRequestOf(entity) : null) ?? entity.Status?.LastHandledRefreshRequest)
        {
            // Of nobody's account, and of others', there is nothing to consent to.
            AuthorizationUrl = verdict.Account is null ? null : links.For(entity.Status?.AuthorizationURL, entity.Key(), verdict.Problem, now),
        };
        var status = StatusBuilder.Build(entity.Status, report, now);
        if (!await statuses.PublishAsync(entity, status, ct))
            return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity, RetryStale);
        return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity, NextLook(verdict, secret, status, links.RenewAt(status.AuthorizationURL), now));
    }

    /// <summary>The earliest moment at which something can change by time alone.</summary>
    private static TimeSpan? NextLook(DesiredState verdict, SecretResult secret, V1Alpha1OAuthToken.EntityStatus status, DateTimeOffset? newLinkAt, DateTimeOffset now)
    {
        DateTimeOffset?[] moments =
        [
            verdict.NextRefresh,
            newLinkAt,
            Timestamps.Parse(status.ExpiresAt) is { } end && end > now ? end : null,
            secret.Outcome == SecretOutcome.Failed ? now + RetryStore : null,
            secret.Outcome == SecretOutcome.Conflict ? now + RetryConflict : null,
            verdict.Problem is { NeedsHuman: false, Reason: Reasons.StoreUnavailable } ? now + RetryStore : null,
            verdict.Problem is { Reason: Reasons.StoredTokenInvalid } or { NeedsHuman: true, Reason: Reasons.StoreUnavailable } ? now + RetryRow : null,
        ];
        return moments.Min() is { } next ? (next > now ? next - now : TimeSpan.Zero) : null;
    }

    private static string? RefreshRequestOf(V1Alpha1OAuthToken entity) =>
        entity.Metadata.Annotations is { } annotations && annotations.TryGetValue(V1Alpha1OAuthToken.RefreshRequestedAnnotation, out var value)
            ? value
            : null;

    [LoggerMessage(201, LogLevel.Information, "OAuthToken {Namespace}/{Name} was deleted")]
    private partial void LogDeleted(string @namespace, string name);

    [LoggerMessage(202, LogLevel.Debug, "OAuthToken {Namespace}/{Name} is left as it is: {Why}")]
    private partial void LogLeft(string @namespace, string name, string why);
}
