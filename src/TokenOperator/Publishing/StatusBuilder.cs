// From a verdict to the status that users see. Pure: values in, value out.
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Reconcile;
using static TokenOperator.Api.V1Alpha1OAuthToken;

namespace TokenOperator.Publishing;

/// <summary>All that a status says.</summary>
/// <param name="Generation">Generation of the spec that was looked at.</param>
/// <param name="SecretName">The Secret that the spec means.</param>
/// <param name="Scopes">Scopes that the spec asks for.</param>
/// <param name="DesiredState">What is.</param>
/// <param name="Persisted">False while the newest token is not committed in Postgres.</param>
/// <param name="Secret">What became of the Secret.</param>
/// <param name="HandledRequest">Value of the refresh annotation that has been acted on, or null.</param>
public sealed record StatusInput(
    long? Generation, string SecretName, IReadOnlyList<string> Scopes, DesiredState DesiredState, bool Persisted, SecretResult Secret, string? HandledRequest)
{
    /// <summary>Where a browser can consent, or null.</summary>
    public string? AuthorizationUrl { get; init; }
}

/// <summary>Makes the status.</summary>
public static class StatusBuilder
{
    /// <summary>The status for <paramref name="report"/>; conditions whose status stays keep their transition time from <paramref name="before"/>.</summary>
    public static EntityStatus Build(EntityStatus? before, StatusInput report, DateTimeOffset now)
    {
        var (account, problem) = (report.DesiredState.Account, Worst(report));
        // A token that could not be written is not what the Secret holds: go on speaking of the one it does.
        var holds = report.Secret.Outcome == SecretOutcome.Right;
        var expiresAt = holds ? Timestamps.Format(account?.Token.ExpiresAt) : report.Secret.Outcome == SecretOutcome.Missing ? null : before?.ExpiresAt;
        var inSecret = holds || (report.Secret.Outcome is SecretOutcome.Untouched or SecretOutcome.Failed && before?.SecretName == report.SecretName);
        var valid = inSecret && Timestamps.Parse(expiresAt) > now;
        var missingScopes = account is not null && RefreshPolicy.MissingScopes(report.Scopes, account.Token).Count > 0;
        var allowed = problem?.Reason is not (Reasons.AccountNotAllowed or Reasons.UnknownProvider or Reasons.InvalidSpec or Reasons.SecretConflict);
        // Without a row nobody knows whose token the Secret holds: the spec may have named another account before.
        var known = account is not null || problem?.Reason is not Reasons.SeedMissing;
        var ready = valid && allowed && known && !missingScopes;

        Condition Make(string type, string status, string reason, string message)
        {
            var old = before?.Find(type);
            return new Condition
            {
                Type = type,
                Status = status,
                Reason = reason,
                Message = message,
                ObservedGeneration = report.Generation,
                LastTransitionTime = old?.Status == status ? old.LastTransitionTime : Timestamps.Format(now),
            };
        }

        return new EntityStatus
        {
            ObservedGeneration = report.Generation,
            ExpiresAt = expiresAt,
            LastRefreshTime = Timestamps.Format(account?.LastRefreshAt) ?? before?.LastRefreshTime,
            NextRefreshTime = Timestamps.Format(report.DesiredState.NextRefresh),
            Scopes = account is { Token.Scopes.Count: > 0 } ? account.Token.Scopes : null,
            SecretName = holds ? report.SecretName : before?.SecretName,
            Failures = account?.Failure?.Count ?? 0,
            LastHandledRefreshRequest = report.HandledRequest,
            AuthorizationURL = report.AuthorizationUrl,
            Conditions =
            [
                ReadyCondition(report, problem, ready, expiresAt, now, Make),
                RefreshedCondition(account, problem, Make),
                PersistedCondition(report, Make),
                Make(ConditionTypes.Reconciling, Text(problem is { NeedsHuman: false, Reason: not Reasons.Suspended }), problem?.Reason ?? Reasons.Refreshed, problem?.Message ?? "Nothing to do."),
                Make(ConditionTypes.Stalled, Text(problem is { NeedsHuman: true }), problem?.Reason ?? Reasons.Refreshed, problem?.Message ?? "No human is needed."),
            ],
        };
    }

    /// <summary>A Secret that cannot be written is what the app feels, whatever else is wrong.</summary>
    private static Problem? Worst(StatusInput report) => report.Secret.Outcome switch
    {
        SecretOutcome.Conflict => new Problem(Reasons.SecretConflict, report.Secret.Message, NeedsHuman: true),
        SecretOutcome.Failed => new Problem(Reasons.SecretWriteFailed, report.Secret.Message, NeedsHuman: false),
        _ => report.DesiredState.Problem
            ?? (report.Persisted ? null : new Problem(Reasons.StoreUnavailable, NotPersisted, NeedsHuman: false)),
    };

    private const string NotPersisted =
        "The newest token is published but not yet committed in Postgres; the operator tries until it is. Do not stop it before, and check Postgres.";

    private static Condition ReadyCondition(
        StatusInput report, Problem? problem, bool ready, string? expiresAt, DateTimeOffset now, Func<string, string, string, string, Condition> make)
    {
        if (ready)
        {
            var holds = $"Secret {report.SecretName} holds a token that is valid until {expiresAt}.";
            return make(ConditionTypes.Ready, "True", problem?.Reason ?? Reasons.Refreshed, problem is null ? holds : $"{holds} {problem.Message}");
        }

        var expired = Timestamps.Parse(expiresAt) is { } end && end <= now;
        return problem switch
        {
            { NeedsHuman: true } => make(ConditionTypes.Ready, "False", problem.Reason, problem.Message),
            _ when expired => make(
                ConditionTypes.Ready, "False", Reasons.TokenExpired,
                $"The token in Secret {report.SecretName} expired at {expiresAt}. {problem?.Message ?? "It is being refreshed."}"),
            null => make(ConditionTypes.Ready, "False", Reasons.Pending, "The first token has not been written yet."),
            _ => make(ConditionTypes.Ready, "False", problem.Reason, problem.Message),
        };
    }

    private static Condition RefreshedCondition(AccountRecord? account, Problem? problem, Func<string, string, string, string, Condition> make) =>
        (account, problem) switch
        {
            ({ Failure: not null }, not null) => make(ConditionTypes.Refreshed, "False", account.Failure.Kind.ToString(), problem.Message),
            (_, { Reason: not (Reasons.Suspended or Reasons.SecretConflict or Reasons.SecretWriteFailed or Reasons.ScopesMissing) })
                when account?.LastRefreshAt is null || problem.Reason is not Reasons.StoreUnavailable =>
                make(ConditionTypes.Refreshed, "False", problem.Reason, problem.Message),
            ({ LastRefreshAt: { } at }, _) => make(ConditionTypes.Refreshed, "True", Reasons.Refreshed, $"The provider handed out a token at {Timestamps.Format(at)}."),
            ({ Token.AccessToken: not null }, _) => make(ConditionTypes.Refreshed, "True", Reasons.Refreshed, "The imported token is still fresh."),
            _ => make(ConditionTypes.Refreshed, "Unknown", Reasons.Pending, "No refresh has been tried yet."),
        };

    private static Condition PersistedCondition(StatusInput report, Func<string, string, string, string, Condition> make) => report switch
    {
        { DesiredState.Account: null } => make(ConditionTypes.Persisted, "Unknown", report.DesiredState.Problem?.Reason ?? Reasons.Pending, "No row of this account is in use."),
        { Persisted: true } => make(ConditionTypes.Persisted, "True", Reasons.Refreshed, "The newest token is committed in Postgres."),
        _ => make(ConditionTypes.Persisted, "False", Reasons.StoreUnavailable, NotPersisted),
    };

    private static string Text(bool value) => value ? "True" : "False";
}
