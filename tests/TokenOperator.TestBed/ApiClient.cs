using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>The few calls to the Kubernetes API that the test fixture makes itself, without the client that the product uses.</summary>
internal sealed class ApiClient(Uri server, string authorityFile, string token) : IDisposable
{
    private HttpClient? _http;

    /// <summary>True when a GET answers 200.</summary>
    public async Task<bool> IsOkAsync(string path, CancellationToken ct)
    {
        using var response = await Http().GetAsync(new Uri(path, UriKind.Relative), ct);
        return response.IsSuccessStatusCode;
    }

    /// <summary>What is at a path, or null when it is not there.</summary>
    public async Task<JsonNode?> GetAsync(string path, CancellationToken ct)
    {
        using var response = await Http().GetAsync(new Uri(path, UriKind.Relative), ct);
        var text = await response.Content.ReadAsStringAsync(ct);
        return response.StatusCode == HttpStatusCode.NotFound ? null
            : response.IsSuccessStatusCode ? JsonNode.Parse(text)
            : throw new InvalidOperationException($"GET {path} was answered with {(int)response.StatusCode}: {text}");
    }

    /// <summary>Changes what is at a path, or makes it where it is applied.</summary>
    /// <exception cref="InvalidOperationException">It was refused; the message holds the API server's words.</exception>
    public async Task PatchAsync(string path, string contentType, JsonObject body, CancellationToken ct)
    {
        using var content = new StringContent(body.ToJsonString(), new MediaTypeHeaderValue(contentType));
        using var response = await Http().PatchAsync(new Uri(path, UriKind.Relative), content, ct);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"PATCH {path} was answered with {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(ct)}");
    }

    /// <summary>Begins to delete what is at a path.</summary>
    /// <exception cref="InvalidOperationException">It was refused; the message holds the API server's words.</exception>
    public async Task DeleteAsync(string path, CancellationToken ct)
    {
        using var response = await Http().DeleteAsync(new Uri(path, UriKind.Relative), ct);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"DELETE {path} was answered with {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(ct)}");
    }

    public Task CreateNamespaceAsync(string name, CancellationToken ct) =>
        PostAsync("/api/v1/namespaces", new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["metadata"] = Named(name) }, ct);

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
            ?? throw new InvalidOperationException($"The API server gave no token for the ServiceAccount {ns}/{serviceAccount}.");
    }

    public void Dispose() => _http?.Dispose();

    private static JsonObject Named(string name) => new() { ["name"] = name };

    // 409 is no error: what is there need not be made.
    private async Task<JsonNode?> PostAsync(string path, JsonObject body, CancellationToken ct)
    {
        using var response = await Http().PostAsJsonAsync(new Uri(path, UriKind.Relative), body, ct);
        var text = await response.Content.ReadAsStringAsync(ct);
        if (!response.IsSuccessStatusCode && response.StatusCode != HttpStatusCode.Conflict)
            throw new InvalidOperationException($"POST {path} was answered with {(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text);
    }

    // Made late: the API server writes its certificate when it starts for the first time.
    private HttpClient Http()
    {
        if (_http is not null)
            return _http;
        _http = new HttpClient(TrustedHandler.Create(authorityFile)) { BaseAddress = server, Timeout = TimeSpan.FromSeconds(10) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return _http;
    }
}
