using System.Text.Json.Nodes;
using k8s.Models;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Publishing;
using TokenOperator.TestBed;
using TokenOperator.Tests.KubeRuntime.Fakes;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.Publishing;

/// <summary>The Secrets of one namespace: on a fake API server, and in the cache as a watch would report them.</summary>
internal sealed class SecretFixture : IAsyncDisposable
{
    public const string Namespace = "mail";

    private readonly RuntimeFixture _runtime;
    private readonly ResourceCache<SecretInfo> _secrets = new([""], new CacheOptions<SecretInfo>());
    private readonly ResourceCache<V1Beta1OAuthToken> _entities = new([""], new CacheOptions<V1Beta1OAuthToken>());

    private SecretFixture(RuntimeFixture runtime)
    {
        _runtime = runtime;
        Publisher = new SecretPublisher(runtime.Client, _secrets, _entities, Guard);
        Reader = new InputReader(runtime.Client, _secrets);
        Namespaces = new NamespaceReader(runtime.Client, _entities, runtime.Time, NullLogger<NamespaceReader>.Instance);
    }

    public FakeApiServer Server => _runtime.Server;

    public SwitchableLeadership Guard { get; } = new();

    public SecretPublisher Publisher { get; }

    public InputReader Reader { get; }

    public NamespaceReader Namespaces { get; }

    public IReadOnlyList<string> Methods => [.. Server.Requests.Select(request => request.Method)];

    public static async Task<SecretFixture> StartAsync() => new(await RuntimeFixture.StartAsync());

    /// <summary>An OAuthToken that the cache knows.</summary>
    public V1Beta1OAuthToken AddOwner(string name, string uid)
    {
        var owner = Owner(name, uid);
        _entities.Observe(owner);
        return owner;
    }

    /// <summary>An OAuthToken that the cache does not know.</summary>
    public static V1Beta1OAuthToken Owner(string name, string uid) => new()
    {
        ApiVersion = $"{V1Beta1OAuthToken.GroupName}/v1beta1",
        Kind = V1Beta1OAuthToken.KindName,
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = Namespace, Uid = uid, ResourceVersion = "1" },
        Spec = new V1Beta1OAuthToken.EntitySpec
        {
            Provider = "google",
            Account = "marcus",
            ClientSecretRef = new V1Beta1OAuthToken.SecretKeyRef { Name = "client" },
        },
    };

    public static TokenRequest Request(V1Beta1OAuthToken owner) =>
        TokenRequest.From(owner, out var error) ?? throw new InvalidOperationException(error);

    public static TokenSet Token(string accessToken) => new()
    {
        AccessToken = new SecretValue(accessToken),
        RefreshToken = new SecretValue("refresh-token"),
        ExpiresAt = new DateTimeOffset(2030, 1, 1, 1, 0, 0, TimeSpan.Zero),
    };

    /// <summary>A Secret of someone else or an input of a user, on the server and in the cache.</summary>
    public void AddSecret(string name, params (string Key, string Content)[] data)
    {
        AddSecretToServer(name, data);
        Report(name);
    }

    /// <summary>A Secret that the watch has not reported yet.</summary>
    public void AddSecretToServer(string name, params (string Key, string Content)[] data) =>
        Server.Store.Create("secrets", Manifests.Secret(Namespace, name, data));

    /// <summary>Replaces the data of a Secret, on the server and in the cache.</summary>
    public void ChangeSecret(string name, params (string Key, string Content)[] data)
    {
        Server.Store.Update("secrets", Namespace, name, secret => secret["data"] = Manifests.Secret(Namespace, name, data)["data"]!.DeepClone());
        Report(name);
    }

    /// <summary>A Secret as the operator has written it for <paramref name="owner"/>, on the server and in the cache.</summary>
    /// <param name="owner">The object.</param>
    /// <param name="token">What it holds.</param>
    /// <param name="change">What others, such as a backup tool, have done to it since.</param>
    public void AddPublished(V1Beta1OAuthToken owner, TokenSet token, Action<JsonObject>? change = null)
    {
        AddPublishedToServer(owner, token, change);
        Report(Request(owner).SecretName);
    }

    /// <summary>A Secret as the operator has written it, which the watch has not reported yet.</summary>
    public void AddPublishedToServer(V1Beta1OAuthToken owner, TokenSet token, Action<JsonObject>? change = null)
    {
        var body = new SecretManifest(owner, Request(owner), token).ToApply(uid: null, resourceVersion: null);
        // What a real API server notes about an apply: the field manager owns each data key.
        body["metadata"]!["managedFields"] = new JsonArray(new JsonObject
        {
            ["manager"] = SecretInfo.Manager,
            ["operation"] = "Apply",
            ["fieldsV1"] = new JsonObject
            {
                ["f:data"] = new JsonObject(SecretInfo.DataKeys.Select(key => KeyValuePair.Create<string, JsonNode?>($"f:{key}", new JsonObject()))),
            },
        });
        change?.Invoke(body["metadata"]!.AsObject());
        Server.Store.Create("secrets", body);
    }

    /// <summary>The owner references of a Secret on the server, as <c>kind/name/uid</c>, with a star for the controller.</summary>
    public IReadOnlyList<string> Owners(string name) =>
    [
        .. (Server.Store.Get("secrets", Namespace, name)!["metadata"]!["ownerReferences"] as JsonArray ?? [])
            .Select(owner => $"{owner!["kind"]}/{owner["name"]}/{owner["uid"]}{((bool?)owner["controller"] == true ? "*" : "")}"),
    ];

    /// <summary>An owner reference.</summary>
    public static JsonObject OwnerReference(string name, string uid, string kind = V1Beta1OAuthToken.KindName, string apiVersion = "tokenoperator.dev/v1beta1", bool controller = true) =>
        new() { ["apiVersion"] = apiVersion, ["kind"] = kind, ["name"] = name, ["uid"] = uid, ["controller"] = controller };

    /// <summary>The decoded data of a Secret on the server; null if there is no such Secret.</summary>
    public string? Published(string name, string key = "access_token") =>
        Server.Store.Get("secrets", Namespace, name) is { } secret ? new SecretView(secret)[key] : null;

    /// <summary>Answers the next request of this method with an error, and those after it as usual.</summary>
    public void RefuseNext(string method, int code, string reason, string message = "refused by the test", string? cause = null)
    {
        Server.Intercept = async (context, request) =>
        {
            if (request.Method != method)
                return false;
            Server.Intercept = null;
            await FakeApiServer.RefuseAsync(context, code, reason, message, cause);
            return true;
        };
    }

    public async ValueTask DisposeAsync()
    {
        Guard.Dispose();
        await _runtime.DisposeAsync();
    }

    private void Report(string name) => _secrets.Observe(SecretInfo.From(RuntimeFixture.Metadata(
        Server.Store.Get("secrets", Namespace, name) ?? throw new InvalidOperationException($"There is no Secret {name}."))));
}
