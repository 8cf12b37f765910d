using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace TokenOperator.Tests.Providers.Catalogue;

/// <summary>
/// A server on loopback that answers as a recorded exchange says, and refuses what that provider refuses: another address, another
/// client authentication, another form, a missing header field, and every parameter that is not expected. It knows no provider document.
/// </summary>
internal sealed class RecordedProvider : IAsyncDisposable
{
    /// <summary>The client that it knows.</summary>
    public const string ClientId = "client-1";

    private readonly WebApplication _app;
    private readonly JsonObject _exchange;
    private readonly List<string> _refusals = [];

    private Expectation? _expectation;

    private RecordedProvider(JsonObject exchange)
    {
        _exchange = exchange;
        ClientSecret = Text("clientSecret") ?? "secret-1";
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    /// <summary>The secret of the client that it knows.</summary>
    public string ClientSecret { get; }

    /// <summary>Why requests were refused, oldest first.</summary>
    public IReadOnlyList<string> Refusals => _refusals;

    /// <summary>Starts it on a free port.</summary>
    public static async Task<RecordedProvider> StartAsync(JsonObject exchange)
    {
        var server = new RecordedProvider(exchange);
        await server._app.StartAsync();
        return server;
    }

    /// <summary>Sends every request here, with the address that it was meant for in its Host field.</summary>
    public HttpMessageHandler Transport() => new Redirection(new Uri(_app.Urls.Single()));

    /// <summary>Sets what the next requests must be, and what is answered.</summary>
    /// <param name="call"><c>code</c>, <c>refresh</c>, <c>revoke</c> or <c>check</c>.</param>
    /// <param name="parameters">The parameters without those that authenticate the client.</param>
    /// <param name="bearer">The token in the header field Authorization, for a call that has one there.</param>
    /// <param name="answer">The recorded answer.</param>
    public void Expect(string call, IReadOnlyDictionary<string, string> parameters, string bearer, Answer answer) => _expectation = new Expectation(call, parameters, bearer, answer);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        if (_expectation is not { } expectation || FindRefusal(context.Request, body, expectation) is not { } refusal)
        {
            await SendAsync(context, _expectation?.Answer ?? new Answer(500, "", "text/plain"));
            return;
        }

        _refusals.Add(refusal);
        await SendAsync(context, new Answer(400, """{"error":"refused_by_the_recorded_provider"}""", "application/json"));
    }

    private static async Task SendAsync(HttpContext context, Answer answer)
    {
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.ContentType;
        if (answer.RetryAfter is { } seconds)
            context.Response.Headers.RetryAfter = $"{seconds}";
        await context.Response.WriteAsync(answer.Body, context.RequestAborted);
    }

    private string? FindRefusal(HttpRequest request, string body, Expectation expected)
    {
        var endpoint = expected.Call switch
        {
            "revoke" or "check" => Text(expected.Call),
            "refresh" => Text("refreshAt") ?? Text("token"),
            _ => Text("token"),
        };
        var format = expected.Call == "revoke" ? Text("revokeFormat") ?? "form" : Text("format") ?? "form";
        var address = $"https://{request.Host.Host}{request.Path}{(format == "query" ? "" : request.QueryString)}";
        if (address != endpoint)
            return $"the address is {address}, and not {endpoint}";
        if (request.Method != (expected.Call == "check" ? "GET" : (expected.Call == "revoke" ? Text("revokeMethod") : null) ?? "POST"))
            return $"the method is {request.Method}";
        foreach (var (name, value) in _exchange["headers"]?.AsObject() ?? new JsonObject { ["Accept"] = "application/json" })
        {
            if (request.Headers[name] != (string)value!)
                return $"the header field {name} is \"{request.Headers[name]}\", and not \"{value}\"";
        }

        if (expected.Call == "check")
            return request.Headers.Authorization == $"Bearer {expected.Bearer}" && body.Length == 0 ? null : "the access token is missing";
        var type = format switch { "json" => "application/json", "query" => null, _ => "application/x-www-form-urlencoded" };
        if (request.ContentType?.Split(';')[0] != type || (type is null && body.Length > 0))
            return $"the content type is {request.ContentType}, and not {type}";
        var parameters = (format switch { "json" => Json(body), "query" => Form(request.QueryString.ToString().TrimStart('?')), _ => Form(body) }).ToList();
        return FindClientRefusal(request, parameters, expected) ?? FindParameterRefusal(parameters, expected);
    }

    /// <summary>Removes the parameters that authenticate the client.</summary>
    private string? FindClientRefusal(HttpRequest request, List<KeyValuePair<string, string>> parameters, Expectation expected)
    {
        var method = (expected.Call == "revoke" ? Text("revokeClient") switch { "none" => "anyone", var other => other } : null) ?? Text("client") ?? "post";
        var header = request.Headers.Authorization.ToString();
        var wanted = method switch
        {
            // RFC 6749 section 2.3.1.
            "basic" => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(ClientId)}:{Uri.EscapeDataString(ClientSecret)}")),
            "token" => "Bearer " + expected.Bearer,
            "secretAsUser" => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Uri.EscapeDataString(ClientSecret)}:")),
            _ => "",
        };
        if (header != wanted)
            return header.Length > 0 && wanted.Length > 0 ? "the client is another" : $"the header field Authorization {(header.Length > 0 ? "is there" : "is missing")}";
        (string Name, string Value)[] body = method switch
        {
            "post" => [("client_id", ClientId), ("client_secret", ClientSecret)],
            "none" => [("client_id", ClientId)],
            _ => [],
        };
        foreach (var (name, value) in body)
        {
            if (!parameters.Remove(KeyValuePair.Create(name, value)))
                return $"the parameter {name} is missing or another";
        }

        return null;
    }

    private static string? FindParameterRefusal(List<KeyValuePair<string, string>> parameters, Expectation expected)
    {
        foreach (var (name, value) in expected.Parameters)
        {
            if (!parameters.Remove(KeyValuePair.Create(name, value)))
                return $"the parameter {name} is missing or not \"{value}\"";
        }

        return parameters.Count > 0 ? $"the parameter {parameters[0].Key} is forbidden" : null;
    }

    private string? Text(string name) => (string?)_exchange[name];

    private static IEnumerable<KeyValuePair<string, string>> Json(string body) =>
        JsonNode.Parse(body)!.AsObject().Select(field => KeyValuePair.Create(field.Key, field.Value!.GetValueKind() == JsonValueKind.String ? (string)field.Value! : field.Value!.ToJsonString()));

    private static IEnumerable<KeyValuePair<string, string>> Form(string body) => body.Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(field => field.Split('=')).Select(field => KeyValuePair.Create(WebUtility.UrlDecode(field[0]), WebUtility.UrlDecode(field[1])));

    /// <summary>What is answered.</summary>
    public sealed record Answer(int Status, string Body, string ContentType, int? RetryAfter = null);

    private sealed record Expectation(string Call, IReadOnlyDictionary<string, string> Parameters, string Bearer, Answer Answer);

    private sealed class Redirection(Uri server) : DelegatingHandler(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false })
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Host = request.RequestUri!.Authority;
            request.RequestUri = new Uri(server, request.RequestUri.PathAndQuery);
            request.Version = HttpVersion.Version11;
            return base.SendAsync(request, cancellationToken);
        }
    }
}
