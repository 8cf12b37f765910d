using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using k8s;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace TokenOperator.Tests.KubeRuntime.Fakes;

/// <summary>A request as the fake API server saw it.</summary>
internal sealed record SeenRequest(string Method, string Path, string Query, string Accept, string ContentType, string Authorization, string Body)
{
    public bool IsWatch => Query.Contains("watch=true", StringComparison.Ordinal);
}

/// <summary>
/// An API server for the tests of the runtime: LIST, watch, GET and writes with resource versions, and a hook for responses of the
/// test's own.
/// </summary>
internal sealed class FakeApiServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeApiServer(WebApplication app) => _app = app;

    public FakeStore Store { get; } = new();

    public ConcurrentQueue<SeenRequest> Requests { get; } = new();

    /// <summary>The names of the namespaces that were read, which <see cref="Requests"/> leaves out.</summary>
    public ConcurrentQueue<string> NamespaceReads { get; } = new();

    /// <summary>The UID of a namespace of this name; null if reading it is forbidden.</summary>
    public Func<string, string?> NamespaceUid { get; set; } = ns => $"uid-of-{ns}";

    /// <summary>Returns true when it has sent a response itself.</summary>
    public Func<HttpContext, SeenRequest, Task<bool>>? Intercept { get; set; }

    public string Address => _app.Urls.Single();

    public static async Task<FakeApiServer> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(o => o.ListenLocalhostFreePort(certificate));
        var _app = builder.Build();
        var server = new FakeApiServer(_app);
        _app.Run(server.HandleAsync);
        await _app.StartAsync();
        return server;
    }

    public KubernetesClientConfiguration Configuration() => new() { Host = Address, AccessToken = "a-bearer-token", Namespace = "operators" };

    public async ValueTask DisposeAsync()
    {
        Store.EndWatches();
        // Requests that hang on purpose are aborted.
        using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    public static async Task AnswerAsync(HttpContext context, int code, string json)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(json);
    }

    public static Task RefuseAsync(HttpContext context, int code, string reason, string message, string? cause = null)
    {
        var status = new JsonObject { ["kind"] = "Status", ["code"] = code, ["reason"] = reason, ["message"] = message };
        if (cause is not null)
            status["details"] = new JsonObject { ["causes"] = new JsonArray(new JsonObject { ["reason"] = cause }) };
        return AnswerAsync(context, code, status.ToJsonString());
    }

    private async Task HandleAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var seen = new SeenRequest(
            context.Request.Method,
            context.Request.Path.Value!,
            context.Request.QueryString.Value ?? "",
            context.Request.Headers.Accept.ToString(),
            context.Request.ContentType ?? "",
            context.Request.Headers.Authorization.ToString(),
            await reader.ReadToEndAsync());
        if (seen is { Method: "GET", Path: var path } && path.StartsWith("/api/v1/namespaces/", StringComparison.Ordinal) && path.Count(c => c == '/') == 4)
        {
            await AnswerNamespaceAsync(context, path[(path.LastIndexOf('/') + 1)..]);
            return;
        }

        Requests.Enqueue(seen);
        try
        {
            if (Intercept is { } intercept && await intercept(context, seen))
                return;
            await ServeAsync(context, seen);
        }
        catch (RefusedException e)
        {
            await RefuseAsync(context, e.Code, e.Reason, e.Message);
        }
        catch (OperationCanceledException)
        {
            // The client has gone.
        }
    }

    private Task AnswerNamespaceAsync(HttpContext context, string ns)
    {
        NamespaceReads.Enqueue(ns);
        return NamespaceUid(ns) is { } uid
            ? AnswerAsync(context, 200, $$"""{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "{{ns}}", "uid": "{{uid}}"} }""")
            : RefuseAsync(context, 403, "Forbidden", $"cannot get resource \"namespaces\" in the namespace \"{ns}\"");
    }

    private async Task ServeAsync(HttpContext context, SeenRequest seen)
    {
        var (collection, ns, name, isStatus) = Split(seen.Path);
        if (seen.IsWatch)
        {
            await WatchAsync(context, collection, ns);
            return;
        }

        if (seen.Method == "GET" && name.Length == 0)
        {
            await ListAsync(context, collection, ns);
            return;
        }

        var answer = seen.Method switch
        {
            "GET" => Store.Get(collection, ns, name),
            "POST" => Store.Create(collection, JsonNode.Parse(seen.Body)!.AsObject()),
            "DELETE" => Store.Delete(collection, ns, name),
            "PUT" => Store.Update(collection, ns, name, o => Replace(o, JsonNode.Parse(seen.Body)!.AsObject())),
            "PATCH" when seen.ContentType.StartsWith("application/json-patch", StringComparison.Ordinal) =>
                Store.Update(collection, ns, name, o => JsonPatch.Apply(o, JsonNode.Parse(seen.Body)!.AsArray())),
            "PATCH" when seen.ContentType.StartsWith("application/merge-patch", StringComparison.Ordinal) => Merge(collection, ns, name, JsonNode.Parse(seen.Body)!.AsObject()),
            "PATCH" => Apply(collection, ns, name, isStatus, JsonNode.Parse(seen.Body)!.AsObject()),
            _ => throw new RefusedException(405, "MethodNotAllowed", seen.Method),
        };
        if (answer is null)
            throw new RefusedException(404, "NotFound", $"{collection} \"{name}\" not found");
        await AnswerAsync(context, seen.Method == "POST" ? 201 : 200, answer.ToJsonString());
    }

    private async Task ListAsync(HttpContext context, string collection, string ns)
    {
        var (items, version) = Store.List(collection, ns);
        var query = context.Request.Query;
        var limit = query["resourceVersion"] == "0" ? 0 : int.Parse(query["limit"].FirstOrDefault() ?? "0", CultureInfo.InvariantCulture);
        var skip = int.Parse(query["continue"].FirstOrDefault() ?? "0", CultureInfo.InvariantCulture);
        var page = items.Skip(skip).Take(limit == 0 ? int.MaxValue : limit).ToArray<JsonNode?>();
        var metadata = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture) };
        if (skip + page.Length < items.Count)
            metadata["continue"] = (skip + page.Length).ToString(CultureInfo.InvariantCulture);
        await AnswerAsync(context, 200, new JsonObject { ["kind"] = "List", ["metadata"] = metadata, ["items"] = new JsonArray(page) }.ToJsonString());
    }

    private async Task WatchAsync(HttpContext context, string collection, string ns)
    {
        var lines = Store.Watch(collection, ns, long.Parse(context.Request.Query["resourceVersion"]!, CultureInfo.InvariantCulture));
        try
        {
            await context.Response.StartAsync();
            await context.Response.Body.FlushAsync();
            await foreach (var line in lines.Reader.ReadAllAsync(context.RequestAborted))
            {
                await context.Response.WriteAsync(line + "\n");
                await context.Response.Body.FlushAsync();
            }
        }
        finally
        {
            Store.Unwatch(lines);
        }
    }

    private JsonObject Apply(string collection, string ns, string name, bool isStatus, JsonObject body)
    {
        var changed = Store.Update(collection, ns, name, o =>
        {
            CheckVersion(o, body);
            foreach (var (key, value) in body)
            {
                if (key != "metadata" && isStatus == (key == "status"))
                    o[key] = value?.DeepClone();
            }

            if (!isStatus)
                ApplyMetadata(o["metadata"]!.AsObject(), body["metadata"]!.AsObject());
        });
        return changed ?? Store.Create(collection, body);
    }

    /// <summary>As if another manager owned everything that is there: an apply removes nothing.</summary>
    private static void ApplyMetadata(JsonObject old, JsonObject applied)
    {
        foreach (var field in new[] { "labels", "annotations" })
        {
            foreach (var (name, value) in applied[field] as JsonObject ?? [])
                (old[field] ??= new JsonObject())[name] = value?.DeepClone();
        }

        var added = (applied["ownerReferences"] as JsonArray ?? []).Select(owner => owner!.AsObject()).ToList();
        var kept = (old["ownerReferences"] as JsonArray ?? []).Select(owner => owner!.AsObject()).Where(owner => added.All(other => (string?)other["uid"] != (string?)owner["uid"]));
        var owners = kept.Concat(added).Select(owner => owner.DeepClone()).ToArray();
        if (owners.Count(owner => (bool?)owner["controller"] == true) > 1)
            throw new RefusedException(422, "Invalid", "metadata.ownerReferences: Invalid value: Only one reference can have Controller set to true");
        if (owners.Length > 0)
            old["ownerReferences"] = new JsonArray(owners);
    }

    private JsonObject? Merge(string collection, string ns, string name, JsonObject patch) => Store.Update(collection, ns, name, o =>
    {
        CheckVersion(o, patch);
        MergeInto(o, patch);
    });

    private static void MergeInto(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is JsonObject inner && target[name] is JsonObject old)
                MergeInto(old, inner);
            else if (value is null)
                target.Remove(name);
            else
                target[name] = value.DeepClone();
        }
    }

    private static void CheckVersion(JsonObject old, JsonObject body)
    {
        if ((string?)body["metadata"]!["resourceVersion"] is { } version && version != (string?)old["metadata"]!["resourceVersion"])
            throw new RefusedException(409, "Conflict", "the object has been modified");
    }

    private static void Replace(JsonObject old, JsonObject body)
    {
        CheckVersion(old, body);
        foreach (var key in body.Select(p => p.Key).Where(k => k != "metadata").ToList())
            old[key] = body[key]?.DeepClone();
    }

    // /api/v1/namespaces/ns/secrets/name or /apis/group/v1/namespaces/ns/plural/name/status
    private static (string Collection, string Namespace, string Name, bool IsStatus) Split(string path)
    {
        var parts = path.Trim('/').Split('/').ToList();
        parts.RemoveRange(0, parts[0] == "api" ? 2 : 3);
        var ns = "";
        if (parts[0] == "namespaces" && parts.Count > 2)
        {
            ns = parts[1];
            parts.RemoveRange(0, 2);
        }

        return (parts[0], ns, parts.ElementAtOrDefault(1) ?? "", parts.ElementAtOrDefault(2) == "status");
    }
}

internal static class KestrelExtensions
{
    public static void ListenLocalhostFreePort(this KestrelServerOptions options, X509Certificate2? certificate) =>
        options.Listen(System.Net.IPAddress.Loopback, 0, listen =>
        {
            if (certificate is null)
                return;
            listen.UseHttps(certificate, https =>
            {
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                https.ClientCertificateValidation = (_, _, _) => true;
            });
        });
}
