using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>The Kubernetes API calls that the fixtures make themselves, without the product's client.</summary>
internal sealed class ApiClient(Uri server, string authorityFile, string token) : IDisposable
{
    private HttpClient? _http;

    /// <summary>True if a GET succeeds.</summary>
    public async Task<bool> IsOkAsync(string path, CancellationToken ct)
    {
        using var response = await Http().GetAsync(new Uri(path, UriKind.Relative), ct);
        return response.IsSuccessStatusCode;
    }

    /// <summary>The object at a path, or null if there is none.</summary>
    public async Task<JsonNode?> GetAsync(string path, CancellationToken ct)
    {
        using var response = await Http().GetAsync(new Uri(path, UriKind.Relative), ct);
        var text = await response.Content.ReadAsStringAsync(ct);
        return response.StatusCode == HttpStatusCode.NotFound ? null
            : response.IsSuccessStatusCode ? JsonNode.Parse(text)
            : throw new InvalidOperationException($"GET {path} failed with {(int)response.StatusCode}: {text}");
    }

    /// <summary>Patches the object at a path. A server-side apply creates a missing object.</summary>
    /// <exception cref="InvalidOperationException">The API server refused it. The message contains its answer.</exception>
    public async Task PatchAsync(string path, string contentType, JsonObject body, CancellationToken ct)
    {
        using var content = new StringContent(body.ToJsonString(), new MediaTypeHeaderValue(contentType));
        using var response = await Http().PatchAsync(new Uri(path, UriKind.Relative), content, ct);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"PATCH {path} failed with {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(ct)}");
    }

    /// <summary>Starts the deletion of the object at a path.</summary>
    /// <exception cref="InvalidOperationException">The API server refused it. The message contains its answer.</exception>
    public async Task DeleteAsync(string path, CancellationToken ct)
    {
        using var response = await Http().DeleteAsync(new Uri(path, UriKind.Relative), ct);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"DELETE {path} failed with {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(ct)}");
    }

    /// <summary>Creates a namespace unless it exists.</summary>
    /// <returns>Its UID; null if it existed.</returns>
    public async Task<string?> CreateNamespaceAsync(string name, CancellationToken ct) =>
        (string?)(await PostAsync("/api/v1/namespaces", new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["metadata"] = Named(name) }, ct))?["metadata"]?["uid"];

    public Task CreateServiceAccountAsync(string ns, string name, CancellationToken ct) =>
        PostAsync(
            $"/api/v1/namespaces/{ns}/serviceaccounts",
            new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ServiceAccount", ["metadata"] = Named(name) },
            ct);

    public async Task<string> RequestTokenAsync(string ns, string serviceAccount, CancellationToken ct)
    {
        var reply = await PostAsync(
            $"/api/v1/namespaces/{ns}/serviceaccounts/{serviceAccount}/token",
            new JsonObject
            {
                ["apiVersion"] = "authentication.k8s.io/v1",
                ["kind"] = "TokenRequest",
                ["spec"] = new JsonObject { ["audiences"] = new JsonArray(), ["expirationSeconds"] = 86400 },
            },
            ct);
        return reply?["status"]?["token"]?.GetValue<string>()
            ?? throw new InvalidOperationException($"The API server returned no token for the ServiceAccount {ns}/{serviceAccount}.");
    }

    /// <summary>True if RBAC allows what the spec of a SubjectAccessReview asks for.</summary>
    public async Task<bool> IsAllowedAsync(JsonObject spec, CancellationToken ct)
    {
        var review = new JsonObject { ["apiVersion"] = "authorization.k8s.io/v1", ["kind"] = "SubjectAccessReview", ["spec"] = spec };
        return (bool?)(await PostAsync("/apis/authorization.k8s.io/v1/subjectaccessreviews", review, ct))?["status"]?["allowed"] == true;
    }

    public void Dispose() => _http?.Dispose();

    private static JsonObject Named(string name) => new() { ["name"] = name };

    // 409 is not an error: the object exists already.
    private async Task<JsonNode?> PostAsync(string path, JsonObject body, CancellationToken ct)
    {
        using var response = await Http().PostAsJsonAsync(new Uri(path, UriKind.Relative), body, ct);
        var text = await response.Content.ReadAsStringAsync(ct);
        if (!response.IsSuccessStatusCode && response.StatusCode != HttpStatusCode.Conflict)
            throw new InvalidOperationException($"POST {path} failed with {(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text);
    }

    // Created late: the API server writes its certificate when it starts for the first time.
    private HttpClient Http()
    {
        if (_http is not null)
            return _http;
        _http = new HttpClient(TrustedHandler.Create(authorityFile)) { BaseAddress = server, Timeout = TimeSpan.FromMinutes(1) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return _http;
    }
}
