// Token servers for tests. They listen on loopback and know nothing about the operator.
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>The behaviour of a <see cref="ScriptedTokenServer"/> without a script. You can change it while the server runs.</summary>
public sealed class TokenServerBehaviour
{
    /// <summary>Lifetime of access tokens; Google's is 3599 s.</summary>
    public TimeSpan TokenLifetime { get; set; } = TimeSpan.FromSeconds(3599);

    /// <summary>The value of refresh_token_expires_in; null omits it.</summary>
    public TimeSpan? RefreshTokenLifetime { get; set; }

    /// <summary>The delay of each answer.</summary>
    public TimeSpan Latency { get; set; }

    /// <summary>True: each refresh returns a new refresh token, and reuse of an old one revokes the grant (RFC 9700 section 4.14.2).</summary>
    public bool RotateRefreshTokens { get; set; }

    /// <summary>With rotation: the time for which a used refresh token is still accepted.</summary>
    public TimeSpan ReuseLeeway { get; set; }

    /// <summary>True: an unknown refresh token creates an account of that name, for load tests.</summary>
    public bool AcceptAnyRefreshToken { get; set; }

    /// <summary>The one client, or null to accept any.</summary>
    public (string Id, string Secret)? Client { get; set; }
}

/// <summary>A request that the server received.</summary>
/// <param name="At">The time.</param>
/// <param name="Path"><c>/token</c>, <c>/revoke</c> or anything else.</param>
/// <param name="Form">Its form fields.</param>
public sealed record RecordedRequest(DateTimeOffset At, string Path, IReadOnlyDictionary<string, string> Form);

/// <summary>
/// A token endpoint on loopback that answers as Google does, and fails as Google does when a script says so. Scripts are
/// found by the refresh token of the request, then by the account, then by <see cref="Everyone"/>.
/// </summary>
public sealed class ScriptedTokenServer : IAsyncDisposable
{
    /// <summary>The name for scripts that apply to every request.</summary>
    public const string Everyone = "*";

    private readonly WebApplication _app;
    private readonly TimeProvider _time;
    private readonly TokenGrants _grants = new();
    private readonly ConcurrentQueue<RecordedRequest> _requests = new();
    private readonly ConcurrentDictionary<string, ConcurrentQueue<ScriptedAnswer>> _next = new();
    private readonly ConcurrentDictionary<string, ScriptedAnswer> _always = new();
    private readonly ConcurrentQueue<(string DeviceCode, string UserCode)> _deviceCodes = new();

    private int _connectionCount;
    private int _doubleAsks;

    private ScriptedTokenServer(int port, TokenServerBehaviour behaviour, TimeProvider time)
    {
        Behaviour = behaviour;
        _time = time;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => connection =>
                {
                    Interlocked.Increment(ref _connectionCount);
                    return next(connection);
                });
            });
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    /// <summary>Its behaviour without a script.</summary>
    public TokenServerBehaviour Behaviour { get; }

    /// <summary>The address that it listens on.</summary>
    public Uri Address => new(_app.Urls.Single());

    /// <summary>For <c>Providers:google:TokenEndpoint</c>.</summary>
    public Uri TokenEndpoint => new(Address, "/token");

    /// <summary>For <c>Providers:google:RevocationEndpoint</c>.</summary>
    public Uri RevocationEndpoint => new(Address, "/revoke");

    /// <summary>For <c>expiry.checkEndpoint</c> of a document: says whether the access token in the header is valid.</summary>
    public Uri CheckEndpoint => new(Address, "/userinfo");

    /// <summary>For <c>Providers:google:DeviceAuthorizationEndpoint</c>. A poll is answered with authorization_pending, unless there is a script for its device code.</summary>
    public Uri DeviceAuthorizationEndpoint => new(Address, "/device");

    /// <summary>The codes that it has issued (RFC 8628 section 3.2), oldest first.</summary>
    public IReadOnlyList<(string DeviceCode, string UserCode)> DeviceCodes => [.. _deviceCodes];

    /// <summary>Every request so far, oldest first.</summary>
    public IReadOnlyList<RecordedRequest> Requests => [.. _requests];

    /// <summary>Every refresh token and access token that this server has ever issued or accepted.</summary>
    public IReadOnlyList<string> IssuedTokens => [.. _grants.All];

    /// <summary>The number of connections that were opened so far.</summary>
    public int ConnectionCount => _connectionCount;

    /// <summary>The number of requests for an account that arrived while another one for it was being processed (for <see cref="TokenServerBehaviour.Latency"/>).</summary>
    public int DoubleAsks => _doubleAsks;

    /// <summary>Starts a server on a free port, or on <paramref name="port"/>.</summary>
    public static async Task<ScriptedTokenServer> StartAsync(
        TokenServerBehaviour? behaviour = null, int port = 0, TimeProvider? time = null, CancellationToken ct = default)
    {
        var server = new ScriptedTokenServer(port, behaviour ?? new TokenServerBehaviour(), time ?? TimeProvider.System);
        await server._app.StartAsync(ct);
        return server;
    }

    /// <summary>Adds an account that has consented, with a new refresh token or the given one.</summary>
    public TokenGrant AddAccount(string account, string? refreshToken = null) => _grants.Add(account, refreshToken);

    /// <summary>Issues an access token that never expires, as after a consent at a provider without refresh tokens.</summary>
    public string IssueEndlessToken(TokenGrant grant) => _grants.IssueAccessToken(grant, DateTimeOffset.MaxValue);

    /// <summary>Sets the answers to the next requests of <paramref name="name"/>, one each.</summary>
    public void Next(string name, params ReadOnlySpan<ScriptedAnswer> answers)
    {
        foreach (var answer in answers)
            _next.GetOrAdd(name, _ => new()).Enqueue(answer);
    }

    /// <summary>Sets the answer to every further request of <paramref name="name"/>; null ends that.</summary>
    public void Always(string name, ScriptedAnswer? answer)
    {
        if (answer is null)
            _always.TryRemove(name, out _);
        else
            _always[name] = answer;
    }

    /// <summary>The number of refresh requests with <paramref name="refreshToken"/>.</summary>
    public int AskedFor(string refreshToken) => _requests.Count(request =>
        request.Path == "/token" && request.Form.TryGetValue("refresh_token", out var token) && token == refreshToken);

    /// <summary>True if this server issued the token and it is neither expired nor revoked.</summary>
    public bool IsValid(string accessToken) =>
        _grants.Find(accessToken) is { IsRevoked: false } grant
        && grant.AccessTokens.TryGetValue(accessToken, out var expiresAt) && expiresAt > _time.GetUtcNow();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        if (path == "/count")
        {
            await context.Response.WriteAsync(_requests.Count(request => request.Path == "/token").ToString(CultureInfo.InvariantCulture));
            return;
        }

        var form = context.Request.HasFormContentType
            ? (await context.Request.ReadFormAsync(context.RequestAborted)).ToDictionary(field => field.Key, field => field.Value.ToString())
            : [];
        var token = form.GetValueOrDefault(path == "/revoke" ? "token" : "refresh_token") ?? form.GetValueOrDefault("device_code", "");
        _requests.Enqueue(new RecordedRequest(_time.GetUtcNow(), path, form));
        await WorkAsync(_grants.Find(token), context.RequestAborted);
        var script = Script(token);
        var (status, body) = script?.Body is { } scripted ? (script.Status, scripted) : path switch
        {
            "/token" => Refresh(form),
            "/revoke" => Revoke(token),
            "/userinfo" => IsValid(context.Request.Headers.Authorization.ToString().Split(' ')[^1]) ? (200, "{}") : (401, GoogleReplies.Error("invalid_token")),
            "/device" => IssueDeviceCode(),
            _ => (404, "{}"),
        };
        await SendAsync(context, script ?? new ScriptedAnswer(), status, body);
    }

    /// <summary>Waits for the latency, and counts another request for the same account during that time.</summary>
    private async Task WorkAsync(TokenGrant? grant, CancellationToken gone)
    {
        if (Behaviour.Latency <= TimeSpan.Zero)
            return;
        if (grant is null)
        {
            await Task.Delay(Behaviour.Latency, gone);
            return;
        }

        if (Interlocked.Increment(ref grant.InWork) > 1)
            Interlocked.Increment(ref _doubleAsks);
        try
        {
            await Task.Delay(Behaviour.Latency, gone);
        }
        finally
        {
            Interlocked.Decrement(ref grant.InWork);
        }
    }

    private static async Task SendAsync(HttpContext context, ScriptedAnswer script, int status, string body)
    {
        if (script.Until is { } release)
            await release.WaitAsync(context.RequestAborted);
        if (script.CutConnection)
        {
            context.Abort();
            return;
        }

        context.Response.StatusCode = status;
        foreach (var (name, value) in script.Headers)
            context.Response.Headers[name] = value;
        context.Response.ContentType = script.ContentType;
        if (script.StallAfterHeaders)
        {
            await context.Response.WriteAsync(body[..(body.Length / 2)], context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return;
        }

        await context.Response.WriteAsync(body, context.RequestAborted);
    }

    private ScriptedAnswer? Script(string token)
    {
        foreach (var name in (ReadOnlySpan<string?>)[token, _grants.Find(token)?.Account, Everyone])
        {
            if (name is null)
                continue;
            if (_next.TryGetValue(name, out var queue) && queue.TryDequeue(out var next))
                return next;
            if (_always.TryGetValue(name, out var always))
                return always;
        }

        return null;
    }

    private (int Status, string Body) IssueDeviceCode()
    {
        var (device, user) = ($"device-{TokenGrants.RandomText()}", $"USER-{TokenGrants.RandomText()[..40]}");
        _deviceCodes.Enqueue((device, user));
        return (200, GoogleReplies.Device(device, user, new Uri(Address, "/verify")));
    }

    private (int Status, string Body) Refresh(Dictionary<string, string> form)
    {
        if (form.GetValueOrDefault("device_code") is { } device && _deviceCodes.Any(code => code.DeviceCode == device))
            return (400, GoogleReplies.Error("authorization_pending"));
        if (form.GetValueOrDefault("grant_type") != "refresh_token")
            return (400, GoogleReplies.Error("unsupported_grant_type", "Invalid grant_type: " + form.GetValueOrDefault("grant_type")));
        if (Behaviour.Client is { } client && form.GetValueOrDefault("client_id") != client.Id)
            return (401, GoogleReplies.Error("invalid_client", "The OAuth client was not found."));
        if (Behaviour.Client is { } known && form.GetValueOrDefault("client_secret") != known.Secret)
            return (401, GoogleReplies.Error("invalid_client", "Unauthorized"));
        if (form.GetValueOrDefault("refresh_token") is not { Length: > 0 } presented)
            return (400, GoogleReplies.Error("invalid_request", "Missing required parameter: refresh_token"));
        var grant = _grants.Find(presented) ?? (Behaviour.AcceptAnyRefreshToken ? AddAccount(presented, presented) : null);
        if (grant is null)
            return (400, GoogleReplies.Error("invalid_grant", "Bad Request"));
        lock (grant)
        {
            // Reuse of a token means that two parties hold it, so the whole family is revoked.
            var now = _time.GetUtcNow();
            var isUsed = grant.Used.TryGetValue(presented, out var usedAt);
            var isTolerated = isUsed && now - usedAt < Behaviour.ReuseLeeway;
            grant.IsRevoked |= isUsed && !isTolerated;
            if (grant.IsRevoked || (grant.RefreshToken != presented && !isTolerated))
                return (400, GoogleReplies.Error("invalid_grant", "Token has been expired or revoked."));
            var accessToken = _grants.IssueAccessToken(grant, now + Behaviour.TokenLifetime);
            var rotated = Behaviour.RotateRefreshTokens ? _grants.Rotate(grant, now) : null;
            return (200, GoogleReplies.Token(accessToken, Behaviour.TokenLifetime, grant.Scope, rotated, Behaviour.RefreshTokenLifetime));
        }
    }

    // At Google, revoking an access token also revokes its refresh token.
    private (int Status, string Body) Revoke(string token)
    {
        if (_grants.Find(token) is not { IsRevoked: false } grant)
            return (400, GoogleReplies.Error("invalid_token", "Token expired or revoked"));
        grant.IsRevoked = true;
        return (200, "{}");
    }
}
