using TokenOperator.Api;
using static TokenOperator.Api.V1Alpha1OAuthToken;

namespace TokenOperator.Publishing;

/// <summary>One event.</summary>
/// <param name="Type"><c>Normal</c> or <c>Warning</c>.</param>
/// <param name="Reason">One of <see cref="Reasons"/>.</param>
/// <param name="Action">What the operator was doing.</param>
/// <param name="Note">For a person.</param>
public sealed record StatusEvent(string Type, string Reason, string Action, string Note)
{
    /// <summary>The events for a change of status: the first token, the first occurrence of a failure, and recovery. A routine refresh has none.</summary>
    public static IEnumerable<StatusEvent> Between(EntityStatus? before, EntityStatus after)
    {
        var ready = after.Find(ConditionTypes.Ready);
        if (before?.ExpiresAt is null && after.ExpiresAt is not null)
            yield return new StatusEvent("Normal", Reasons.FirstToken, "Publish", $"Secret {after.SecretName} holds its first token, valid until {after.ExpiresAt}.");

        var (oldTrouble, newTrouble) = (Trouble(before), Trouble(after));
        if (newTrouble is not null && newTrouble.Reason != oldTrouble?.Reason)
            yield return new StatusEvent("Warning", newTrouble.Reason, "Refresh", newTrouble.Message);
        else if (newTrouble is null && oldTrouble is not null && ready?.IsTrue == true)
            yield return new StatusEvent("Normal", Reasons.Recovered, "Refresh", $"Recovered from {oldTrouble.Reason}: {ready.Message}");

        if (before?.Find(ConditionTypes.Ready)?.IsTrue == true && ready is { IsTrue: false, Reason: Reasons.TokenExpired })
            yield return new StatusEvent("Warning", Reasons.TokenExpired, "Publish", ready.Message);
    }

    private static Condition? Trouble(EntityStatus? status) =>
        status?.Find(ConditionTypes.Stalled) is { IsTrue: true } stalled ? stalled
        : status?.Find(ConditionTypes.Reconciling) is { IsTrue: true } reconciling ? reconciling
        : null;
}
