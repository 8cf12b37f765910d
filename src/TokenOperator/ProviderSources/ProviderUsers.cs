// Where the documents of providers come from while the operator runs, and what becomes of them. It may use the caches, the folder with documents and the
// registry. Of the Kubernetes API, it writes only the status of ClusterOAuthProviders.
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Providers.Registry;

namespace TokenOperator.ProviderSources;

/// <summary>Counts the OAuthTokens that name a provider.</summary>
/// <param name="entities">The OAuthTokens.</param>
/// <param name="objects">The ClusterOAuthProviders; null if the operator does not use any.</param>
public sealed class ProviderUsers(IResourceCache<V1Beta1OAuthToken> entities, IResourceCache<V1Beta1ClusterOAuthProvider>? objects = null) : IProviderUsers
{
    /// <summary>The index of OAuthTokens by provider.</summary>
    public const string Index = "provider";

    /// <inheritdoc/>
    public bool AreKnown => entities.IsSynced && objects?.IsSynced != false;

    /// <inheritdoc/>
    public int Count(string provider) => entities.ByIndex(Index, provider).Count();
}
