using System.Web;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Refreshing;
using TokenOperator.SelfService;
using TokenOperator.Tests.Providers;
using TokenOperator.Tests.Publishing;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.SelfService;

/// <summary>A <see cref="SelfServiceFlow"/> for one OAuthToken, <c>mail/marcus</c>, whose account needs a new consent.</summary>
internal sealed class FlowFixture : IAsyncDisposable
{
    public static readonly NamespacedName Owner = new(SecretFixture.Namespace, "marcus");
    private static readonly AccountKey Key = new("google", "marcus");

    private readonly SecretFixture _secrets;
    private readonly ResourceCache<V1Beta1OAuthToken> _entities = new([""], new CacheOptions<V1Beta1OAuthToken>());
    private int _version;

    private FlowFixture(SecretFixture secrets)
    {
        _secrets = secrets;
        Settings = new SelfServiceSettings { PublicUrl = new Uri("https://tokens.example.com/") };
        Store = new MemoryStore(new AccountRecord
        {
            Key = Key,
            Generation = 4,
            Token = new TokenSet { RefreshToken = new SecretValue("dead-token"), Scopes = ["mail"] },
            Namespaces = [SecretFixture.Namespace],
            NamespaceUids = [$"{SecretFixture.Namespace}/uid-of-{SecretFixture.Namespace}"],
            Failure = new RefreshFailure(FailureKind.ReauthorizationRequired, "invalid_grant", 1, Time.GetUtcNow(), Time.GetUtcNow(), "f"),
        });
        var links = new AuthorizationLinks(Settings);
        Link = links.For(null, Owner, Time.GetUtcNow())
            ?? throw new InvalidOperationException("There is no link.");
        var accounts = new AccountRepository(Store, new AccountLocks(), secrets.Guard, Queue, RefreshingFixture.MaxAccounts, Time, NullLogger<AccountRepository>.Instance);
        Flow = new SelfServiceFlow(
            Settings, links, new LinkTargets(_entities, secrets.Reader, secrets.Namespaces, TestRegistry.Of(Provider), Store), Pending, accounts, Queue, Time, NullLogger<SelfServiceFlow>.Instance);
        Put();
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    public SelfServiceSettings Settings { get; }

    public MemoryStore Store { get; }

    public MemoryPendingAuthorizations Pending { get; } = new();

    public ScriptedProvider Provider { get; } = new();

    public CalledAccounts Queue { get; } = new();

    public SelfServiceFlow Flow { get; }

    public AccountRecord Row => Store.Row ?? throw new InvalidOperationException("There is no row.");

    /// <summary>The link in the status.</summary>
    public string Link { get; }

    /// <summary>The last part of the link.</summary>
    public string Ticket => Link[(Link.LastIndexOf('/') + 1)..];

    public static async Task<FlowFixture> StartAsync()
    {
        var secrets = await SecretFixture.StartAsync();
        secrets.AddSecret("client", ("credentials.json", """{"installed": {"client_id": "client-1", "client_secret": "client-secret"}}"""));
        return new FlowFixture(secrets);
    }

    /// <summary>The tokens of a consent.</summary>
    /// <param name="email">Who consented; null if the provider does not say.</param>
    /// <param name="refreshToken">The refresh token, or null.</param>
    /// <param name="scopes">What was granted.</param>
    public static CodeExchangeResponse Granted(string? email, string? refreshToken = "new-token", string[]? scopes = null) =>
        new CodeExchangeResponse.Granted(ScriptedProvider.Granted(refreshToken, scopes ?? ["mail"]), email is null ? null : new Identity("subject", email));

    /// <summary>Replaces the OAuthToken by one whose spec is changed by <paramref name="change"/>. The link stands in its status.</summary>
    public void Put(Func<V1Beta1OAuthToken.EntitySpec, V1Beta1OAuthToken.EntitySpec>? change = null, string uid = "uid-1", DateTime? deletedAt = null)
    {
        _version++;
        var spec = new V1Beta1OAuthToken.EntitySpec
        {
            Provider = Key.Provider,
            Account = Key.Account,
            Identity = "marcus@example.com",
            ClientSecretRef = new V1Beta1OAuthToken.SecretKeyRef { Name = "client" },
        };
        _entities.Observe(new V1Beta1OAuthToken
        {
            Metadata = new V1ObjectMeta
            {
                Name = Owner.Name,
                NamespaceProperty = Owner.Namespace,
                Uid = uid,
                Generation = _version,
                ResourceVersion = $"{_version}",
                DeletionTimestamp = deletedAt,
            },
            Spec = change?.Invoke(spec) ?? spec,
            Status = new V1Beta1OAuthToken.EntityStatus { AuthorizationURL = Link },
        });
    }

    /// <summary>Adds another OAuthToken of the provider, for the account of <paramref name="identity"/>.</summary>
    public void PutOther(string identity) => _entities.Observe(new V1Beta1OAuthToken
    {
        Metadata = new V1ObjectMeta { Name = "other", NamespaceProperty = "other", Uid = "uid-other", ResourceVersion = "1" },
        Spec = new V1Beta1OAuthToken.EntitySpec { Provider = Key.Provider, Account = "other", Identity = identity },
    });

    public Task<Step> ShowAsync(string? ticket = null) => Flow.ShowAsync(Owner, ticket ?? Ticket, CancellationToken.None);

    public Task<Step> BeginAsync(string? ticket = null) => Flow.BeginAsync(Owner, ticket ?? Ticket, CancellationToken.None);

    /// <summary>Starts a consent, and returns the browser's cookie and the state that the provider sends back.</summary>
    public async Task<(string Browser, string State)> BegunAsync()
    {
        var step = await BeginAsync();
        if (step is not { Browser: { } browser, Redirect: { } redirect })
            throw new InvalidOperationException($"Not started: {step.Status} {step.Text}");
        return (browser, HttpUtility.ParseQueryString(redirect.Query)["state"] ?? throw new InvalidOperationException($"No state in {redirect}."));
    }

    public Task<Step> EndAsync(string state, string? browser, string answer = "code=code-1", string provider = "google") =>
        Flow.EndAsync(provider, $"?state={state}&{answer}", browser, CancellationToken.None);

    /// <summary>Starts and completes a consent in one browser.</summary>
    public async Task<Step> ConsentAsync(string answer = "code=code-1")
    {
        var (browser, state) = await BegunAsync();
        return await EndAsync(state, browser, answer);
    }

    public async ValueTask DisposeAsync() => await _secrets.DisposeAsync();
}

/// <summary>Pending consents, in memory.</summary>
internal sealed class MemoryPendingAuthorizations : IPendingAuthorizations
{
    private readonly Dictionary<string, PendingAuthorization> _open = [];
    private readonly Dictionary<string, PendingDeviceAuthorization> _devices = [];

    /// <summary>True when the object has too many pending consents.</summary>
    public bool IsFull { get; set; }

    public IReadOnlyCollection<string> StateHashes => _open.Keys;

    public PendingAuthorization Single => _open.Values.Single();

    public Task<bool> AddAsync(string stateHash, PendingAuthorization consent, TimeSpan lifetime, CancellationToken ct) =>
        Task.FromResult(!IsFull && _open.TryAdd(stateHash, consent));

    /// <summary>False while the interval since the last poll is not over.</summary>
    public bool IsDue { get; set; } = true;

    public IReadOnlyDictionary<string, PendingDeviceAuthorization> Devices => _devices;

    public Task<bool> CanAddDeviceAsync(AuthorizationOwner owner, CancellationToken cancellationToken) => Task.FromResult(!IsFull);

    public Task<bool> AddDeviceAsync(string idHash, PendingDeviceAuthorization authorization, TimeSpan lifetime, CancellationToken cancellationToken) =>
        Task.FromResult(!IsFull && _devices.TryAdd(idHash, authorization));

    public Task<(PendingDeviceAuthorization Authorization, bool MustPoll)?> FindDeviceAsync(string idHash, CancellationToken cancellationToken) =>
        Task.FromResult<(PendingDeviceAuthorization, bool)?>(_devices.TryGetValue(idHash, out var device) ? (device, IsDue) : null);

    public Task SlowDownAsync(string idHash, TimeSpan by, CancellationToken cancellationToken)
    {
        _devices[idHash] = _devices[idHash] with { Interval = _devices[idHash].Interval + by };
        return Task.CompletedTask;
    }

    /// <summary>True when nothing can be removed.</summary>
    public bool IsAway { get; set; }

    public Task RemoveDeviceAsync(string idHash, CancellationToken cancellationToken)
    {
        if (IsAway)
            throw new StoreUnavailableException("database tests at memory is away");
        _devices.Remove(idHash);
        return Task.CompletedTask;
    }

    public Task<PendingAuthorization?> TakeAsync(string stateHash, CancellationToken ct) =>
        Task.FromResult(_open.Remove(stateHash, out var consent) ? consent : null);
}
