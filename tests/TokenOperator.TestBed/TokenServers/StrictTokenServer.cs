using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>
/// The npm package oidc-provider on loopback: a refresh replaces the refresh token, and the use of an old one ends the grant. It
/// publishes a discovery document.
/// </summary>
public sealed class StrictTokenServer : IAsyncDisposable
{
    /// <summary>The only client.</summary>
    public const string ClientId = "strict-client";

    /// <summary>Its secret, unless it has keys.</summary>
    public const string ClientSecret = "strict-client-secret-5f1d20";

    /// <summary>The only resource that a token can be for (RFC 8707).</summary>
    public const string Resource = "https://api.example";

    private readonly ChildProcess _process;
    private readonly HttpClient _http = new();

    private StrictTokenServer(ChildProcess process, Uri address) => (_process, Address) = (process, address);

    /// <summary>The address that it listens on, which is its issuer.</summary>
    public Uri Address { get; }

    /// <summary>Starts a server on a free port.</summary>
    /// <param name="logFile">The file for its output.</param>
    /// <param name="clientKey">The keys with which the client authenticates; null: it has a secret, for Basic.</param>
    /// <param name="ct">Gives up.</param>
    public static async Task<StrictTokenServer> StartAsync(string logFile, ClientKeyPair? clientKey = null, CancellationToken ct = default)
    {
        var script = await FetchedProgram.FindAsync("TOKEN_OPERATOR_OIDC_PROVIDER", "hack/oidc-provider.sh", ct);
        string[] client = clientKey is null ? [ClientId, ClientSecret, "client_secret_basic"] : [ClientId, clientKey.PublicKeys, "private_key_jwt"];
        var process = ChildProcess.Start(new ChildProcessOptions("/usr/bin/env", ["node", script, .. client, Resource]) { LogFile = logFile });
        var address = await Eventually.SeesAsync(
            async () => File.Exists(logFile) ? (await File.ReadAllLinesAsync(logFile, ct)).FirstOrDefault(line => line.StartsWith("http://", StringComparison.Ordinal)) : null,
            line => line is not null);
        return new StrictTokenServer(process, new Uri(address!));
    }

    /// <summary>A refresh token of a new grant, as after a consent.</summary>
    public async Task<string> IssueRefreshTokenAsync(string account, CancellationToken ct = default)
    {
        using var response = await _http.PostAsync(new Uri(Address, $"/test/grants?account={account}"), null, ct);
        return (await response.Content.ReadFromJsonAsync<JsonNode>(ct))!["refresh_token"]!.GetValue<string>();
    }

    /// <summary>The audience and the scope of a token of the grant client_credentials; both are null if there is no such token.</summary>
    public async Task<(string? Audience, string? Scope)> FindTokenAsync(string token, CancellationToken ct = default)
    {
        var found = await _http.GetFromJsonAsync<JsonNode>(new Uri(Address, $"/test/tokens?token={Uri.EscapeDataString(token)}"), ct);
        return ((string?)found!["audience"], (string?)found["scope"]);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}
