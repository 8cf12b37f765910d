namespace KubeRuntime.Client;

/// <summary>What a command line says in place of a kubeconfig, in the terms of kubectl's options. Null means: as in the kubeconfig.</summary>
public sealed record KubeconfigOverrides
{
    /// <summary>Nothing: the current context of the kubeconfig.</summary>
    public static KubeconfigOverrides None { get; } = new();

    /// <summary>The context (<c>--context</c>).</summary>
    public string? Context { get; init; }

    /// <summary>The cluster in place of the context's (<c>--cluster</c>).</summary>
    public string? Cluster { get; init; }

    /// <summary>The user in place of the context's (<c>--user</c>).</summary>
    public string? User { get; init; }

    /// <summary>The address of the API server in place of the cluster's (<c>--server</c>). The cluster's <c>tls-server-name</c> then does not apply.</summary>
    public string? Server { get; init; }

    /// <summary>Whom to act as (<c>--as</c>, <c>--as-group</c>, <c>--as-uid</c>): fields that come before those of the user.</summary>
    public Impersonation Impersonation { get; init; } = new();

    /// <summary>The limit for one request (<c>--request-timeout</c>); zero for none.</summary>
    public TimeSpan? RequestTimeout { get; init; }

    /// <summary>Whether a context is not necessary, because the cluster or its address is named.</summary>
    internal bool NameACluster => Cluster is not null || Server is not null;

    /// <summary>Whether they choose a connection, so that the service account of a pod is not meant.</summary>
    public bool ChooseAConnection => Context is not null || User is not null || NameACluster;
}
