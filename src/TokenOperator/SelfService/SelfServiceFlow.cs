// Consent by a link, from the link to the row in Postgres. It may use the caches, the store and the providers. Of the Kubernetes API, it reads only input Secrets.
using System.Security.Cryptography;
using System.Text;
using KubeRuntime;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;
using TokenOperator.Refreshing;

namespace TokenOperator.SelfService;

/// <summary>What the browser shows: a sentence, and where it goes next, if anywhere.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Title">The heading.</param>
/// <param name="Text">Never holds a token, and tells nothing about an object to a person who does not have its link.</param>
public sealed record Step(int Status, string Title, string Text)
{
    /// <summary>The address to which the browser is redirected, or null.</summary>
    public Uri? Redirect { get; init; }

    /// <summary>The value of the cookie to set, or null.</summary>
    public string? Browser { get; init; }

    /// <summary>True if the page offers to start a consent.</summary>
    public bool IsOffer { get; init; }
}

/// <summary>
/// Every replica serves these pages. It writes what <c>token-operator seed</c> writes: one statement that
/// names the row's generation, so it does not need the Lease.
/// </summary>
public sealed partial class SelfServiceFlow(
    SelfServiceSettings settings, AuthorizationLinks links, IResourceCache<V1Alpha1OAuthToken> entities, InputReader inputs, ProviderRegistry providers,
    ITokenStore store, IPendingAuthorizations pending, AccountRepository accounts, IAccountQueue queue, TimeProvider time, ILogger<SelfServiceFlow> log)
{
    private static readonly Step Unknown = new(410, "This link is not valid", "It has expired, was used, or never existed. The status of the OAuthToken shows the current link: status.authorizationURL.");
    private static readonly Step Foreign = new(403, "Not done", "This consent was started in another browser, or it has expired, so it was not used and nothing was changed. Start and finish it in the same browser within a few minutes.");
    private static readonly Step Away = new(503, "Not now", "The operator cannot reach what it needs for this. Nothing was changed; try again in a minute.");

    /// <summary>The page of a link. It can be opened any number of times, because programs that preview links open it, too.</summary>
    public Task<Step> ShowAsync(NamespacedName owner, string ticket, CancellationToken ct) => GuardedAsync(async () =>
        await FindAsync(owner, ticket, ct) switch
        {
            (_, { } refusal) => refusal,
            var (found, _) => new Step(
                200, "Your consent is needed",
                $"{owner} needs your consent again: its access to the account {found!.Request.Key.Account} at {found.Request.Key.Provider} has ended. You are redirected to the provider, and then back to this page.")
            { IsOffer = true },
        });

    /// <summary>Starts a consent: stores what the answer must match, and redirects the browser to the provider.</summary>
    public Task<Step> BeginAsync(NamespacedName owner, string ticket, CancellationToken ct) => GuardedAsync(async () =>
    {
        var (found, refusal) = await FindAsync(owner, ticket, ct);
        if (found is null)
            return refusal!;
        var (state, browser, pkce) = (RandomText.New(), RandomText.New(), Pkce.New());
        var address = found.Provider.AuthorizationUri(new AuthorizationRequest
        {
            ClientId = found.Client.ClientId,
            RedirectUri = settings.RedirectUri!,
            Scopes = found.Scopes,
            State = state,
            Pkce = pkce,
            // The identity on record is not disclosed to a person who only has the link.
            LoginHint = found.Expected.Named,
        });
        var consent = new PendingAuthorization(
            new AuthorizationOwner(owner.Namespace, owner.Name, found.Entity.Metadata.Uid), found.Entity.Metadata.Generation ?? 0, found.Row.Generation, Hash(browser), pkce.Verifier);
        if (!await pending.AddAsync(Hash(state), consent, settings.ConsentLifetime, ct))
            return new Step(429, "Not now", "Too many consents for this OAuthToken are pending. Nothing was changed; try again in a few minutes.");
        LogStarted(owner);
        return new Step(303, "", "") { Redirect = address, Browser = browser };
    });

    /// <summary>Completes a consent. An answer is accepted once, from the browser that started it, and only if the object has not changed.</summary>
    public Task<Step> EndAsync(string query, string? browser, CancellationToken ct) => GuardedAsync(async () =>
    {
        var response = AuthorizationResponse.Read(query);
        if (response.State is null || await pending.TakeAsync(Hash(response.State), ct) is not { } consent || browser is null || !SameText(consent.BrowserHash, Hash(browser)))
            return Foreign;
        var owner = new NamespacedName(consent.Owner.Scope, consent.Owner.Name);
        if (entities.Get(owner) is not { } entity || entity.Metadata.Uid != consent.Owner.Id || entity.Metadata.Generation != consent.OwnerGeneration)
            return Changed(owner);
        var (found, refusal) = await CheckAsync(entity, ct);
        if (found is null)
            return refusal!;
        if (found.Row.Generation != consent.RowGeneration)
            return Changed(owner);
        if (ConsentValidator.FindError(response) is { } useless)
            return NotDone(owner, useless);

        // From here on, closing the browser cancels nothing: the provider's tokens are stored.
        var askedAt = time.GetUtcNow();
        var answer = await found.Provider.ExchangeCodeAsync(found.Client, response.Code!, new Pkce(consent.Verifier), settings.RedirectUri!, CancellationToken.None);
        if (answer is not CodeExchangeResponse.Granted granted)
            return NotDone(owner, $"The provider gave no token for the consent ({((CodeExchangeResponse.Failed)answer).Detail}), so nothing was changed. Start again with the link");
        if (ConsentValidator.FindError(granted, found.Expected, found.Scopes) is { } unfit)
            return NotDone(owner, unfit);
        var seed = new Seed(granted.ToTokenSet(askedAt), found.Client.ClientId);
        var stored = await accounts.ImportAsync(found.Request.Key, seed, owner.Namespace, found.Row, CancellationToken.None);
        queue.Enqueue(found.Request.Key);
        if (!seed.Token.RefreshToken!.Equals(stored?.Token.RefreshToken))
            return Changed(owner);
        LogDone(owner);
        return new Step(200, "Done", $"{owner} has your consent. Its token is refreshed within seconds. You can close this page.");
    });

    private Task<(Found? Found, Step? Refusal)> FindAsync(NamespacedName owner, string ticket, CancellationToken ct) =>
        entities.Get(owner) is { } entity && links.IsValid(entity, ticket, time.GetUtcNow())
            ? CheckAsync(entity, ct)
            : Task.FromResult<(Found?, Step?)>((null, Unknown));

    /// <summary>The row decides, because the link can be older than it.</summary>
    private async Task<(Found? Found, Step? Refusal)> CheckAsync(V1Alpha1OAuthToken entity, CancellationToken ct)
    {
        if (entity.Metadata.DeletionTimestamp is not null || TokenRequest.From(entity, out _) is not { Suspended: false } request)
            return (null, Unknown);
        // An account of another namespace gets the same answer as a missing one.
        if (await store.FindAsync(request.Key, ct) is not { } row || !row.IsOpenTo(request.Owner.Namespace))
            return (null, Unknown);
        if (row.Failure?.Kind.NeedsHuman() != true && RefreshPolicy.MissingScopes(request.Scopes, row.Token).Count == 0)
            return (null, new Step(410, "Nothing to do", $"{request.Owner} no longer needs a consent."));
        var expected = new ExpectedIdentity(request.Identity, row.Token.Identity);
        if (!expected.IsKnown)
            return (null, new Step(403, "Not possible", $"The operator does not know whose consent it needs, so anyone's account could be connected. The owner of {request.Owner} must set spec.identity."));
        var scopes = request.Scopes.Count > 0 ? request.Scopes : row.Token.Scopes;
        if (scopes.Count == 0)
            return (null, new Step(403, "Not possible", $"No scope is known to ask consent for. The owner of {request.Owner} must set spec.scopes."));
        if (await inputs.ReadClientAsync(request.Client, ct) is not Lookup<OAuthClient>.Found { Value: var client })
            return (null, new Step(503, "Not now", $"The OAuth client of {request.Owner} cannot be read. Its status shows the reason. Nothing was changed."));
        return providers.Find(request.Key.Provider)?.Authorization is { } provider
            ? (new Found(entity, request, row, client, provider, expected, scopes), null)
            : (null, new Step(403, "Not possible", "The operator's settings name no authorization endpoint of this provider."));
    }

    private async Task<Step> GuardedAsync(Func<Task<Step>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRowException)
        {
            LogAway(e.Message);
            return Away;
        }
    }

    private Step NotDone(NamespacedName owner, string sentence)
    {
        LogRefused(owner, sentence);
        return new Step(403, "Not done", sentence + ".");
    }

    private static Step Changed(NamespacedName owner) =>
        new(409, "Not done", $"{owner} was changed in the meantime, so the consent was not used. If it still needs one, its status shows a link.");

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static bool SameText(string a, string b) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(a), Encoding.UTF8.GetBytes(b));

    private sealed record Found(
        V1Alpha1OAuthToken Entity, TokenRequest Request, AccountRecord Row, OAuthClient Client, IAuthorizationProvider Provider, ExpectedIdentity Expected, IReadOnlyList<string> Scopes);

    [LoggerMessage(221, LogLevel.Information, "A browser was redirected to the provider for the consent that {Object} needs")]
    private partial void LogStarted(NamespacedName @object);

    [LoggerMessage(222, LogLevel.Information, "{Object} has a new consent through its link")]
    private partial void LogDone(NamespacedName @object);

    [LoggerMessage(223, LogLevel.Warning, "A consent for {Object} was not used: {Why}")]
    private partial void LogRefused(NamespacedName @object, string why);

    [LoggerMessage(224, LogLevel.Warning, "A consent could not continue: {Error}")]
    private partial void LogAway(string error);
}
