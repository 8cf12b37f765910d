using System.Text.Json.Serialization;
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace KubectlOAuthToken.Output;

/// <summary>
/// One OAuthToken as <c>status -o json</c> prints it, computed from the object and the current time. Scripts rely on these fields:
/// docs/kubectl-plugin.md.
/// </summary>
public sealed record TokenStatus
{
    /// <summary>A reason that only the plugin reports: the operator has not refreshed the token by <see cref="NextRefreshTime"/>.</summary>
    internal const string RefreshOverdue = nameof(RefreshOverdue);

    /// <summary>A reason that only the plugin reports: the operator has not processed the current spec.</summary>
    internal const string SpecNotSeen = nameof(SpecNotSeen);

    /// <summary>A reason that only the plugin reports: the object is being deleted, and the operator has not reported what the deletion waits for.</summary>
    internal const string BeingDeleted = nameof(BeingDeleted);

    /// <summary>The API conventions limit a reason to 1024 characters. No reason of the operator has more than 32.</summary>
    private const int MaxReasonLength = 128;

    private const int MaxNameLength = 253;
    private const int MaxTimeLength = 40;

    /// <summary>Longer than a due refresh takes to appear in the status.</summary>
    private static readonly TimeSpan RefreshGrace = TimeSpan.FromMinutes(5);

    /// <summary>The version of the fields of <c>-o json</c>. No API server serves it.</summary>
    public string ApiVersion { get; } = "plugin.tokenoperator.dev/v1beta1";

    /// <summary>The kind of the document.</summary>
    public string Kind { get; } = "OAuthTokenStatus";

    /// <summary>The name and the namespace of the object, where Kubernetes tools look for them.</summary>
    public required TokenStatusMetadata Metadata { get; init; }

    /// <summary>The namespace of the object.</summary>
    [JsonIgnore]
    public string Namespace => Metadata.Namespace;

    /// <summary>The name of the object.</summary>
    [JsonIgnore]
    public string Name => Metadata.Name;

    /// <summary>The provider.</summary>
    public required string Provider { get; init; }

    /// <summary>The account.</summary>
    public required string Account { get; init; }

    /// <summary><c>Ok</c>; <c>Warning</c>: the token is valid, but there is a problem; <c>Critical</c>: the app has no valid token.</summary>
    public required Health Health { get; init; }

    /// <summary>Whether the Secret holds a token that is valid now. False after the expiry time, even if the status still says Ready.</summary>
    public required bool Ready { get; init; }

    /// <summary>Whether the problem persists until someone acts.</summary>
    public required bool NeedsHuman { get; init; }

    /// <summary>Whether the newest token is committed in Postgres.</summary>
    public required bool Persisted { get; init; }

    /// <summary>One of <see cref="Reasons"/>, or <c>RefreshOverdue</c>, <c>SpecNotSeen</c> or <c>BeingDeleted</c>.</summary>
    public required string Reason { get; init; }

    /// <summary>The cause in a sentence.</summary>
    public required string Message { get; init; }

    /// <summary>What to do next, as a command if there is one; null if no action is needed.</summary>
    public string? NextStep { get; init; }

    /// <summary>When the access token expires (RFC 3339).</summary>
    public string? ExpiresAt { get; init; }

    /// <summary>When the provider last issued a token (RFC 3339).</summary>
    public string? LastRefreshTime { get; init; }

    /// <summary>When the operator refreshes the token next (RFC 3339).</summary>
    public string? NextRefreshTime { get; init; }

    /// <summary>The number of consecutive failures.</summary>
    public required int Failures { get; init; }

    /// <summary>The Secret with the access token.</summary>
    public required string SecretName { get; init; }

    /// <summary>The status of <paramref name="token"/> at the time <paramref name="now"/>.</summary>
    public static TokenStatus From(V1Beta1OAuthToken token, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(token);
        var (spec, status) = (token.Spec ?? new EntitySpec(), token.Status ?? new EntityStatus());
        var saysReady = status.Find(ConditionTypes.Ready)?.IsTrue == true;
        var expired = Timestamps.Parse(status.ExpiresAt) is { } end && end <= now;
        // Nobody refreshes the token of an object that is being deleted, and its Secret goes with it.
        var ready = saysReady && !expired && token.Metadata.DeletionTimestamp is null;
        var (reason, message) = Worst(token, status, saysReady, expired, now);
        var needsHuman = status.Find(ConditionTypes.Stalled)?.IsTrue == true;
        return new TokenStatus
        {
            Metadata = new(token.Metadata.Name, token.Metadata.NamespaceProperty ?? ""),
            Provider = DisplayText.Of(spec.Provider ?? "", 63),
            Account = DisplayText.Of(spec.Account ?? "", TokenRequest.MaxAccountLength),
            Health = !ready ? Health.Critical : reason == Reasons.Refreshed ? Health.Ok : Health.Warning,
            Ready = ready,
            NeedsHuman = needsHuman,
            Persisted = status.Find(ConditionTypes.Persisted)?.IsTrue == true,
            Reason = DisplayText.Of(reason, MaxReasonLength),
            Message = DisplayText.Line(message),
            NextStep = NextStepCommand.For(reason, token, needsHuman) is { } step ? DisplayText.Line(step) : null,
            ExpiresAt = Time(status.ExpiresAt),
            LastRefreshTime = Time(status.LastRefreshTime),
            NextRefreshTime = Time(status.NextRefreshTime),
            Failures = status.Failures ?? 0,
            SecretName = DisplayText.Of(TokenRequest.SecretNameOf(token), MaxNameLength),
        };
    }

    // Anyone who can write a status can write anything there.
    private static string? Time(string? time) => time is null ? null : DisplayText.Of(time, MaxTimeLength);

    /// <summary>The statuses of <paramref name="tokens"/>, sorted by namespace and name.</summary>
    internal static IReadOnlyList<TokenStatus> Sorted(IEnumerable<V1Beta1OAuthToken> tokens, DateTimeOffset now) =>
    [
        .. tokens.Select(token => From(token, now))
            .OrderBy(item => item.Namespace, StringComparer.Ordinal).ThenBy(item => item.Name, StringComparer.Ordinal),
    ];

    /// <summary>The worst problem: one that the operator reports, or one that it would report if it were running.</summary>
    private static (string Reason, string Message) Worst(V1Beta1OAuthToken token, EntityStatus status, bool saysReady, bool expired, DateTimeOffset now)
    {
        var suspended = token.Spec?.Suspend == true;
        if (token.Metadata.DeletionTimestamp is { } deleted)
            return Deletion(token, status, deleted);
        if (status.Find(ConditionTypes.Ready) is not { } ready)
            return (Reasons.Pending, "The operator has not processed this object yet.");
        if (expired && saysReady)
            return (Reasons.TokenExpired, $"The token expired at {status.ExpiresAt}, but the operator has not reported it: it is not running, or it cannot reach the API server.");
        if (status.ObservedGeneration < token.Metadata.Generation)
            return (SpecNotSeen, "The spec has changed, and the operator has not processed the change yet.");
        if (!ready.IsTrue)
            return (ready.Reason, ready.Message);
        foreach (var (type, bad) in new[] { (ConditionTypes.Stalled, "True"), (ConditionTypes.Refreshed, "False"), (ConditionTypes.Persisted, "False") })
        {
            if (status.Find(type) is { } condition && condition.Status == bad)
                return (condition.Reason, condition.Message);
        }

        if (!suspended && Timestamps.Parse(status.NextRefreshTime) is { } due && due + RefreshGrace < now)
            return (RefreshOverdue, $"The refresh was due at {status.NextRefreshTime}, but it has not happened: the operator is not running, or it cannot reach the API server.");
        return (ready.Reason, ready.Message);
    }

    private static (string Reason, string Message) Deletion(V1Beta1OAuthToken token, EntityStatus status, DateTime deleted) =>
        status.Find(ConditionTypes.Ready) is { Reason: Reasons.Deleting or Reasons.CleanupFailed } reported
            ? (reported.Reason, reported.Message)
            : (BeingDeleted, $"The object was marked for deletion at {Timestamps.Format(new DateTimeOffset(deleted.ToUniversalTime()))}. It waits for its finalizers: {DisplayText.List(token.Metadata.Finalizers ?? [])}.");
}

/// <summary>The metadata of a <see cref="TokenStatus"/>.</summary>
/// <param name="Name">The name of the OAuthToken.</param>
/// <param name="Namespace">Its namespace.</param>
public sealed record TokenStatusMetadata(string Name, string Namespace);

/// <summary>The document that <c>status -o json</c> and <c>-o yaml</c> print without a NAME.</summary>
/// <param name="Items">The OAuthTokens.</param>
public sealed record TokenStatusList(IReadOnlyList<TokenStatus> Items)
{
    /// <summary>As in the lists of kubectl.</summary>
    [JsonPropertyOrder(-2)]
    public string ApiVersion { get; } = "v1";

    /// <summary>As in the lists of kubectl.</summary>
    [JsonPropertyOrder(-1)]
    public string Kind { get; } = "List";
}
