using KubeRuntime.Events;
using TokenOperator.Api;
using TokenOperator.Core.Text;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Publishing;

/// <summary>One event. Its type and action are those of its reason.</summary>
/// <param name="Reason">One of <see cref="Reasons"/>.</param>
/// <param name="Note">For a person.</param>
public sealed record StatusEvent(string Reason, string Note)
{
    /// <summary>The events for a change of status: the first token, the first occurrence of a failure, and recovery. A routine refresh has none.</summary>
    public static IEnumerable<StatusEvent> Between(EntityStatus? before, EntityStatus after)
    {
        var ready = after.Find(ConditionTypes.Ready);
        if (before?.ExpiresAt is null && after.ExpiresAt is not null)
            yield return new StatusEvent(Reasons.FirstToken, $"Secret {after.SecretName} holds its first token, valid until {after.ExpiresAt}.");

        var (oldTrouble, newTrouble) = (Trouble(before), Trouble(after));
        if (newTrouble is not null && newTrouble.Reason != oldTrouble?.Reason)
            yield return new StatusEvent(newTrouble.Reason, newTrouble.Message);
        else if (newTrouble is null && oldTrouble is not null && ready?.IsTrue == true)
            yield return new StatusEvent(Reasons.Recovered, $"Recovered from {oldTrouble.Reason}: {ready.Message}");

        if (before?.Find(ConditionTypes.Ready)?.IsTrue == true && ready is { IsTrue: false, Reason: Reasons.TokenExpired })
            yield return new StatusEvent(Reasons.TokenExpired, ready.Message);
    }

    private static Condition? Trouble(EntityStatus? status) =>
        status?.Find(ConditionTypes.Stalled) is { IsTrue: true } stalled ? stalled
        : status?.Find(ConditionTypes.Reconciling) is { IsTrue: true } reconciling ? reconciling
        : null;
}

/// <summary>Publishes events about an OAuthToken.</summary>
public static class OAuthTokenEvents
{
    /// <summary>Publishes an event with the type and the action of <paramref name="reason"/>.</summary>
    public static void Publish(this EventPublisher events, V1Beta1OAuthToken entity, string reason, string note)
    {
        ArgumentNullException.ThrowIfNull(events);
        var info = ReasonInfo.Of(reason);
        events.Publish(entity, info.EventType, reason, info.EventAction, DisplayText.Line(note));
    }
}
