// What an OAuthToken's status means to a person. Pure: object and moment in, words out.
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using static TokenOperator.Api.V1Alpha1OAuthToken;

namespace KubectlOAuthToken;

/// <summary>One OAuthToken as <c>status -o json</c> shows it; docs/kubectl-plugin.md promises these fields to scripts.</summary>
public sealed record TokenStatus
{
    /// <summary>Its namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The provider.</summary>
    public required string Provider { get; init; }

    /// <summary>The account.</summary>
    public required string Account { get; init; }

    /// <summary><c>Ok</c>; <c>Warning</c>: the token is valid, and something is wrong; <c>Critical</c>: the app has no valid token.</summary>
    public required Health Health { get; init; }

    /// <summary>The Secret holds a token that is valid now; false also when the status still says otherwise after its expiry.</summary>
    public required bool Ready { get; init; }

    /// <summary>Nothing gets better until a human acts.</summary>
    public required bool NeedsHuman { get; init; }

    /// <summary>The newest token is committed in Postgres.</summary>
    public required bool Persisted { get; init; }

    /// <summary>One of <see cref="Reasons"/>, or <c>RefreshOverdue</c> or <c>SpecNotSeen</c>, which only this side can see.</summary>
    public required string Reason { get; init; }

    /// <summary>The reason in a sentence.</summary>
    public required string Message { get; init; }

    /// <summary>What to do next, as a command where there is one; null when there is nothing to do.</summary>
    public string? NextStep { get; init; }

    /// <summary>When the access token ends.</summary>
    public string? ExpiresAt { get; init; }

    /// <summary>When the provider last handed out a token.</summary>
    public string? LastRefreshTime { get; init; }

    /// <summary>When it is asked next.</summary>
    public string? NextRefreshTime { get; init; }

    /// <summary>Consecutive failures.</summary>
    public required int Failures { get; init; }

    /// <summary>The Secret with the access token.</summary>
    public required string SecretName { get; init; }

    /// <summary>Longer than any refresh that is due may take to show.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);

    /// <summary>Reads <paramref name="token"/> as of <paramref name="now"/>.</summary>
    public static TokenStatus From(V1Alpha1OAuthToken token, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(token);
        var (spec, status) = (token.Spec ?? new EntitySpec(), token.Status ?? new EntityStatus());
        var saysReady = status.Find(ConditionTypes.Ready)?.IsTrue == true;
        var expired = Timestamps.Parse(status.ExpiresAt) is { } end && end <= now;
        var ready = saysReady && !expired;
        var (reason, message) = Worst(token, status, saysReady, expired, now);
        var needsHuman = status.Find(ConditionTypes.Stalled)?.IsTrue == true;
        return new TokenStatus
        {
            Namespace = token.Metadata.NamespaceProperty ?? "",
            Name = token.Metadata.Name,
            Provider = DisplayText.Of(spec.Provider ?? "", 63),
            Account = DisplayText.Of(spec.Account ?? "", TokenRequest.MaxAccountLength),
            Health = !ready ? Health.Critical : reason == Reasons.Refreshed ? Health.Ok : Health.Warning,
            Ready = ready,
            NeedsHuman = needsHuman,
            Persisted = status.Find(ConditionTypes.Persisted)?.IsTrue == true,
            Reason = reason,
            Message = DisplayText.Of(message, 2000),
            NextStep = global::KubectlOAuthToken.NextStep.For(reason, token, needsHuman) is { } step ? DisplayText.Of(step, 1000) : null,
            ExpiresAt = status.ExpiresAt,
            LastRefreshTime = status.LastRefreshTime,
            NextRefreshTime = status.NextRefreshTime,
            Failures = status.Failures ?? 0,
            SecretName = TokenRequest.SecretNameOf(token),
        };
    }

    /// <summary>The worst of what the operator says and of what it would say if it ran.</summary>
    private static (string Reason, string Message) Worst(V1Alpha1OAuthToken token, EntityStatus status, bool saysReady, bool expired, DateTimeOffset now)
    {
        var suspended = token.Spec?.Suspend == true;
        if (status.Find(ConditionTypes.Ready) is not { } ready)
            return (Reasons.Pending, "The operator has not looked at this object yet.");
        if (expired && saysReady)
            return (Reasons.TokenExpired, $"The token expired at {status.ExpiresAt}, and the operator has not said so: it does not run, or does not reach the API server.");
        if (status.ObservedGeneration < token.Metadata.Generation)
            return ("SpecNotSeen", "The spec was changed and the operator has not looked at it yet.");
        if (!ready.IsTrue)
            return (ready.Reason, ready.Message);
        foreach (var (type, bad) in new[] { (ConditionTypes.Stalled, "True"), (ConditionTypes.Refreshed, "False"), (ConditionTypes.Persisted, "False") })
        {
            if (status.Find(type) is { } condition && condition.Status == bad)
                return (condition.Reason, condition.Message);
        }

        if (!suspended && Timestamps.Parse(status.NextRefreshTime) is { } due && due + Grace < now)
            return ("RefreshOverdue", $"The refresh was due at {status.NextRefreshTime}, and there is no sign of one: the operator does not run, or does not reach the API server.");
        return (ready.Reason, ready.Message);
    }
}

/// <summary>What <c>status -o json</c> and <c>-o yaml</c> show, also for a single NAME.</summary>
/// <param name="Items">By namespace and name.</param>
public sealed record TokenStatusList(IReadOnlyList<TokenStatus> Items);
