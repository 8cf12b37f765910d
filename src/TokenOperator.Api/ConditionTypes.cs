namespace TokenOperator.Api;

/// <summary>The condition types of an OAuthToken, and that of a ClusterOAuthProvider.</summary>
public static class ConditionTypes
{
    /// <summary>The Secret contains an access token that is valid now and has the requested scopes.</summary>
    public const string Ready = nameof(Ready);

    /// <summary>The last attempt to refresh succeeded.</summary>
    public const string Refreshed = nameof(Refreshed);

    /// <summary>The newest token is committed in Postgres.</summary>
    public const string Persisted = nameof(Persisted);

    /// <summary>kstatus: the operator is working, or will retry automatically.</summary>
    public const string Reconciling = nameof(Reconciling);

    /// <summary>kstatus: someone must act.</summary>
    public const string Stalled = nameof(Stalled);

    /// <summary>The document of a ClusterOAuthProvider is in use.</summary>
    public const string Accepted = nameof(Accepted);
}
