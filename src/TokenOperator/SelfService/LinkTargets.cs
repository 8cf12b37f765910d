// What the page of a link may ask consent for. It may use the caches, the store and the providers. Of the Kubernetes API, it reads only input Secrets.
using KubeRuntime;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.SelfService;

/// <summary>Everything that a consent for one OAuthToken needs.</summary>
/// <param name="Entity">The object as the cache has it.</param>
/// <param name="Request">What its spec asks for.</param>
/// <param name="User">Its namespace.</param>
/// <param name="Row">The account's row as Postgres has it.</param>
/// <param name="Client">The client to authenticate as.</param>
/// <param name="Provider">Asks for the consent in the browser; null if the provider cannot. It or <paramref name="Device"/> is there.</param>
/// <param name="Device">Asks for the consent by a code; null if the provider cannot.</param>
/// <param name="Document">What is known about the provider.</param>
/// <param name="Expected">Who must consent.</param>
/// <param name="Scopes">The scopes to ask for beside those that every consent requests; none if the provider decides.</param>
public sealed record LinkTarget(
    V1Beta1OAuthToken Entity, TokenRequest Request, AccountUser User, AccountRecord Row, OAuthClient Client, IAuthorizationProvider? Provider, IDeviceAuthorizationProvider? Device,
    ProviderDocument Document, ExpectedIdentity Expected, IReadOnlyList<string> Scopes)
{
    /// <summary>Ends a grant that is not used.</summary>
    public Task<RevocationResponse> RevokeAsync(TokenSet token) =>
        Provider?.RevokeAsync(Client, token, CancellationToken.None) ?? Device!.RevokeAsync(Client, token, CancellationToken.None);
}

/// <summary>Finds out whether a consent for an OAuthToken is possible and of use.</summary>
public sealed class LinkTargets(IResourceCache<V1Beta1OAuthToken> entities, InputReader inputs, NamespaceReader namespaces, ProviderRegistry providers, ITokenStore store)
{
    /// <summary>The page for every link that is not valid. It tells nothing about the object.</summary>
    internal static readonly Step Unknown = new(410, "This link is not valid", "It has expired, was used, or never existed. The status of the OAuthToken shows the current link: status.authorizationURL.");

    /// <summary>The object, or null if there is none.</summary>
    public V1Beta1OAuthToken? Find(NamespacedName owner) => entities.Get(owner);

    /// <summary>How the responses of a provider are read; null if there is no such provider.</summary>
    internal AuthorizationRules? RulesOf(string provider) => providers.Find(provider)?.Document.Authorization;

    /// <summary>What a consent needs, or the page that says why none is possible. The row decides, because the link can be older than it.</summary>
    /// <exception cref="StoreUnavailableException">Postgres cannot be used.</exception>
    public async Task<(LinkTarget? Found, Step? Refusal)> CheckAsync(V1Beta1OAuthToken entity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        if (entity.Metadata.DeletionTimestamp is not null || TokenRequest.From(entity, out _) is not { Suspended: false } request)
            return (null, Unknown);
        if (!request.Grant.NeedsConsent || request.Client is not { } where)
            return (null, new Step(410, "Nothing to do", $"{request.Owner} needs no consent: its spec.grant is {request.Grant.Name}, which works without a person."));
        // An account of another namespace gets the same answer as a missing one.
        var user = await namespaces.UserAsync(request.Owner.Namespace, cancellationToken);
        if (await store.FindAsync(request.Key, cancellationToken) is not { } row || !row.IsOpenTo(user))
            return (null, Unknown);
        if (!RefreshPolicy.TakesNewToken(row) && (providers.Find(request.Key.Provider)?.Document.Scopes ?? new ScopeRules()).Missing(request.Scopes, row.Token.Scopes).Count == 0)
            return (null, new Step(410, "Nothing to do", $"{request.Owner} no longer needs a consent."));
        var expected = new ExpectedIdentity(request.Identity, row.Token.Identity);
        if (!expected.IsKnown)
            return (null, new Step(403, "Not possible", $"The operator does not know whose consent it needs, so anyone's account could be connected. The owner of {request.Owner} must set spec.identity."));
        var scopes = request.Scopes.Count > 0 ? request.Scopes : row.Token.Scopes;
        // The client's secret would be sent to the other host, too.
        if (providers.Find(request.Key.Provider)?.Document.TakesAccountsFrom(row.Token.TokenHost) == false)
            return (null, new Step(403, "Not possible", $"The provider of {request.Owner} has another address than before, and no administrator has allowed that yet. The status of the object says how."));
        var credential = providers.Find(request.Key.Provider)?.Document.ClientAuthentication.Credential ?? ClientCredential.Secret;
        if (await inputs.ReadClientAsync(where, credential, cancellationToken) is not Lookup<OAuthClient>.Found { Value: var client })
            return (null, new Step(503, "Not now", $"The OAuth client of {request.Owner} cannot be read. Its status shows the reason. Nothing was changed."));
        return providers.Find(request.Key.Provider) is { } provider && (provider.Authorization is not null || provider.DeviceAuthorization is not null)
            ? (new LinkTarget(entity, request, user, row, client, provider.Authorization, provider.DeviceAuthorization, provider.Document, expected, scopes), null)
            : (null, new Step(403, "Not possible", "The operator knows no authorization endpoint of this provider."));
    }

    /// <summary>
    /// True if another OAuthToken names this person, or a row holds a token of theirs that works, be it that of <paramref name="target"/>. The
    /// row of another account that does not say whose token it holds can be theirs.
    /// </summary>
    /// <param name="target">The OAuthToken that the person consented for.</param>
    /// <param name="identity">Who consented.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    /// <exception cref="StoreUnavailableException">Postgres cannot be used.</exception>
    public async Task<bool> IsInUseAsync(LinkTarget target, Identity identity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(identity);
        var provider = target.Request.Key.Provider;
        if ((target.Expected.Matches(identity) && Works(target.Row)) || entities.List().Any(other =>
            other.Metadata.Uid != target.Entity.Metadata.Uid && other.Spec is { Identity: { } named } spec && spec.Provider == provider && identity.Is(named)))
        {
            return true;
        }

        var isHeld = false;
        await store.ListAsync(
            key => key.Provider == provider,
            row => isHeld |= row.Token.GrantToken is not null && Works(row) && (row.Token.Identity?.IsSameAs(identity) ?? row.Key != target.Request.Key),
            cancellationToken);
        return isHeld;
    }

    private static bool Works(AccountRecord row) => row.Failure?.Kind.NeedsHuman() != true;
}
