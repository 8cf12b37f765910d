using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>An <see cref="OperatorFixture"/> whose provider is a third-party authorization server, and a person who uses it.</summary>
public sealed partial class ConsentFixture : IAsyncDisposable
{
    private readonly ClusterFixture _cluster;

    private ConsentFixture(ClusterFixture cluster, OperatorFixture operators, OpenIddictServer server) => (_cluster, Operators, Server) = (cluster, operators, server);

    /// <summary>The operator, its namespace and its database.</summary>
    public OperatorFixture Operators { get; }

    /// <summary>The provider.</summary>
    public OpenIddictServer Server { get; }

    /// <summary>Creates everything except the operator.</summary>
    public static async Task<ConsentFixture> CreateAsync(ClusterFixture cluster, OpenIddictServerOptions? options = null)
    {
        var fixture = new ConsentFixture(cluster, await OperatorFixture.CreateAsync(cluster), await OpenIddictServer.StartAsync(options));
        var client = new JsonObject { ["installed"] = new JsonObject { ["client_id"] = OpenIddictServer.ClientId, ["client_secret"] = OpenIddictServer.ClientSecret } };
        await fixture.Operators.WriteSecretAsync("client", "credentials.json", client.ToJsonString());
        return fixture;
    }

    /// <summary>Starts an operator, or one more.</summary>
    public Task<OperatorProcess> StartOperatorAsync(params (string Name, string Value)[] settings) => Operators.StartOperatorAsync(
    [
        ("Providers__google__TokenEndpoint", Server.TokenEndpoint.ToString()),
        ("Providers__google__AuthorizationEndpoint", Server.AuthorizationEndpoint.ToString()),
        ("Providers__google__DeviceAuthorizationEndpoint", Server.DeviceAuthorizationEndpoint.ToString()),
        ("Providers__google__RevocationEndpoint", Server.RevocationEndpoint.ToString()),
        ("Providers__google__ConsentScopes", "openid email offline_access"),
        .. settings,
    ]);

    /// <summary>An account that works, from a token file.</summary>
    public async Task AddAccountAsync(string name, string? identity = null)
    {
        await Operators.WriteSeedAsync(name, await Server.IssueRefreshTokenAsync(name));
        await Operators.ApplyAsync(name, spec =>
        {
            spec["scopes"] = new JsonArray("mail");
            if (identity is not null)
                spec["identity"] = identity;
        });
        await Operators.ReadyAsync(name);
    }

    /// <summary>An account that worked until its owner ended the grant at the provider, noticed by the operator.</summary>
    public async Task<TokenView> AddDeadAccountAsync(string name, string? identity = null)
    {
        await AddAccountAsync(name, identity);
        return await EndGrantAsync(name);
    }

    /// <summary>The owner ends the grant, and the operator notices.</summary>
    public async Task<TokenView> EndGrantAsync(string name)
    {
        await Server.RevokeGrantsAsync(name);
        await Operators.HandledAsync(name, Guid.NewGuid().ToString());
        return await Operators.SeesAsync(name, "Stalled", "True", "ReauthorizationRequired");
    }

    /// <summary>Starts <c>kubectl oauthtoken authorize</c> as the person of <paramref name="kubeconfig"/>; words go after the name.</summary>
    public AuthorizeRun Authorize(string kubeconfig, string name, string browser = "/bin/true", params string[] words)
    {
        var environment = new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = kubeconfig,
            ["BROWSER"] = browser,
            ["Providers__google__TokenEndpoint"] = Server.TokenEndpoint.ToString(),
            // This server records requests, so a test sees that none arrives.
            ["Providers__google__RevocationEndpoint"] = Operators.Tokens.RevocationEndpoint.ToString(),
            ["Providers__google__DeviceAuthorizationEndpoint"] = Server.DeviceAuthorizationEndpoint.ToString(),
            ["Providers__google__AuthorizationEndpoint"] = Server.AuthorizationEndpoint.ToString(),
            ["Providers__google__ConsentScopes"] = "openid email offline_access",
        };
        return AuthorizeRun.Start(_cluster.Plane.Folder, ["authorize", name, "-n", Operators.Namespace, .. words], environment);
    }

    /// <summary>Enters the code of a device on the provider's page, as <paramref name="login"/>.</summary>
    public static async Task EnterCodeAsync(Uri page, string code, string login, bool allow = true)
    {
        using var browser = new PlainBrowser();
        await browser.SubmitAsync(await browser.OpenAsync(page), default, ("user_code", code), ("login", login), (allow ? "allow" : "deny", "1"));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Operators.DisposeAsync();
        await Server.DisposeAsync();
    }

    /// <summary>A verb that waits for a person.</summary>
    public sealed partial class AuthorizeRun(ChildProcess process, string input) : IAsyncDisposable
    {
        /// <summary>Starts the verb.</summary>
        /// <param name="folder">The folder for its output.</param>
        /// <param name="words">The verb, and its arguments.</param>
        /// <param name="environment">Variables added to those of this process.</param>
        public static AuthorizeRun Start(string folder, IEnumerable<string> words, IReadOnlyDictionary<string, string?> environment)
        {
            var log = Path.Combine(folder, $"authorize-{Guid.NewGuid():N}.log");
            var input = Path.ChangeExtension(log, ".in");
            // A pipe that stays open, so that something can be pasted later.
            var process = ChildProcess.Start(new ChildProcessOptions(
                "/bin/sh", ["-c", "mkfifo \"$1\"; exec 3<>\"$1\"; shift; exec \"$@\" <&3", "sh", input, PluginProgram.Starter, PluginProgram.Path, .. words])
            {
                LogFile = log,
                Environment = environment,
            });
            return new AuthorizeRun(process, input);
        }

        /// <summary>All that it printed.</summary>
        public string Output => File.Exists(process.LogFile) ? File.ReadAllText(process.LogFile) : "";

        /// <summary>The address that it asks the user to open.</summary>
        public async Task<Uri> AddressAsync()
        {
            await Eventually.IsTrueAsync(() => process.HasExited || AddressLine().IsMatch(Output), TimeSpan.FromSeconds(60));
            return AddressLine().Match(Output) is { Success: true } line ? new Uri(line.Groups[1].Value) : throw new InvalidOperationException($"It ended: {Output}");
        }

        /// <summary>The code that it asks the user to enter.</summary>
        public async Task<string> CodeAsync()
        {
            await Eventually.IsTrueAsync(() => process.HasExited || CodeLine().IsMatch(Output), TimeSpan.FromSeconds(60));
            return CodeLine().Match(Output) is { Success: true } line ? line.Groups[1].Value : throw new InvalidOperationException($"It ended: {Output}");
        }

        /// <summary>Types a line.</summary>
        public Task PasteAsync(string line) => File.AppendAllTextAsync(input, line + "\n");

        /// <summary>Waits until it ends.</summary>
        public async Task<int> EndAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            return await process.WaitForExitAsync(limit.Token);
        }

        /// <inheritdoc/>
        public ValueTask DisposeAsync() => process.DisposeAsync();

        [GeneratedRegex(@"Enter this code:\s+(\S+)\s*$", RegexOptions.Multiline)]
        private static partial Regex CodeLine();

        [GeneratedRegex(@"^  (http\S+)\s*$", RegexOptions.Multiline)]
        private static partial Regex AddressLine();
    }
}
