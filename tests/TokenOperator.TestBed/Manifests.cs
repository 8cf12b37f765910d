// What a user of the operator applies and reads, as JSON. Knows the product by its API alone.
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>The objects that users of the operator apply.</summary>
public static class Manifests
{
    /// <summary>Installs the CRD and the RBAC rules of config/, and creates the operator's namespace and ServiceAccount.</summary>
    /// <returns>The path of a kubeconfig for the ServiceAccount.</returns>
    public static async Task<string> InstallAsync(ControlPlane plane, string operatorNamespace, string serviceAccount, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(plane);
        await plane.CreateNamespaceAsync(operatorNamespace, ct);
        await plane.Kubectl.RunAsync(["apply", "-k", Repository.File("config/crds")], ct: ct);
        await plane.Kubectl.RunAsync(["apply", "-k", Repository.File("config/rbac")], ct: ct);
        await plane.Kubectl.RunAsync("wait --for=condition=Established crd/oauthtokens.tokenoperator.dev --timeout=30s", ct);
        var kubeconfig = await plane.ServiceAccountKubeconfigAsync(operatorNamespace, serviceAccount, ct);
        await HasRightsAsync(plane, operatorNamespace, serviceAccount, ct);
        return kubeconfig;
    }

    /// <summary>Waits until the ServiceAccount of an operator has the rights of config/rbac.</summary>
    public static async Task HasRightsAsync(ControlPlane plane, string operatorNamespace, string serviceAccount, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(plane);
        var account = $"{operatorNamespace}:{serviceAccount}";
        foreach (var role in new[] { "token-operator", "token-operator-providers", "token-operator-stored-versions" })
            await plane.HasRoleAsync(account, "ClusterRole", role, ct: ct);
        await plane.HasRoleAsync(account, "Role", "token-operator-leader-election", operatorNamespace, ct);
    }

    /// <summary>A Secret with these keys.</summary>
    public static JsonObject Secret(string ns, string name, params IEnumerable<(string Key, string Content)> data) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Secret",
        ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns },
        ["data"] = new JsonObject(data.Select(entry =>
            KeyValuePair.Create<string, JsonNode?>(entry.Key, Convert.ToBase64String(Encoding.UTF8.GetBytes(entry.Content))))),
    };

    /// <summary>A Secret with an OAuth client, as Google's console exports it.</summary>
    public static JsonObject ClientSecret(string ns, string name, string clientId, string clientSecret) => Secret(
        ns, name, ("credentials.json", new JsonObject { ["installed"] = new JsonObject { ["client_id"] = clientId, ["client_secret"] = clientSecret } }.ToJsonString()));

    /// <summary>The Secret <c>NAME-seed</c> with a token file.</summary>
    public static JsonObject SeedSecret(string ns, string name, string refreshToken) =>
        Secret(ns, $"{name}-seed", ("token.json", new JsonObject { ["refresh_token"] = refreshToken }.ToJsonString()));

    /// <summary>An OAuthToken for the account of the same name, with the client in the Secret <c>client</c> and the seed in <c>NAME-seed</c>.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="name">The name of the object and of the account.</param>
    /// <param name="provider">The provider.</param>
    /// <param name="change">Changes the spec.</param>
    public static JsonObject OAuthToken(string ns, string name, string provider = "google", Action<JsonObject>? change = null)
    {
        var spec = new JsonObject
        {
            ["provider"] = provider,
            ["account"] = name,
            ["clientSecretRef"] = new JsonObject { ["name"] = "client" },
            ["seedSecretRef"] = new JsonObject { ["name"] = $"{name}-seed" },
        };
        change?.Invoke(spec);
        return new JsonObject
        {
            ["apiVersion"] = "tokenoperator.dev/v1beta1",
            ["kind"] = "OAuthToken",
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns },
            ["spec"] = spec,
        };
    }

    /// <summary>A ClusterOAuthProvider.</summary>
    public static JsonObject ClusterOAuthProvider(string name, JsonObject spec) => new()
    {
        ["apiVersion"] = "tokenoperator.dev/v1beta1",
        ["kind"] = "ClusterOAuthProvider",
        ["metadata"] = new JsonObject { ["name"] = name },
        ["spec"] = spec,
    };
}

/// <summary>An OAuthToken as the API server returns it.</summary>
public sealed record TokenView(JsonNode Json)
{
    /// <summary>The status of a condition, or null.</summary>
    public string? Status(string type) => Field(type, "status");

    /// <summary>The reason of a condition, or null.</summary>
    public string? Reason(string type) => Field(type, "reason");

    /// <summary>The message of a condition, or null.</summary>
    public string? Message(string type) => Field(type, "message");

    /// <summary>True if the status is about the newest spec.</summary>
    public bool IsOfSpec => (long?)Json["status"]?["observedGeneration"] == (long?)Json["metadata"]?["generation"];

    /// <summary>A field of the status as text, or null.</summary>
    public string? this[string field] => Json["status"]?[field]?.ToString();

    /// <summary>What a test that fails shows of it.</summary>
    public override string ToString() => $"generation {Json["metadata"]?["generation"]}, {Json["status"]?.ToJsonString() ?? "no status"}";

    private string? Field(string type, string field) =>
        (string?)Json["status"]?["conditions"]?.AsArray().FirstOrDefault(c => (string?)c!["type"] == type)?[field];
}

/// <summary>A Secret as the API server returns it.</summary>
public sealed record SecretView(JsonNode Json)
{
    /// <summary>The name.</summary>
    public string Name => (string)Json["metadata"]!["name"]!;

    /// <summary>The resourceVersion.</summary>
    public string Version => (string)Json["metadata"]!["resourceVersion"]!;

    /// <summary>The names of its keys, sorted.</summary>
    public IEnumerable<string> Keys => Json["data"]?.AsObject().Select(entry => entry.Key).Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>();

    /// <summary>The end of the access token; null for a Secret without one.</summary>
    public DateTimeOffset? ExpiresAt => this["expires_at"] is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>The decoded content of a key, or null.</summary>
    public string? this[string key] => (string?)Json["data"]?[key] is { } data ? Encoding.UTF8.GetString(Convert.FromBase64String(data)) : null;

    /// <summary>What a test that fails shows of it.</summary>
    public override string ToString() => $"Secret {Name}, version {Version}: {string.Join(", ", Keys.Select(key => $"{key}={this[key]}"))}";
}
