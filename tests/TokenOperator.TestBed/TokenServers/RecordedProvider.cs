using System.Buffers.Text;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>
/// A server on loopback that answers as a recorded exchange says, and refuses what that provider refuses: another address, another
/// client authentication, another form, a missing header field, and every parameter that is not expected. It knows no provider document. A test sets what it expects before each request.
/// </summary>
public sealed class RecordedProvider : IAsyncDisposable
{
    /// <summary>The client that it knows.</summary>
    public const string ClientId = "client-1";

    /// <summary>The code of its consents.</summary>
    public const string Code = "code-1";

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

    /// <summary>The parameters of the last request, without those that authenticate the client.</summary>
    public IReadOnlyDictionary<string, string> LastParameters { get; private set; } = new Dictionary<string, string>();

    /// <summary>Starts it on a free port.</summary>
    /// <param name="exchange">The recorded exchange: a file of tests/TokenOperator.Tests/Providers/Exchanges.</param>
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
    /// <param name="parameters">The parameters without those that authenticate the client. A parameter with null can have any value.</param>
    /// <param name="answer">The recorded answer.</param>
    /// <param name="bearer">The token in the header field Authorization, for a call that has one there.</param>
    public void Expect(string call, IReadOnlyDictionary<string, string?> parameters, RecordedAnswer answer, string bearer = "") =>
        _expectation = new Expectation(call, parameters, answer, bearer);

    /// <summary>The parameters of a request for consent.</summary>
    /// <param name="scopes">The scopes of the OAuthToken.</param>
    /// <param name="redirectUri">The redirect address.</param>
    /// <param name="state">The state.</param>
    /// <param name="challenge">The code challenge of PKCE.</param>
    public Dictionary<string, string?> ConsentParameters(IEnumerable<string> scopes, string redirectUri, string state, string challenge)
    {
        var parameters = new Dictionary<string, string?> { ["response_type"] = "code", ["client_id"] = ClientId, ["redirect_uri"] = redirectUri, ["state"] = state };
        if (Text("noScope") != "true")
            parameters[Text("scopeParameter") ?? "scope"] = string.Join(Text("separator") ?? " ", scopes.Concat(_exchange["consentScopes"]?.AsArray().Select(scope => (string)scope!) ?? []));
        if (HasPkce)
            (parameters["code_challenge"], parameters["code_challenge_method"]) = (challenge, "S256");
        return With(parameters, "authorize");
    }

    /// <summary>What the browser brings back to the redirect address.</summary>
    public string Callback(string state) => $"?{Text("codeParameter") ?? "code"}={Code}&state={Uri.EscapeDataString(state)}"
        + string.Concat((_exchange["callback"]?.AsObject() ?? []).Select(kept => $"&{kept.Key}={Uri.EscapeDataString((string)kept.Value!)}"));

    /// <summary>The parameters of the exchange of <see cref="Code"/>.</summary>
    /// <param name="redirectUri">The redirect address.</param>
    /// <param name="verifier">The code verifier of PKCE; null for any.</param>
    public Dictionary<string, string?> CodeParameters(string redirectUri, string? verifier)
    {
        var parameters = new Dictionary<string, string?> { ["grant_type"] = "authorization_code", ["code"] = Code, ["redirect_uri"] = redirectUri };
        if (HasPkce)
            parameters["code_verifier"] = verifier;
        return With(parameters, "code");
    }

    /// <summary>The parameters of a refresh.</summary>
    public Dictionary<string, string?> RefreshParameters(string refreshToken) => With(new() { ["grant_type"] = "refresh_token", ["refresh_token"] = refreshToken }, "refresh");

    /// <summary>The parameters of a revocation.</summary>
    public Dictionary<string, string?> RevocationParameters(string accessToken, string refreshToken) => With(
        Text("revokeClient") == "token" ? [] : new() { [Text("revokeTokenParameter") ?? "token"] = Text("revokeToken") == "accessToken" ? accessToken : refreshToken },
        "revokeParameters");

    /// <summary>The steps of the recorded exchange.</summary>
    public IEnumerable<JsonObject> Steps => _exchange["exchanges"]!.AsArray().Select(step => step!.AsObject());

    /// <summary>The answer of a step of the recorded exchange, whose id_token is valid for an hour.</summary>
    public static RecordedAnswer AnswerOf(JsonObject step, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(step);
        var body = step["body"]?.DeepClone() as JsonObject;
        if (body is not null && step["idToken"]?.DeepClone() is JsonObject claims)
        {
            (claims["aud"], claims["exp"]) = (ClientId, now.AddHours(1).ToUnixTimeSeconds());
            body["id_token"] = $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.ToJsonString()))}.e30";
        }

        return new RecordedAnswer((int)((long?)step["status"] ?? 200), body?.ToJsonString() ?? (string?)step["text"] ?? "", step["text"] is null ? "application/json; charset=utf-8" : "text/html");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }

    /// <summary>Answers a request that came here in another way than by <see cref="Transport"/>.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        if (_expectation is not { } expectation || FindRefusal(context.Request, body, expectation) is not { } refusal)
        {
            var answer = _expectation?.Answer ?? new RecordedAnswer(500, "", "text/plain");
            if (answer.IsLost)
                _expectation = _expectation! with { Answer = answer with { IsLost = false } };
            await SendAsync(context, answer);
            return;
        }

        _refusals.Add(refusal);
        await SendAsync(context, new RecordedAnswer(400, """{"error":"refused_by_the_recorded_provider"}""", "application/json"));
    }

    private static async Task SendAsync(HttpContext context, RecordedAnswer answer)
    {
        if (answer.IsLost)
        {
            context.Abort();
            return;
        }

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
        if (FindClientRefusal(request, parameters, expected) is { } refusal)
            return refusal;
        LastParameters = parameters.ToDictionary();
        return FindParameterRefusal(parameters, expected);
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
            if (value is null ? parameters.RemoveAll(parameter => parameter.Key == name) != 1 : !parameters.Remove(KeyValuePair.Create(name, value)))
                return $"the parameter {name} is missing or not \"{value}\"";
        }

        return parameters.Count > 0 ? $"the parameter {parameters[0].Key} is forbidden" : null;
    }

    private bool HasPkce => Text("pkce") != "false";

    private string? Text(string name) => _exchange[name]?.ToString();

    private Dictionary<string, string?> With(Dictionary<string, string?> parameters, string section)
    {
        foreach (var (name, value) in _exchange[section]?.AsObject() ?? [])
            parameters[name] = (string)value!;
        return parameters;
    }

    private static IEnumerable<KeyValuePair<string, string>> Json(string body) =>
        JsonNode.Parse(body)!.AsObject().Select(field => KeyValuePair.Create(field.Key, field.Value!.GetValueKind() == JsonValueKind.String ? (string)field.Value! : field.Value!.ToJsonString()));

    private static IEnumerable<KeyValuePair<string, string>> Form(string body) => body.Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(field => field.Split('=')).Select(field => KeyValuePair.Create(WebUtility.UrlDecode(field[0]), WebUtility.UrlDecode(field[1])));

    private sealed record Expectation(string Call, IReadOnlyDictionary<string, string?> Parameters, RecordedAnswer Answer, string Bearer);

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

/// <summary>What a <see cref="RecordedProvider"/> answers.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Body">The body.</param>
/// <param name="ContentType">Its type.</param>
/// <param name="RetryAfter">The header field Retry-After, in seconds.</param>
public sealed record RecordedAnswer(int Status, string Body, string ContentType, int? RetryAfter = null)
{
    /// <summary>Cuts the connection in place of the answer. The same request gets the answer when it is sent again.</summary>
    public bool IsLost { get; init; }
}
