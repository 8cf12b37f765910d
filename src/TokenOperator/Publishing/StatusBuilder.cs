// From the desired state to the status that users see. Pure: values in, value out.
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Publishing;

/// <summary>Everything that a status says.</summary>
/// <param name="Generation">The generation of the spec that was reconciled.</param>
/// <param name="SecretName">The Secret that the spec names.</param>
/// <param name="Desired">What the status should say.</param>
/// <param name="Persisted">False while the newest token is not committed in Postgres.</param>
/// <param name="Secret">What became of the Secret.</param>
/// <param name="HandledRequest">The value of the refresh annotation that was handled last, or null.</param>
public sealed record StatusInput(
    long? Generation, string SecretName, DesiredState Desired, bool Persisted, SecretResult Secret, string? HandledRequest)
{
    /// <summary>The worst of what is wrong with the account and with the Secret, or null.</summary>
    public Problem? Problem { get; init; }

    /// <summary>False if not even a valid token in the Secret makes the object Ready.</summary>
    public bool MayBeReady { get; init; } = true;

    /// <summary>The link with which the account's owner can consent, or null.</summary>
    public string? AuthorizationUrl { get; init; }
}

/// <summary>Builds the status.</summary>
public static class StatusBuilder
{
    /// <summary>The status for <paramref name="input"/>; conditions whose status stays keep their transition time from <paramref name="before"/>.</summary>
    public static EntityStatus Build(EntityStatus? before, StatusInput input, DateTimeOffset now)
    {
        var (account, problem) = (input.Desired.Account, input.Problem);
        // A token that could not be written is not in the Secret: the status describes the one that is.
        var holds = input.Secret.Outcome == SecretOutcome.UpToDate;
        var expiresAt = holds ? Timestamps.Format(account?.Token.ExpiresAt) : input.Secret.Outcome == SecretOutcome.Missing ? null : before?.ExpiresAt;
        var inSecret = holds || (input.Secret.Outcome is SecretOutcome.Untouched or SecretOutcome.Failed or SecretOutcome.Denied && before?.SecretName == input.SecretName);
        // A token that never expires has no time at which it stops being valid: the answer of the provider does that.
        var neverExpires = holds ? account?.Token.NeverExpires == true : before is { ExpiresAt: null } && before.Find(ConditionTypes.Ready)?.IsTrue == true;
        var valid = inSecret && (neverExpires ? problem is not { NeedsHuman: true, Info.IsAboutRefresh: true } : Timestamps.Parse(expiresAt) > now);
        var ready = valid && input.MayBeReady;

        Condition Make(string type, string status, string reason, string message)
        {
            var old = before?.Find(type);
            return new Condition
            {
                Type = type,
                Status = status,
                Reason = reason,
                Message = DisplayText.Line(message),
                ObservedGeneration = input.Generation,
                LastTransitionTime = old?.Status == status ? old.LastTransitionTime : Timestamps.Format(now),
            };
        }

        return new EntityStatus
        {
            ObservedGeneration = input.Generation,
            Provider = before?.Provider ?? account?.Key.Provider,
            Account = before?.Account ?? account?.Key.Account,
            ExpiresAt = expiresAt,
            LastRefreshTime = Timestamps.Format(account?.LastRefreshAt) ?? before?.LastRefreshTime,
            NextRefreshTime = Timestamps.Format(input.Desired.NextRefresh),
            ConsentExpiresAt = Timestamps.Format(account?.Token.RefreshTokenExpiresAt),
            Scopes = account is { Token.Scopes.Count: > 0 } ? account.Token.Scopes : null,
            SecretName = holds ? input.SecretName : before?.SecretName,
            Failures = account?.Failure?.Count ?? 0,
            LastHandledRefreshRequest = input.HandledRequest,
            AuthorizationURL = input.AuthorizationUrl,
            Conditions =
            [
                ReadyCondition(input, problem, ready, expiresAt, now, Make),
                RefreshedCondition(account, problem, Make),
                PersistedCondition(input, Make),
                Make(ConditionTypes.Reconciling, Text(problem is { NeedsHuman: false, Info.Severity: not ReasonSeverity.None }), problem?.Reason ?? Reasons.Refreshed, problem?.Message ?? ReasonInfo.Of(Reasons.Refreshed).DefaultMessage),
                Make(ConditionTypes.Stalled, Text(problem is { NeedsHuman: true }), problem?.Reason ?? Reasons.Refreshed, problem?.Message ?? "No action is needed."),
            ],
        };
    }

    /// <summary>Turns Ready to False at the moment of expiry. Nothing else changes.</summary>
    public static EntityStatus Expire(EntityStatus status, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(status);
        var stalled = status.Find(ConditionTypes.Stalled) is { IsTrue: true } found ? found : null;
        var cause = status.Find(ConditionTypes.Reconciling) is { IsTrue: true } reconciling ? reconciling.Message : null;
        return status with
        {
            Conditions =
            [
                .. (status.Conditions ?? []).Select(condition => condition.Type != ConditionTypes.Ready ? condition : condition with
                {
                    Status = "False",
                    Reason = stalled?.Reason ?? Reasons.TokenExpired,
                    Message = DisplayText.Line(stalled?.Message ?? Expired(status.SecretName, status.ExpiresAt, cause)),
                    LastTransitionTime = Timestamps.Format(now),
                }),
            ],
        };
    }

    /// <summary>
    /// The status of an object that is being deleted and waits: its token is not refreshed, and Ready, Reconciling and Stalled say what it waits
    /// for. The other conditions stay.
    /// </summary>
    public static EntityStatus Delete(EntityStatus? status, Problem problem, long? generation, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(problem);
        Condition Make(string type, string value) => new()
        {
            Type = type,
            Status = value,
            Reason = problem.Reason,
            Message = DisplayText.Line(problem.Message),
            ObservedGeneration = generation,
            LastTransitionTime = status?.Find(type) is { } old && old.Status == value ? old.LastTransitionTime : Timestamps.Format(now),
        };
        var changed = new[] { Make(ConditionTypes.Ready, "False"), Make(ConditionTypes.Reconciling, "True"), Make(ConditionTypes.Stalled, "False") };
        return (status ?? new EntityStatus()) with
        {
            ObservedGeneration = generation,
            NextRefreshTime = null,
            AuthorizationURL = null,
            Conditions = [.. changed, .. (status?.Conditions ?? []).Where(old => changed.All(condition => condition.Type != old.Type))],
        };
    }

    private static Condition ReadyCondition(
        StatusInput input, Problem? problem, bool ready, string? expiresAt, DateTimeOffset now, Func<string, string, string, string, Condition> make)
    {
        if (ready)
        {
            var holds = $"Secret {input.SecretName} holds a token that {(expiresAt is null ? "does not expire" : $"is valid until {expiresAt}")}.";
            return make(ConditionTypes.Ready, "True", problem?.Reason ?? Reasons.Refreshed, problem is null ? holds : $"{holds} {problem.Message}");
        }

        var expired = Timestamps.Parse(expiresAt) is { } end && end <= now;
        return problem switch
        {
            { NeedsHuman: true } => make(ConditionTypes.Ready, "False", problem.Reason, problem.Message),
            _ when expired => make(
                ConditionTypes.Ready, "False", Reasons.TokenExpired,
                Expired(input.SecretName, expiresAt, problem?.Message)),
            null => make(ConditionTypes.Ready, "False", Reasons.Pending, ReasonInfo.Of(Reasons.Pending).DefaultMessage),
            _ => make(ConditionTypes.Ready, "False", problem.Reason, problem.Message),
        };
    }

    private static Condition RefreshedCondition(AccountRecord? account, Problem? problem, Func<string, string, string, string, Condition> make) =>
        (account, problem) switch
        {
            ({ Failure: not null }, not null) => make(ConditionTypes.Refreshed, "False", account.Failure.Kind.ToString(), problem.Message),
            (_, { Info.IsAboutRefresh: true })
                when account?.LastRefreshAt is null || problem.Reason is not Reasons.StoreUnavailable =>
                make(ConditionTypes.Refreshed, "False", problem.Reason, problem.Message),
            ({ LastRefreshAt: { } at }, _) => make(ConditionTypes.Refreshed, "True", Reasons.Refreshed, $"The provider issued a token at {Timestamps.Format(at)}."),
            ({ Token.AccessToken: not null }, _) => make(ConditionTypes.Refreshed, "True", Reasons.Refreshed, "The imported token is still fresh."),
            _ => make(ConditionTypes.Refreshed, "Unknown", Reasons.Pending, "No refresh has been tried yet."),
        };

    private static Condition PersistedCondition(StatusInput input, Func<string, string, string, string, Condition> make) => input switch
    {
        { Desired.Account: null } => make(ConditionTypes.Persisted, "Unknown", input.Desired.Problem?.Reason ?? Reasons.Pending, "No row of this account is in use."),
        { Persisted: true } => make(ConditionTypes.Persisted, "True", Reasons.Refreshed, "The newest token is committed in Postgres."),
        _ => make(ConditionTypes.Persisted, "False", Reasons.StoreUnavailable, ReasonInfo.Of(Reasons.StoreUnavailable).DefaultMessage),
    };

    private static string Expired(string? secretName, string? expiresAt, string? cause) =>
        $"The token in Secret {secretName} expired at {expiresAt}. {cause ?? "It is being refreshed."}";

    private static string Text(bool value) => value ? "True" : "False";
}
