// From the documents to the status of a ClusterOAuthProvider. Pure: values in, value out.
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using static TokenOperator.Api.V1Beta1ClusterOAuthProvider;

namespace TokenOperator.ProviderSources;

/// <summary>Everything that a status says.</summary>
/// <param name="Generation">The generation of the spec.</param>
/// <param name="Report">What became of the documents of this name.</param>
/// <param name="UsedBy">How many OAuthTokens name the provider.</param>
/// <param name="Health">How the provider has answered; null if it was not asked.</param>
public sealed record ProviderStatusInput(long? Generation, ProviderReport Report, int UsedBy, ProviderHealth? Health);

/// <summary>Builds the status.</summary>
public static class ProviderStatusBuilder
{
    /// <summary>The least time between two writes that say nothing new but a number or a time.</summary>
    public static readonly TimeSpan MinBetweenCounts = TimeSpan.FromMinutes(1);

    /// <summary>How old a time in the status may become while nothing but the time changes. A refresh must not cost a write of its own.</summary>
    public static readonly TimeSpan MaxTimeAge = TimeSpan.FromMinutes(15);

    /// <summary>The maximum length of the message, in characters. Kubernetes allows 32,768, and the message of a document names every error.</summary>
    private const int MaxMessageLength = 32_000;

    /// <summary>The status for <paramref name="input"/>. A condition whose status stays keeps its transition time from <paramref name="before"/>.</summary>
    public static EntityStatus Build(EntityStatus? before, ProviderStatusInput input, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(input);
        var (reason, message) = Explain(input.Report);
        var status = reason == AcceptedReason.Valid ? "True" : "False";
        var old = before?.Find(ConditionTypes.Accepted);
        var isOther = input.Report.Document.Source.Source != DocumentSource.Cluster;
        return new EntityStatus
        {
            ObservedGeneration = input.Generation,
            // It must survive a restart: it says where the accounts are.
            TokenEndpointHost = isOther ? before?.TokenEndpointHost : input.Report.Host ?? before?.TokenEndpointHost,
            UsedBy = input.UsedBy,
            LastSuccessTime = Latest(before?.LastSuccessTime, input.Health?.LastSuccess, mustShow: HasRecovered(before, input.Health)),
            LastFailureTime = Latest(before?.LastFailureTime, input.Health?.LastFailure, mustShow: HasFailedAnew(before, input.Health)),
            LastFailureReason = input.Health?.Failure?.ToString() ?? before?.LastFailureReason,
            Conditions =
            [
                new V1Beta1OAuthToken.Condition
                {
                    Type = ConditionTypes.Accepted,
                    Status = status,
                    Reason = reason.Name,
                    Message = DisplayText.Of(message, MaxMessageLength),
                    ObservedGeneration = input.Generation,
                    LastTransitionTime = old?.Status == status ? old.LastTransitionTime : Timestamps.Format(now),
                },
            ],
        };
    }

    /// <summary>True if the change must be written at once: it is about the document, and not only about its use.</summary>
    public static bool IsAboutDocument(EntityStatus? before, EntityStatus after)
    {
        ArgumentNullException.ThrowIfNull(after);
        return before?.ObservedGeneration != after.ObservedGeneration || before?.TokenEndpointHost != after.TokenEndpointHost
            || before?.Find(ConditionTypes.Accepted) != after.Find(ConditionTypes.Accepted);
    }

    private static (AcceptedReason Reason, string Message) Explain(ProviderReport report)
    {
        var (document, source) = (report.Document, report.Document.Source);
        if (source.Source != DocumentSource.Cluster)
            return (AcceptedReason.Overridden, $"Not used: {source.Origin} describe a provider of the same name and take precedence.");
        if (!document.IsValid)
        {
            return document.MissingParameters.Count > 0
                ? (AcceptedReason.ParametersMissing, DocumentMessages.Errors(document.Errors))
                : (AcceptedReason.Invalid, WithKept(report, DocumentMessages.Errors(document.Errors)));
        }

        if (report.Move is { } move)
            return (AcceptedReason.EndpointMoved, WithKept(report, DocumentMessages.Move(source, move)));
        var hidden = document.Hidden.Count > 0 ? $" It takes precedence over {DisplayText.List(document.Hidden.Select(other => other.Origin))}." : "";
        return (AcceptedReason.Valid, $"The document is in use.{hidden}");
    }

    private static string WithKept(ProviderReport report, string message) => report.Host is null ? message : $"{message} Until then, the previous document stays in use.";

    private static bool HasRecovered(EntityStatus? before, ProviderHealth? health) =>
        health is { LastSuccess: { } success } && success > (health.LastFailure ?? DateTimeOffset.MinValue)
        && Timestamps.Parse(before?.LastFailureTime) is { } failure && failure >= (Timestamps.Parse(before?.LastSuccessTime) ?? DateTimeOffset.MinValue);

    private static bool HasFailedAnew(EntityStatus? before, ProviderHealth? health) =>
        health is { LastFailure: { } failure }
        && (before?.LastFailureReason != health.Failure.ToString()
            || (failure > (health.LastSuccess ?? DateTimeOffset.MinValue) && (Timestamps.Parse(before?.LastFailureTime) ?? DateTimeOffset.MinValue) < (Timestamps.Parse(before?.LastSuccessTime) ?? DateTimeOffset.MinValue)));

    private static string? Latest(string? before, DateTimeOffset? now, bool mustShow) =>
        now is null || (!mustShow && Timestamps.Parse(before) is { } shown && now < shown + MaxTimeAge) ? before : Timestamps.Format(now);
}
