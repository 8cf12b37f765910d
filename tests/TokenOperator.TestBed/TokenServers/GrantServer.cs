using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>A request to a <see cref="GrantServer"/>.</summary>
/// <param name="Method">The method.</param>
/// <param name="Path">The path.</param>
/// <param name="Form">The fields of a form; empty for any other body.</param>
/// <param name="Body">The body.</param>
/// <param name="Bearer">The token in the header field Authorization; empty if there is none.</param>
public sealed record GrantServerRequest(string Method, string Path, IReadOnlyDictionary<string, string> Form, string Body, string Bearer);

/// <summary>
/// Answers as Google, Microsoft Entra ID, GitHub and a plain authorization server do to grants without a consent. It verifies the
/// signatures, the claims and the times of assertions with a library that the operator does not use, and speaks each provider's own words.
/// </summary>
public sealed class GrantServer : IAsyncDisposable
{
    /// <summary>The client of <see cref="ClientCredentialsEndpoint"/>.</summary>
    public const string ClientId = "machine";

    /// <summary>Its secret.</summary>
    public const string ClientSecret = "machine-secret-7c1d52f0a9";

    /// <summary>The Google service account.</summary>
    public const string ServiceAccount = "mailer@example.iam.gserviceaccount.com";

    /// <summary>Its numeric ID.</summary>
    public const string ServiceAccountId = "104857600000000000001";

    /// <summary>The person whose mailbox the service account may use.</summary>
    public const string Person = "marcus@example.com";

    /// <summary>The scope that is delegated.</summary>
    public const string Scope = "https://mail.google.com/";

    /// <summary>The GitHub App.</summary>
    public const long AppId = 123456;

    /// <summary>Its installation for <see cref="Owner"/>.</summary>
    public const long InstallationId = 777;

    /// <summary>The organization that installed the app.</summary>
    public const string Owner = "example";

    /// <summary>The application at Entra that trusts the cluster.</summary>
    public const string EntraClientId = "5f1b0d1c-6b0e-4c39-9f0a-1f0e3f0f9a11";

    /// <summary>The workload identity provider at Google that trusts the cluster.</summary>
    public const string GoogleAudience = "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/cluster/providers/cluster";

    /// <summary>The audience of the cluster's tokens.</summary>
    public const string WorkloadAudience = "api://AzureADTokenExchange";

    /// <summary>The issuer of the cluster's tokens.</summary>
    public const string WorkloadIssuer = "https://cluster.example";

    /// <summary>The ServiceAccount that is trusted.</summary>
    public const string WorkloadSubject = "system:serviceaccount:token-operator-system:token-operator";

    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false };

    private readonly WebApplication _app;
    private readonly TimeProvider _time;
    private readonly RSA _google = RSA.Create(2048);
    private readonly RSA _gitHub = RSA.Create(2048);
    private readonly RSA _cluster = RSA.Create(2048);
    private readonly ConcurrentQueue<GrantServerRequest> _requests = new();
    private readonly ConcurrentDictionary<string, string> _issued = new();
    private int _count;

    private GrantServer(TimeProvider time)
    {
        _time = time;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    /// <summary>The address that it listens on.</summary>
    public Uri Address => new(_app.Urls.Single());

    /// <summary>A token endpoint for client credentials: the client is in the form.</summary>
    public Uri ClientCredentialsEndpoint => new(Address, "/plain/token");

    /// <summary>Google's token endpoint.</summary>
    public Uri GoogleEndpoint => new(Address, "/google/token");

    /// <summary>Google's token exchange.</summary>
    public Uri ExchangeEndpoint => new(Address, "/sts/token");

    /// <summary>Google's IAM credentials.</summary>
    public Uri CredentialsEndpoint => new(Address, "/iam/v1");

    /// <summary>Entra's token endpoint.</summary>
    public Uri EntraEndpoint => new(Address, "/entra/token");

    /// <summary>GitHub's REST API.</summary>
    public Uri GitHubApi => new(Address, "/github");

    /// <summary>The client of <see cref="ClientCredentialsEndpoint"/>.</summary>
    public (string Id, string Secret) Client { get; set; } = (ClientId, ClientSecret);

    /// <summary>The audience of an assertion for Google, if <see cref="GoogleEndpoint"/> stands in for another address.</summary>
    public string? GoogleAssertionAudience { get; set; }

    /// <summary>The repositories of the installation.</summary>
    public IReadOnlyCollection<string> Repositories { get; set; } = ["one", "two", "three"];

    /// <summary>Lifetime of the tokens of OAuth endpoints.</summary>
    public TimeSpan TokenLifetime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>What the next requests for a token get in place of it: a status and a body.</summary>
    public ConcurrentQueue<(int Status, string Body)> Next { get; } = new();

    /// <summary>False: nobody has delegated the person to the service account.</summary>
    public bool IsDelegated { get; set; } = true;

    /// <summary>True: the installation of the GitHub App is suspended.</summary>
    public bool IsSuspended { get; set; }

    /// <summary>Every request so far, oldest first.</summary>
    public IReadOnlyList<GrantServerRequest> Requests => [.. _requests];

    /// <summary>The tokens that it has issued, each with what it is for.</summary>
    public IReadOnlyDictionary<string, string> Issued => _issued;

    /// <summary>The private key of the GitHub App.</summary>
    public string GitHubKey => _gitHub.ExportRSAPrivateKeyPem();

    /// <summary>The JSON key of the service account, as the Google console exports it.</summary>
    public string ServiceAccountKey => new JsonObject
    {
        ["type"] = "service_account",
        ["private_key_id"] = "key-1",
        ["private_key"] = _google.ExportPkcs8PrivateKeyPem(),
        ["client_email"] = ServiceAccount,
        ["client_id"] = ServiceAccountId,
        ["token_uri"] = "https://elsewhere.example/token",
    }.ToJsonString();

    /// <summary>Starts a server on a free port.</summary>
    public static async Task<GrantServer> StartAsync(TimeProvider? time = null, CancellationToken ct = default)
    {
        var server = new GrantServer(time ?? TimeProvider.System);
        await server._app.StartAsync(ct);
        return server;
    }

    /// <summary>A token of the cluster's ServiceAccount, as the kubelet writes it.</summary>
    public string WorkloadToken(string subject = WorkloadSubject, string audience = WorkloadAudience) => Handler.CreateToken(new SecurityTokenDescriptor
    {
        Issuer = WorkloadIssuer,
        Audience = audience,
        Claims = new Dictionary<string, object> { ["sub"] = subject },
        NotBefore = Now,
        IssuedAt = Now,
        Expires = Now.AddHours(1),
        SigningCredentials = new SigningCredentials(new RsaSecurityKey(_cluster), "RS256"),
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _google.Dispose();
        _gitHub.Dispose();
        _cluster.Dispose();
    }

    private DateTime Now => _time.GetUtcNow().UtcDateTime;

    /// <summary>Answers a request whose path begins as those of the endpoints above.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        var form = context.Request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.Ordinal) == true
            ? System.Web.HttpUtility.ParseQueryString(body) is var fields ? fields.AllKeys.ToDictionary(name => name!, name => fields[name]!) : []
            : [];
        var authorization = context.Request.Headers.Authorization.ToString();
        var request = new GrantServerRequest(
            context.Request.Method, context.Request.Path.Value ?? "", form, body, authorization.StartsWith("Bearer ", StringComparison.Ordinal) ? authorization["Bearer ".Length..] : "");
        _requests.Enqueue(request);
        var (status, answer) = request.Path switch
        {
            _ when Next.TryDequeue(out var scripted) => scripted,
            "/plain/token" => AnswerPlain(form),
            "/google/token" => await AnswerGoogleAsync(form),
            "/sts/token" => await AnswerExchangeAsync(form),
            "/entra/token" => await AnswerEntraAsync(form),
            var path when path.StartsWith("/iam/v1/projects/-/serviceAccounts/", StringComparison.Ordinal) => AnswerIam(path["/iam/v1/projects/-/serviceAccounts/".Length..], request),
            var path when path.StartsWith("/github/", StringComparison.Ordinal) => context.Request.Headers.UserAgent.Count == 0
                ? (403, """{"message":"Request forbidden by administrative rules."}""")
                : await AnswerGitHubAsync(path["/github/".Length..], request),
            _ => (404, """{"message":"Not Found"}"""),
        };
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        if (answer.Length > 0)
            await context.Response.WriteAsync(answer, context.RequestAborted);
    }

    private (int, string) AnswerPlain(Dictionary<string, string> form) =>
        form.GetValueOrDefault("grant_type") is not ("client_credentials" or "account_credentials") ? Error(400, "unsupported_grant_type", "")
        : form.GetValueOrDefault("client_id") != Client.Id || form.GetValueOrDefault("client_secret") != Client.Secret ? Error(401, "invalid_client", "Invalid client or Invalid client credentials")
        : form.GetValueOrDefault("audience") is { } audience && audience != "https://api.example" ? Error(403, "access_denied", "Client is not authorized to access this audience")
        : form.GetValueOrDefault("scope", "").Split(' ').Contains("forbidden") ? Error(400, "invalid_scope", "Invalid scopes")
        : Token("machine", form.GetValueOrDefault("scope"));

    private async Task<(int, string)> AnswerGoogleAsync(Dictionary<string, string> form)
    {
        if (form.GetValueOrDefault("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer")
            return Error(400, "unsupported_grant_type", "Invalid grant_type");
        var token = await VerifyAsync(form.GetValueOrDefault("assertion", ""), _google, GoogleAssertionAudience ?? GoogleEndpoint.AbsoluteUri, ServiceAccount, TimeSpan.FromMinutes(65));
        if (token.Error is { } error)
        {
            return error == "time"
                ? Error(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
                : Error(400, "invalid_grant", "Invalid JWT Signature.");
        }

        var (subject, scope) = (token.Claim("sub"), token.Claim("scope") ?? "");
        if (subject is not null && !IsDelegated)
            return Error(401, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.");
        if (scope != Scope)
            return Error(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.");
        return subject is null or Person ? Token(subject ?? ServiceAccount, null) : Error(400, "invalid_grant", "Invalid email or User ID");
    }

    private async Task<(int, string)> AnswerExchangeAsync(Dictionary<string, string> form)
    {
        if (form.GetValueOrDefault("audience") != GoogleAudience)
            return Error(400, "invalid_target", "The target service indicated by the \"audience\" parameters is invalid.");
        if (form.GetValueOrDefault("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" || form.GetValueOrDefault("requested_token_type") != AccessTokenType
            || form.GetValueOrDefault("subject_token_type") is not "urn:ietf:params:oauth:token-type:jwt" || form.GetValueOrDefault("scope") != "https://www.googleapis.com/auth/cloud-platform")
            return Error(400, "invalid_request", "Invalid value for a parameter.");
        if (await VerifyWorkloadAsync(form.GetValueOrDefault("subject_token", "")) is { } error)
            return Error(400, "invalid_grant", error);
        // As Google does at times, the lifetime is a text.
        return (200, new JsonObject { ["access_token"] = Issue("federated"), ["issued_token_type"] = AccessTokenType, ["token_type"] = "Bearer", ["expires_in"] = "3599" }.ToJsonString());
    }

    private async Task<(int, string)> AnswerEntraAsync(Dictionary<string, string> form)
    {
        if (form.GetValueOrDefault("client_id") != EntraClientId)
            return Entra(400, "unauthorized_client", 700016, "Application was not found in the directory.");
        if (form.GetValueOrDefault("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || await VerifyWorkloadAsync(form.GetValueOrDefault("client_assertion", "")) is not null)
            return Entra(401, "invalid_client", 700213, "No matching federated identity record found for presented assertion subject.");
        return form.GetValueOrDefault("scope")?.EndsWith("/.default", StringComparison.Ordinal) == true
            ? Token("entra", null)
            : Entra(400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.");
    }

    private (int, string) AnswerIam(string what, GrantServerRequest request)
    {
        var (account, method) = (Uri.UnescapeDataString(what[..what.LastIndexOf(':')]), what[(what.LastIndexOf(':') + 1)..]);
        if (!_issued.TryGetValue(request.Bearer, out var kind) || kind != "federated")
            return (401, """{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}""");
        if (account != ServiceAccount)
            return (403, """{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED"}}""");
        var body = JsonNode.Parse(request.Body)!;
        if (method == "generateAccessToken")
            return (200, new JsonObject { ["accessToken"] = Issue($"{ServiceAccount} {body["scope"]![0]}"), ["expireTime"] = Time(_time.GetUtcNow() + TokenLifetime) }.ToJsonString());
        var claims = Encoding.UTF8.GetBytes((string)body["payload"]!);
        var signed = $"{Base64UrlEncoder.Encode("""{"alg":"RS256","typ":"JWT","kid":"managed"}""")}.{Base64UrlEncoder.Encode(claims)}";
        var signature = _google.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return (200, new JsonObject { ["keyId"] = "managed", ["signedJwt"] = $"{signed}.{Base64UrlEncoder.Encode(signature)}" }.ToJsonString());
    }

    private async Task<(int, string)> AnswerGitHubAsync(string path, GrantServerRequest request)
    {
        if (path == "installation/token")
            return _issued.TryRemove(request.Bearer, out _) ? (204, "") : (401, """{"message":"Bad credentials"}""");
        var token = await VerifyAsync(request.Bearer, _gitHub, null, $"{AppId}", TimeSpan.FromMinutes(10));
        if (token.Error is { } error)
        {
            return error == "time"
                ? (401, """{"message":"'Expiration time' claim ('exp') is too far in the future"}""")
                : (401, """{"message":"A JSON web token could not be decoded"}""");
        }

        if (path is $"orgs/{Owner}/installation" or $"repos/{Owner}/one/installation" or "users/marcus/installation")
            return (200, new JsonObject { ["id"] = InstallationId }.ToJsonString());
        if (path != $"app/installations/{InstallationId}/access_tokens")
            return (404, """{"message":"Not Found","documentation_url":"https://docs.github.com/rest"}""");
        if (IsSuspended)
            return (403, """{"message":"This installation has been suspended"}""");
        var body = request.Body.Length > 0 ? JsonNode.Parse(request.Body)! : new JsonObject();
        if (body["repositories"]?.AsArray().Any(name => !Repositories.Contains((string?)name)) == true)
            return (422, """{"message":"There is at least one repository that does not exist or is not accessible to the parent installation."}""");
        var permissions = body["permissions"]?.DeepClone() ?? new JsonObject { ["contents"] = "write", ["metadata"] = "read" };
        return (201, new JsonObject
        {
            ["token"] = Issue($"{body["repositories"]?.ToJsonString()} {permissions.ToJsonString()}", "ghs_"),
            ["expires_at"] = Time(_time.GetUtcNow() + TokenLifetime),
            ["permissions"] = permissions,
            ["repository_selection"] = "selected",
            ["repositories"] = new JsonArray([.. body["repositories"]?.AsArray().Select(name => RepositoryOf((string)name!)) ?? []]),
        }.ToJsonString());
    }

    /// <summary>As long as at GitHub, which describes a repository with all its addresses and its owner.</summary>
    private static JsonObject RepositoryOf(string name)
    {
        var repository = new JsonObject { ["id"] = 1296269, ["name"] = name, ["full_name"] = $"{Owner}/{name}", ["private"] = true };
        for (var i = 0; i < 60; i++)
            repository[$"address_{i}_url"] = $"https://api.github.example/repos/{Owner}/{name}/resource-{i}{{/id}}";
        return repository;
    }

    private async Task<string?> VerifyWorkloadAsync(string token)
    {
        var verified = await VerifyAsync(token, _cluster, WorkloadAudience, WorkloadIssuer, TimeSpan.FromHours(2));
        return verified.Error is not null ? $"The ID Token is not valid ({verified.Error})."
            : verified.Claim("sub") != WorkloadSubject ? "The given credential is rejected by the attribute condition."
            : null;
    }

    /// <summary>Verifies a signed token. The error is "time" if only its times are wrong.</summary>
    private async Task<Verified> VerifyAsync(string token, RSA key, string? audience, string issuer, TimeSpan maxLifetime)
    {
        var result = await Handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKey = new RsaSecurityKey(key),
            ValidAlgorithms = ["RS256"],
            ValidIssuer = issuer,
            ValidAudience = audience,
            ValidateAudience = audience is not null,
            ValidateLifetime = false,
        });
        if (!result.IsValid)
            return new Verified(null, result.Exception.GetType().Name);
        var read = (JsonWebToken)result.SecurityToken;
        var (issuedAt, end) = (read.GetPayloadValue<long>("iat"), read.GetPayloadValue<long>("exp"));
        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        var isInTime = issuedAt <= now && end > now && end - issuedAt <= maxLifetime.TotalSeconds;
        return new Verified(read, isInTime ? null : "time");
    }

    private (int, string) Token(string what, string? scope)
    {
        var answer = new JsonObject { ["access_token"] = Issue(what), ["expires_in"] = (long)TokenLifetime.TotalSeconds, ["token_type"] = "Bearer" };
        if (scope is not null)
            answer["scope"] = scope;
        return (200, answer.ToJsonString());
    }

    private string Issue(string what, string prefix = "issued-")
    {
        var token = $"{prefix}{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20))}{Interlocked.Increment(ref _count)}";
        _issued[token] = what;
        return token;
    }

    private static string Time(DateTimeOffset moment) => moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static (int, string) Error(int status, string code, string description) => (status, JsonSerializer.Serialize(new Dictionary<string, string> { ["error"] = code, ["error_description"] = description }));

    private static (int, string) Entra(int status, string code, int number, string text) =>
        (status, new JsonObject { ["error"] = code, ["error_description"] = $"AADSTS{number}: {text}", ["error_codes"] = new JsonArray(number) }.ToJsonString());

    private sealed record Verified(JsonWebToken? Token, string? Error)
    {
        public string? Claim(string name) => Token!.TryGetPayloadValue<string>(name, out var value) ? value : null;
    }
}
