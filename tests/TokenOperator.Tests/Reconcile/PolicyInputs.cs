using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers.Documents;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Tests.Providers;

namespace TokenOperator.Tests.Reconcile;

/// <summary>What the tests of decisions have in common: one object, and what is known of it.</summary>
internal static class PolicyInputs
{
    public static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly OAuthClient Client = new("client-1", new SecretValue("client-secret"));
    public static readonly OAuthClient OtherClient = new("client-2", new SecretValue("other-secret"));

    public static readonly TokenRequest Request = new()
    {
        Owner = new NamespacedName("mail", "marcus-gmail"),
        Key = new AccountKey("google", "marcus"),
        Client = new SecretKey("mail", "gmail-oauth-client", "credentials.json"),
        Seed = new SecretKey("mail", "gmail-oauth-token", "token.json"),
        SecretName = "marcus-gmail-token",
    };

    public static readonly ReconcileInput Empty = new()
    {
        Now = Now,
        Request = Request,
        ProviderState = TestRegistry.Usable,
        Namespace = Found(new NamespaceUid("uid-1")),
    };

    public static SourceDocument Document => new("google", DocumentSource.Cluster, "ClusterOAuthProvider google", []);

    public static Seed SeedOf(string refreshToken, string? clientId = null) =>
        new(new TokenSet { RefreshToken = new SecretValue(refreshToken) }, clientId);

    public static AccountRecord Row(TimeSpan? left = null, RefreshFailure? failure = null, string[]? namespaces = null, string? refreshToken = "refresh") => new()
    {
        Key = Request.Key,
        Generation = 7,
        Namespaces = namespaces ?? ["mail"],
        NamespaceUids = ["mail/uid-1"],
        Failure = failure,
        Token = new TokenSet
        {
            RefreshToken = SecretValue.From(refreshToken),
            AccessToken = left is null ? null : new SecretValue("access"),
            IssuedAt = left is null ? null : Now + left - TimeSpan.FromHours(1),
            ExpiresAt = left is null ? null : Now + left,
            Scopes = ["send", "read"],
        },
    };

    public static RefreshFailure Failed(FailureKind kind, TimeSpan retryIn, OAuthClient? client = null, string refreshToken = "refresh") =>
        new(kind, "detail", 1, Now.AddSeconds(-1), Now + retryIn, ReconcilePolicy.InputsFingerprint(Request, client ?? Client, key: null, Row(refreshToken: refreshToken), TestRegistry.Usable));

    public static Lookup<T> Found<T>(T value)
        where T : class => new Lookup<T>.Found(value);

    public static ReconcileInput With(AccountRecord row, OAuthClient? client = null, Seed? seed = null) => Empty with
    {
        Account = Found(row),
        Client = client is null ? Empty.Client : Found(client),
        Seed = seed is null ? Empty.Seed : Found(seed),
    };

    public static DesiredState Published(ReconcileInput input) => ReconcilePolicy.Decide(input).Should().BeOfType<Decision.Publish>().Which.DesiredState;

    /// <summary>The row after a refresh.</summary>
    public static AccountRecord Worked(AccountRecord row) => row with { LastRefreshAt = row.Token.IssuedAt };

    public static ProviderDocument Provider(ExpiryRules expiry) =>
        new() { Name = "google", DisplayName = "Google", TokenEndpoint = new Uri("https://provider.example/token"), Expiry = expiry };
}
