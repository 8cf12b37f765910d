using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>The options of an <see cref="OpenIddictServer"/>.</summary>
public sealed record OpenIddictServerOptions
{
    /// <summary>
    /// True: each refresh returns a new refresh token, and reuse of an old one after the leeway revokes the whole
    /// chain. False: a refresh returns no refresh token and the old one stays valid, as at Google.
    /// </summary>
    public bool RollingRefreshTokens { get; init; } = true;

    /// <summary>The time for which a used refresh token is still accepted.</summary>
    public TimeSpan ReuseLeeway { get; init; } = TimeSpan.Zero;

    /// <summary>Lifetime of access tokens.</summary>
    public TimeSpan TokenLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The keys with which the client authenticates in place of its secret; null: it has the secret.</summary>
    public ClientKeyPair? ClientKey { get; init; }
}

/// <summary>
/// A real authorization server on loopback: OpenIddict with a store in memory. Every account exists, with the address
/// ACCOUNT@example.com. Browsers get the <see cref="ConsentPage"/>. Tests without a browser use the password grant instead.
/// </summary>
public sealed class OpenIddictServer : IAsyncDisposable
{
    /// <summary>The only client.</summary>
    public const string ClientId = "test-client";

    /// <summary>Its secret.</summary>
    public const string ClientSecret = "test-client-secret-846d3a1e";

    private readonly WebApplication _app;
    private readonly ClientKeyPair? _clientKey;
    private readonly HttpClient _http = new();

    private OpenIddictServer(WebApplication app, ClientKeyPair? clientKey) => (_app, _clientKey) = (app, clientKey);

    /// <summary>The address that it listens on.</summary>
    public Uri Address => new(_app.Urls.Single());

    /// <summary>For <c>Providers:...:TokenEndpoint</c>.</summary>
    public Uri TokenEndpoint => new(Address, "/token");

    /// <summary>For <c>Providers:...:AuthorizationEndpoint</c>.</summary>
    public Uri AuthorizationEndpoint => new(Address, ConsentPage.Path);

    /// <summary>For <c>Providers:...:DeviceAuthorizationEndpoint</c>.</summary>
    public Uri DeviceAuthorizationEndpoint => new(Address, "/device");

    /// <summary>For <c>Providers:...:RevocationEndpoint</c>.</summary>
    public Uri RevocationEndpoint => new(Address, "/revoke");

    /// <summary>Starts a server on a free port.</summary>
    public static async Task<OpenIddictServer> StartAsync(OpenIddictServerOptions? options = null, CancellationToken ct = default)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        options ??= new OpenIddictServerOptions();
        AddOpenIddict(builder.Services, options);
        var app = builder.Build();
        app.UseAuthentication();
        ConsentPage.Map(app);
        DevicePage.Map(app);
        app.MapPost("/token", Task<IResult> (HttpContext context) => SignInAsync(context, options.RollingRefreshTokens));
        await AddClientAsync(app.Services, options.ClientKey, ct);
        await app.StartAsync(ct);
        return new OpenIddictServer(app, options.ClientKey);
    }

    /// <summary>Returns a first refresh token for <paramref name="account"/>, as after a consent.</summary>
    public async Task<string> IssueRefreshTokenAsync(string account, CancellationToken ct = default)
    {
        var reply = await PostAsync("/token", ct, ("grant_type", "password"), ("username", account), ("password", "any"), ("scope", "offline_access mail"));
        return reply["refresh_token"]?.GetValue<string>() ?? throw new InvalidOperationException($"OpenIddict answered {reply["error"]}: {reply["error_description"]}");
    }

    /// <summary>Registers <paramref name="address"/> as a redirect URI, as in a provider's console.</summary>
    public async Task AllowRedirectAsync(Uri address, CancellationToken ct = default)
    {
        await using var scope = _app.Services.CreateAsyncScope();
        var clients = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        var client = (await clients.FindByClientIdAsync(ClientId, ct))!;
        var descriptor = new OpenIddictApplicationDescriptor();
        await clients.PopulateAsync(descriptor, client, ct);
        descriptor.RedirectUris.Add(address);
        await clients.UpdateAsync(client, descriptor, ct);
    }

    /// <summary>Revokes every grant of <paramref name="account"/>, as its owner can do at a provider.</summary>
    public async Task RevokeGrantsAsync(string account, CancellationToken ct = default)
    {
        await using var scope = _app.Services.CreateAsyncScope();
        var tokens = scope.ServiceProvider.GetRequiredService<IOpenIddictTokenManager>();
        var all = new List<object>();
        await foreach (var token in tokens.FindBySubjectAsync(account, ct))
            all.Add(token);
        foreach (var token in all)
            await tokens.TryRevokeAsync(token, ct);
    }

    /// <summary>True if token introspection (RFC 7662) says that <paramref name="token"/> is active.</summary>
    public async Task<bool> IsActiveAsync(string token, CancellationToken ct = default) =>
        (await PostAsync("/introspect", ct, ("token", token)))["active"]?.GetValue<bool>() == true;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }

    private static void AddOpenIddict(IServiceCollection services, OpenIddictServerOptions options)
    {
        var database = Guid.NewGuid().ToString();
        services.AddDbContext<DbContext>(context => context.UseInMemoryDatabase(database).UseOpenIddict());
        services.AddOpenIddict()
            // The in-memory store has no bulk updates. Without this setting the revocation of a chain silently does nothing.
            .AddCore(core => core.UseEntityFrameworkCore().UseDbContext<DbContext>().DisableBulkOperations())
            .AddServer(server =>
            {
                server.SetAuthorizationEndpointUris(ConsentPage.Path).AllowAuthorizationCodeFlow().RequireProofKeyForCodeExchange();
                server.SetDeviceAuthorizationEndpointUris("/device").SetEndUserVerificationEndpointUris(DevicePage.Path).AllowDeviceAuthorizationFlow();
                server.SetTokenEndpointUris("/token").SetRevocationEndpointUris("/revoke").SetIntrospectionEndpointUris("/introspect");
                server.AllowPasswordFlow().AllowRefreshTokenFlow().AllowClientCredentialsFlow().RegisterScopes("mail", Scopes.Email);
                server.SetAccessTokenLifetime(options.TokenLifetime).SetRefreshTokenReuseLeeway(options.ReuseLeeway);
                if (!options.RollingRefreshTokens)
                    server.DisableRollingRefreshTokens();
                server.AddEncryptionKey(new SymmetricSecurityKey(RandomNumberGenerator.GetBytes(32)));
                server.AddEphemeralSigningKey(SecurityAlgorithms.EcdsaSha256);
                server.UseAspNetCore().EnableAuthorizationEndpointPassthrough().EnableEndUserVerificationEndpointPassthrough().EnableTokenEndpointPassthrough().DisableTransportSecurityRequirement();
            });
    }

    private static async Task AddClientAsync(IServiceProvider services, ClientKeyPair? key, CancellationToken ct)
    {
        await using var scope = services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(
            new OpenIddictApplicationDescriptor
            {
                ClientId = ClientId,
                ClientType = ClientTypes.Confidential,
                ClientSecret = key is null ? ClientSecret : null,
                JsonWebKeySet = key is null ? null : new JsonWebKeySet(key.PublicKeys),
                // A native application may use any port of the loopback address: RFC 8252 section 7.3.
                ApplicationType = ApplicationTypes.Native,
                RedirectUris = { new Uri("http://127.0.0.1/"), new Uri("http://localhost/") },
                Permissions =
                {
                    Permissions.Endpoints.Authorization, Permissions.GrantTypes.AuthorizationCode, Permissions.ResponseTypes.Code, Permissions.Scopes.Email,
                    Permissions.Endpoints.DeviceAuthorization, Permissions.GrantTypes.DeviceCode,
                    Permissions.Endpoints.Token, Permissions.Endpoints.Revocation, Permissions.Endpoints.Introspection,
                    Permissions.GrantTypes.Password, Permissions.GrantTypes.RefreshToken, Permissions.GrantTypes.ClientCredentials, Permissions.Prefixes.Scope + "mail",
                },
            },
            ct);
    }

    private static async Task<IResult> SignInAsync(HttpContext context, bool rolling)
    {
        const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;
        var request = context.GetOpenIddictServerRequest()!;
        if (request.IsAuthorizationCodeGrantType() || request.IsDeviceCodeGrantType())
            return Results.SignIn((await context.AuthenticateAsync(Scheme)).Principal!, null, Scheme);
        if (request.IsRefreshTokenGrantType())
        {
            var principal = (await context.AuthenticateAsync(Scheme)).Principal!;
            // Without rotation OpenIddict still sends a second refresh token for this scope. Google sends none.
            if (!rolling)
                principal.SetScopes(principal.GetScopes().Remove(Scopes.OfflineAccess));
            return Results.SignIn(principal, null, Scheme);
        }

        var identity = new ClaimsIdentity(Scheme, Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, request.IsClientCredentialsGrantType() ? request.ClientId : request.Username).SetScopes(request.GetScopes());
        return Results.SignIn(new ClaimsPrincipal(identity), null, Scheme);
    }

    private async Task<JsonNode> PostAsync(string path, CancellationToken ct, params (string Name, string Value)[] fields)
    {
        (string Name, string Value)[] proof = _clientKey is null
            ? [("client_secret", ClientSecret)]
            : [("client_assertion_type", ClientAssertionTypes.JwtBearer), ("client_assertion", _clientKey.Sign(ClientId, Address.AbsoluteUri))];
        using var form = new FormUrlEncodedContent([.. fields.Append(("client_id", ClientId)).Concat(proof).Select(field => KeyValuePair.Create(field.Item1, field.Item2))]);
        using var response = await _http.PostAsync(new Uri(Address, path), form, ct);
        return (await response.Content.ReadFromJsonAsync<JsonNode>(ct))!;
    }
}
