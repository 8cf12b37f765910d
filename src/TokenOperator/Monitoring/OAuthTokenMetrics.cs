// The gauges of each OAuthToken. Reads the cache of objects and the clock, and nothing else.
using System.Diagnostics.Metrics;
using KubeRuntime;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Monitoring;

/// <summary>
/// Gauges of each OAuthToken, with the labels namespace, name and provider, and never the account. They are computed from the
/// object's status and the clock at each scrape, so no series outlives its object. Every replica watches the objects and exports the
/// same values, so alerts see each object while the lease moves and while no replica leads.
/// </summary>
public sealed class OAuthTokenMetrics : IDisposable
{
    /// <summary>The meter's name, for the exporter.</summary>
    public const string MeterName = "TokenOperator.OAuthTokens";

    private const int MinCardinalityLimit = 2000;

    private readonly IResourceCache<V1Beta1OAuthToken> _entities;
    private readonly TimeProvider _time;
    private readonly Lock _sync = new();
    private readonly HashSet<(NamespacedName, string?, string?)> _seen = [];
    private Meter _meter;
    private bool _isFull;
    private bool _isDisposed;

    /// <summary>Creates the gauges.</summary>
    public OAuthTokenMetrics(IResourceCache<V1Beta1OAuthToken> entities, TimeProvider time)
    {
        (_entities, _time) = (entities, time);
        _meter = CreateMeter();
    }

    /// <summary>
    /// How many series of one gauge an exporter must hold. OpenTelemetry reads the limit when a gauge is created, never frees the place of
    /// a label set, and aggregates the label sets beyond the limit. The gauges are therefore created again before the limit is reached.
    /// </summary>
    public int CardinalityLimit { get; private set; } = MinCardinalityLimit;

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_sync)
        {
            _isDisposed = true;
            _meter.Dispose();
        }
    }

    private Meter CreateMeter()
    {
        var meter = new Meter(new MeterOptions(MeterName) { Scope = this });
        void Gauge(string name, string? unit, string help, Func<EntityStatus, double?> value) =>
            meter.CreateObservableGauge(name, () => Measure(value), unit, help);

        meter.CreateObservableGauge("tokenoperator_oauthtoken_ready", MeasureReady, null, "1 while the Secret holds a token that is valid now.");
        Gauge("tokenoperator_oauthtoken_expiry_timestamp", "s", "When the token in the Secret expires.", status => Moment(status.ExpiresAt));
        Gauge("tokenoperator_oauthtoken_next_refresh_timestamp", "s", "When the operator next requests a token from the provider.", status => Moment(status.NextRefreshTime));
        Gauge("tokenoperator_oauthtoken_last_success_timestamp", "s", "When the provider last handed out a token.", status => Moment(status.LastRefreshTime));
        Gauge("tokenoperator_oauthtoken_consent_expiry_timestamp", "s", "When the consent ends and its owner must consent again; absent if the provider does not say so.", status => Moment(status.ConsentExpiresAt));
        Gauge("tokenoperator_oauthtoken_needs_human", null, "1 while someone must act.", status => Is(status, ConditionTypes.Stalled, "True"));
        Gauge("tokenoperator_oauthtoken_persisted", null, "0 while the newest token is not committed in Postgres.", status => 1 - Is(status, ConditionTypes.Persisted, "False"));
        Gauge("tokenoperator_oauthtoken_failures", null, "Number of consecutive failed refreshes.", status => status.Failures ?? 0);
        meter.CreateObservableGauge("tokenoperator_oauthtoken_suspended", MeasureSuspended, null, "1 while spec.suspend is true.");
        meter.CreateObservableGauge("tokenoperator_oauthtoken_problem", MeasureProblems, null, "1, with the reason of the problem; absent when there is no problem.");
        return meter;
    }

    private IEnumerable<Measurement<double>> MeasureReady()
    {
        EnsureCapacity();
        var now = _time.GetUtcNow();
        return Measure(status => status.Find(ConditionTypes.Ready)?.IsTrue == true && !(Timestamps.Parse(status.ExpiresAt) <= now) ? 1 : 0);
    }

    private IEnumerable<Measurement<double>> MeasureSuspended() =>
        Active().Select(entity => new Measurement<double>(entity.Spec.Suspend == true ? 1 : 0, Labels(entity)));

    private IEnumerable<Measurement<double>> MeasureProblems() =>
        from entity in Active()
        let reason = ProblemOf(entity)
        where reason is not null
        select new Measurement<double>(1, [.. Labels(entity), new("reason", reason)]);

    private IEnumerable<Measurement<double>> Measure(Func<EntityStatus, double?> value)
    {
        foreach (var entity in Active())
        {
            if (value(entity.Status ?? new EntityStatus()) is { } measured)
                yield return new Measurement<double>(measured, Labels(entity));
        }
    }

    /// <summary>The objects that are not being deleted: no alert needs the others.</summary>
    private IEnumerable<V1Beta1OAuthToken> Active() => _entities.List().Where(entity => entity.Metadata.DeletionTimestamp is null);

    private static KeyValuePair<string, object?>[] Labels(V1Beta1OAuthToken entity) =>
        [new("namespace", entity.Metadata.NamespaceProperty), new("name", entity.Metadata.Name), new("provider", entity.Spec.Provider ?? "")];

    private static string? ProblemOf(V1Beta1OAuthToken entity) =>
        entity.Status?.Find(ConditionTypes.Stalled) is { IsTrue: true } stalled ? stalled.Reason
        : entity.Status?.Find(ConditionTypes.Reconciling) is { IsTrue: true } reconciling ? reconciling.Reason
        : null;

    private static double? Moment(string? text) => Timestamps.Parse(text)?.ToUnixTimeSeconds();

    private static double Is(EntityStatus status, string condition, string value) => status.Find(condition)?.Status == value ? 1 : 0;

    private void EnsureCapacity()
    {
        lock (_sync)
        {
            var count = _seen.Count;
            foreach (var entity in Active())
                _seen.Add((entity.Key(), entity.Spec.Provider, ProblemOf(entity)));
            if (_isFull || _seen.Count == count || _seen.Count <= CardinalityLimit / 4 * 3)
                return;
            _isFull = true;
        }

        // Not during the scrape that reads these gauges.
        ThreadPool.UnsafeQueueUserWorkItem(static metrics => metrics.RaiseLimit(), this, preferLocal: false);
    }

    private void RaiseLimit()
    {
        lock (_sync)
        {
            if (_isDisposed)
                return;
            _seen.Clear();
            _isFull = false;
            CardinalityLimit = Math.Max(MinCardinalityLimit, _entities.List().Count * 4);
            _meter.Dispose();
            _meter = CreateMeter();
        }
    }
}
