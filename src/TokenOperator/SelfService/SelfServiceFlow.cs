// Consent by a link, from the link to the row in Postgres. It may use the store and the providers, and calls no Kubernetes API.
using System.Security.Cryptography;
using System.Text;
using KubeRuntime;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
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

    /// <summary>What the consent is for, apart from the text, because a namespace chooses some of it; or null.</summary>
    public IReadOnlyList<PageDetail>? Details { get; init; }

    /// <summary>True if the page offers to start a consent in this browser.</summary>
    public bool IsOffer { get; init; }

    /// <summary>True if the page offers a code for a consent on another device.</summary>
    public bool OffersCode { get; init; }

    /// <summary>After how long the browser asks again; null for never.</summary>
    public TimeSpan? Refresh { get; init; }
}

/// <summary>
/// Every replica serves these pages. It writes what <c>token-operator seed</c> writes: one statement that
/// names the row's generation, so it does not need the Lease.
/// </summary>
public sealed partial class SelfServiceFlow(
    SelfServiceSettings settings, AuthorizationLinks links, LinkTargets targets, IPendingAuthorizations pending, AccountRepository accounts, IAccountQueue queue,
    TimeProvider time, ILogger<SelfServiceFlow> logger)
{
    private static readonly Step Foreign = new(403, "Not done", "This consent was started in another browser, or it has expired, so it was not used and nothing was changed. Start and finish it in the same browser within a few minutes.");
    private static readonly Step CannotAsk = new(403, "Not possible", "This provider does not ask for a consent in this way. Open the link again.");
    private static readonly Step TooMany = new(429, "Not now", "Too many consents for this OAuthToken are pending. Nothing was changed; try again in a few minutes.");
    private static readonly Step Away = new(503, "Not now", "The operator cannot reach what it needs for this. Nothing was changed; try again in a minute.");
    private static readonly Step Unclear = new(503, "Result unknown", "The operator could not find out whether your consent was stored. Open the link again in a minute: it says whether your consent is still needed.");

    /// <summary>The page of a link. It can be opened any number of times, because programs that preview links open it, too.</summary>
    public Task<Step> ShowAsync(NamespacedName owner, string ticket, CancellationToken cancellationToken) => GuardedAsync(async () =>
        await FindAsync(owner, ticket, cancellationToken) switch
        {
            (_, { } refusal) => refusal,
            var (found, _) => new Step(
                200, "Your consent is needed",
                $"{owner} needs your consent again: its access has ended. {(found!.Provider is null ? "The next page shows a code to enter at the provider." : "You are redirected to the provider, and then back to this page.")} Continue only if you recognize what is listed below.")
            { IsOffer = found.Provider is not null, OffersCode = found.Device is not null, Details = DetailsOf(found) },
        });

    /// <summary>Starts a consent: stores what the answer must match, and redirects the browser to the provider.</summary>
    public Task<Step> BeginAsync(NamespacedName owner, string ticket, CancellationToken cancellationToken) => GuardedAsync(async () =>
    {
        var (found, refusal) = await FindAsync(owner, ticket, cancellationToken);
        if (found is null)
            return refusal!;
        if (found.Provider is null)
            return CannotAsk;
        var (state, browser, pkce) = (RandomText.New(), RandomText.New(), Pkce.New());
        var address = found.Provider.AuthorizationUri(new AuthorizationRequest
        {
            ClientId = found.Client.ClientId,
            RedirectUri = settings.RedirectUriOf(found.Request.Key.Provider)!,
            Scopes = found.Scopes,
            State = state,
            Pkce = pkce,
            // The identity on record is not disclosed to a person who only has the link.
            LoginHint = found.Expected.Named,
        });
        var consent = new PendingAuthorization(
            new AuthorizationOwner(owner.Namespace, owner.Name, found.Entity.Metadata.Uid), found.Entity.Metadata.Generation ?? 0, found.Row.Generation, Hash(browser), pkce.Verifier);
        if (!await pending.AddAsync(Hash(state), consent, settings.ConsentLifetime, cancellationToken))
            return TooMany;
        LogStarted(owner);
        return new Step(303, "", "") { Redirect = address, Browser = browser };
    });

    /// <summary>Completes a consent. An answer is accepted once, from the browser that started it, and only if the object has not changed.</summary>
    public Task<Step> EndAsync(string provider, string query, string? browser, CancellationToken cancellationToken) => GuardedAsync(async () =>
    {
        var response = AuthorizationResponse.Read(query, targets.RulesOf(provider));
        if (response.State is null || await pending.TakeAsync(Hash(response.State), cancellationToken) is not { } consent || browser is null || !SameText(consent.BrowserHash, Hash(browser)))
            return Foreign;
        var owner = new NamespacedName(consent.Owner.Scope, consent.Owner.Name);
        if (targets.Find(owner) is not { } entity || entity.Metadata.Uid != consent.Owner.Id || entity.Metadata.Generation != consent.OwnerGeneration)
            return Changed(owner);
        var (found, refusal) = await targets.CheckAsync(entity, cancellationToken);
        if (found is null)
            return refusal!;
        if (found.Row.Generation != consent.RowGeneration)
            return Changed(owner);
        if (found.Request.Key.Provider != provider || found.Provider?.IsFrom(response) != true)
            return NotDone(owner, ConsentValidator.IssuerMismatch(found.Document));
        if (ConsentValidator.FindError(response) is { } useless)
            return NotDone(owner, useless);

        // From here on, closing the browser cancels nothing: the provider's tokens are stored.
        var askedAt = time.GetUtcNow();
        var answer = await found.Provider.ExchangeCodeAsync(found.Client, response, new Pkce(consent.Verifier), settings.RedirectUriOf(provider)!, CancellationToken.None);
        if (answer is not CodeExchangeResponse.Granted granted)
            return NotDone(owner, $"The provider gave no token for the consent ({((CodeExchangeResponse.Failed)answer).Detail}), so nothing was changed. Start again with the link");
        return await KeepAsync(owner, found, granted, askedAt);
    });

    /// <summary>Stores the tokens of a consent, if they are the expected ones and nothing has changed.</summary>
    private async Task<Step> KeepAsync(NamespacedName owner, LinkTarget found, CodeExchangeResponse.Granted granted, DateTimeOffset askedAt)
    {
        if (ConsentValidator.FindError(found.Document, granted, found.Expected, found.Scopes) is { } unfit)
        {
            await RevokeAsync(owner, found, granted);
            return NotDone(owner, unfit);
        }

        var seed = new Seed(granted.ToTokenSet(askedAt, found.Document), found.Client.ClientId);
        AccountRecord? stored;
        try
        {
            stored = await accounts.ImportAsync(found.Request.Key, seed, found.User, found.Row, CancellationToken.None);
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRowException)
        {
            // The row can hold this very token: only the answer may be lost.
            LogUnclear(owner, e.Message);
            return Unclear;
        }

        queue.Enqueue(found.Request.Key);
        if (!seed.Token.GrantToken!.Equals(stored?.Token.GrantToken))
        {
            // The row of someone who was faster can hold another token of the same grant, which a revocation would end, too.
            if (stored is null)
                await RevokeAsync(owner, found, granted);
            return Changed(owner);
        }

        LogDone(owner);
        return new Step(200, "Done", $"{owner} has your consent. Its token is refreshed within seconds. You can close this page.");
    }

    private Task<(LinkTarget? Found, Step? Refusal)> FindAsync(NamespacedName owner, string ticket, CancellationToken cancellationToken) =>
        targets.Find(owner) is { } entity && links.IsValid(entity, ticket, time.GetUtcNow())
            ? targets.CheckAsync(entity, cancellationToken)
            : Task.FromResult<(LinkTarget?, Step?)>((null, LinkTargets.Unknown));

    private static PageDetail[] DetailsOf(LinkTarget target) =>
    [
        new("Namespace", target.Request.Owner.Namespace),
        new("OAuthToken", target.Request.Owner.Name),
        new("Account, as the namespace calls it", target.Request.Key.Account),
        new("Provider", target.Request.Key.Provider),
        new("OAuth client", target.Client.ClientId),
        new("Scopes", target.Scopes.Count > 0 ? string.Join(' ', target.Scopes) : "chosen by the provider"),
    ];

    /// <summary>
    /// Ends a grant that is not used. It stays if the provider did not say whose it is, and while the operator needs a token of the same person,
    /// such as that of someone who chose the wrong account: at Google, a revocation ends every token of the person for this client
    /// (docs/authorize.md).
    /// </summary>
    private async Task RevokeAsync(NamespacedName owner, LinkTarget target, CodeExchangeResponse.Granted granted)
    {
        if (granted.Identity is not { } identity || await targets.IsInUseAsync(target, identity, CancellationToken.None))
            return;
        var response = await target.RevokeAsync(granted.ToTokenSet(time.GetUtcNow(), target.Document));
        if (response.Revoked)
            LogRevoked(owner);
        else
            LogNotRevoked(owner, response.Detail);
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

    [LoggerMessage(221, LogLevel.Information, "A browser was redirected to the provider for the consent that {Object} needs")]
    private partial void LogStarted(NamespacedName @object);

    [LoggerMessage(222, LogLevel.Information, "{Object} has a new consent through its link")]
    private partial void LogDone(NamespacedName @object);

    [LoggerMessage(223, LogLevel.Warning, "A consent for {Object} was not used: {Why}")]
    private partial void LogRefused(NamespacedName @object, string why);

    [LoggerMessage(225, LogLevel.Information, "The grant of a consent for {Object} that was not used has been revoked")]
    private partial void LogRevoked(NamespacedName @object);

    [LoggerMessage(226, LogLevel.Warning, "The grant of a consent for {Object} that was not used could not be revoked: {Detail}")]
    private partial void LogNotRevoked(NamespacedName @object, string detail);

    [LoggerMessage(228, LogLevel.Warning, "It is not known whether the consent for {Object} was stored: {Error}")]
    private partial void LogUnclear(NamespacedName @object, string error);

    [LoggerMessage(224, LogLevel.Warning, "A consent could not continue: {Error}")]
    private partial void LogAway(string error);
}
