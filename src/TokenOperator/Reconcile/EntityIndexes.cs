using KubeRuntime;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.ProviderSources;
using TokenOperator.Publishing;

namespace TokenOperator.Reconcile;

/// <summary>How to find the OAuthTokens that something else concerns.</summary>
public static class EntityIndexes
{
    /// <summary>By provider and account.</summary>
    public const string Account = "account";

    /// <summary>By each Secret that an object names: client, seed, private key, and the one it writes.</summary>
    public const string Secret = "secret";

    /// <summary>Adds the indexes, and keeps of each object only what the operator reads.</summary>
    public static void Configure(CacheOptions<V1Beta1OAuthToken> options)
    {
        options.KeepOnly(TokenRequest.Shrink);
        // An object whose spec names another account than it has used still uses that one: it is restored, or deleted.
        options.AddIndex(Account, entity => [AccountValue(TokenRequest.UsedKey(entity))]);
        options.AddIndex(ProviderUsers.Index, entity => [TokenRequest.UsedKey(entity).Provider]);
        options.AddIndex(Secret, SecretsOf);
    }

    /// <summary>The value of <see cref="Account"/>.</summary>
    public static string AccountValue(AccountKey key) => $"{key.Provider}\n{key.Account}";

    /// <summary>The objects that a change of a Secret concerns.</summary>
    public static IEnumerable<NamespacedName> MapSecret(SecretInfo? old, SecretInfo? now, IResourceCache<V1Beta1OAuthToken> entities) =>
        entities.ByIndex(Secret, (now ?? old)!.Key.ToString()).Select(entity => entity.Key());

    private static IEnumerable<string> SecretsOf(V1Beta1OAuthToken entity) =>
        new[] { entity.Spec?.ClientSecretRef?.Name, entity.Spec?.SeedSecretRef?.Name, entity.Spec?.JwtBearer?.KeySecretRef?.Name, entity.Spec?.GithubApp?.PrivateKeySecretRef?.Name, TokenRequest.SecretNameOf(entity) }
            .Where(name => !string.IsNullOrEmpty(name))
            .Distinct(StringComparer.Ordinal)
            .Select(name => new NamespacedName(entity.Metadata.NamespaceProperty, name!).ToString());
}
