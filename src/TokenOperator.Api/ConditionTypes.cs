namespace TokenOperator.Api;

/// <summary>The condition types of an OAuthToken.</summary>
public static class ConditionTypes
{
    /// <summary>The Secret holds an access token that is valid now, with the scopes asked for.</summary>
    public const string Ready = nameof(Ready);

    /// <summary>The last attempt to refresh succeeded.</summary>
    public const string Refreshed = nameof(Refreshed);

    /// <summary>The newest token is committed in Postgres.</summary>
    public const string Persisted = nameof(Persisted);

    /// <summary>kstatus: the operator is at work, or tries again by itself.</summary>
    public const string Reconciling = nameof(Reconciling);

    /// <summary>kstatus: a human must act.</summary>
    public const string Stalled = nameof(Stalled);
}
