using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary><c>token-operator provider check</c> against a server that ends a grant when a replaced refresh token is used.</summary>
public sealed class ProviderCheckTests : IAsyncLifetime, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("token-operator-check-").FullName;
    private StrictTokenServer? _started;

    private StrictTokenServer Server => _started ?? throw new InvalidOperationException("Not started.");

    private string TokenFile => Path.Combine(_folder, "token.json");

    public async Task InitializeAsync() => _started = await StrictTokenServer.StartAsync(Path.Combine(_folder, "server.log"));

    public async Task DisposeAsync() => await Server.DisposeAsync();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_step_that_can_end_the_grant_is_taken_only_after_a_typed_yes_and_the_newest_token_is_kept()
    {
        var first = await WriteFilesAsync();

        var refused = await CheckAsync("no");

        refused.ExitCode.Should().Be(0, refused.Errors);
        refused.Errors.Should().Contain("Many providers end the grant when a replaced refresh token is used");
        refused.Output.Should().Contain("The refresh token changed with each refresh.").And.Contain("An access token lives for 10m (600 s).").And.Contain("mode: always").And.NotContain("onReplay");
        var kept = TokenInFile();
        kept.Should().NotBe(first, "the refresh token was replaced");

        // The kept token works, and without an answer nothing that can end the grant is sent.
        (await CheckAsync("")).Output.Should().Contain("The refresh token changed with each refresh.").And.NotContain("onReplay");
        var allowed = await CheckAsync("yes");

        allowed.Output.Should().Contain("ended the grant").And.Contain("onReplay: revokesGrant").And.Contain("The client authentication none was refused");
        (await CheckAsync("")).Output.Should().Contain("The refresh failed: HTTP 400: invalid_grant");
        foreach (var secret in new[] { StrictTokenServer.ClientSecret, first, kept, TokenInFile() })
            (refused.Output + refused.Errors + allowed.Output + allowed.Errors).Should().NotContain(secret);
    }

    [Fact]
    public async Task Without_a_client_nothing_but_documents_is_read()
    {
        var result = await OperatorProgram.RunAsync(Environment(), "provider", "check", "strict");

        result.ExitCode.Should().Be(0, result.Errors);
        result.Output.Should().Contain($"token endpoint: {Server.Address}token").And.NotContain("POST");
    }

    [Fact]
    public async Task A_client_that_signs_is_checked_with_assertions_that_the_server_verifies_and_a_wrong_key_is_told_from_a_wrong_token()
    {
        using var key = ClientKeyPair.CreateEllipticCurve();
        using var other = ClientKeyPair.CreateEllipticCurve();
        await using var server = await StrictTokenServer.StartAsync(Path.Combine(_folder, "signing.log"), key);
        var documents = Directory.CreateDirectory(Path.Combine(_folder, "documents")).FullName;
        await File.WriteAllTextAsync(Path.Combine(documents, "signer.yaml"), $"tokenEndpoint: {server.Address}token\nclientAuthentication: {{method: privateKeyJWT, algorithm: ES256}}\n");
        var first = await WriteFilesAsync(server);

        var refused = await SignAsync(other);
        refused.Output.Should().Contain("The client authentication privateKeyJWT was refused: HTTP 401: invalid_client").And.Contain("The refresh failed").And.NotContain("mode:");
        TokenInFile().Should().Be(first);

        var accepted = await SignAsync(key);
        accepted.Output.Should().Contain("The refresh token changed with each refresh.").And.Contain("An access token lives for 10m (600 s).").And.Contain("mode: always")
            .And.NotContain("was refused").And.Contain("client_assertion=(not shown)");
        TokenInFile().Should().NotBe(first, "this server takes each assertion once, and the check signs a new one for each request");
        foreach (var text in new[] { refused, accepted }.Select(result => result.Output + result.Errors))
            text.Should().NotMatchRegex("eyJ[A-Za-z0-9_-]{10}").And.NotContain("PRIVATE KEY").And.NotContain(first).And.NotContain(TokenInFile());

        async Task<CommandResult> SignAsync(ClientKeyPair pair)
        {
            var file = Path.Combine(_folder, "key.pem");
            await File.WriteAllTextAsync(file, pair.PrivateKey);
            var result = await CheckAsync("", "signer", new() { ["ProviderFolder"] = documents }, "--key-file", file);
            result.ExitCode.Should().Be(0, result.Errors);
            return result;
        }
    }

    private async Task<string> WriteFilesAsync(StrictTokenServer? server = null)
    {
        var token = await (server ?? Server).IssueRefreshTokenAsync("marcus");
        await File.WriteAllTextAsync(TokenFile, new JsonObject { ["refresh_token"] = token }.ToJsonString());
        var client = new JsonObject { ["client_id"] = StrictTokenServer.ClientId, ["client_secret"] = StrictTokenServer.ClientSecret };
        await File.WriteAllTextAsync(Path.Combine(_folder, "client.json"), client.ToJsonString());
        return token;
    }

    private string TokenInFile() => JsonNode.Parse(File.ReadAllText(TokenFile))!["refresh_token"]!.GetValue<string>();

    /// <summary>Answers the question about the step that can end the grant.</summary>
    private Task<CommandResult> CheckAsync(string answer) => CheckAsync(answer, "strict", Environment());

    private Task<CommandResult> CheckAsync(string answer, string provider, Dictionary<string, string?> environment, params string[] more) => Command.RunAsync(
        "/bin/sh",
        ["-c", "printf '%s\\n' \"$1\" | { shift; exec \"$@\"; }", "sh", answer, OperatorProgram.Starter, OperatorProgram.Path,
            "provider", "check", provider, "--client-file", Path.Combine(_folder, "client.json"), "--token-file", TokenFile, "--yes", .. more],
        environment: environment);

    private Dictionary<string, string?> Environment() => new() { ["Providers__strict__TokenEndpoint"] = new Uri(Server.Address, "token").AbsoluteUri };
}
