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

    /// <summary>Its secret.</summary>
    public const string ClientSecret = "strict-client-secret-5f1d20";

    private readonly ChildProcess _process;
    private readonly HttpClient _http = new();

    private StrictTokenServer(ChildProcess process, Uri address) => (_process, Address) = (process, address);

    /// <summary>The address that it listens on, which is its issuer.</summary>
    public Uri Address { get; }

    /// <summary>Starts a server on a free port.</summary>
    /// <param name="logFile">The file for its output.</param>
    /// <param name="ct">Gives up.</param>
    public static async Task<StrictTokenServer> StartAsync(string logFile, CancellationToken ct = default)
    {
        var script = await FetchedProgram.FindAsync("TOKEN_OPERATOR_OIDC_PROVIDER", "hack/oidc-provider.sh", ct);
        var process = ChildProcess.Start(new ChildProcessOptions("/usr/bin/env", ["node", script, ClientId, ClientSecret, "client_secret_basic"]) { LogFile = logFile });
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

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}
