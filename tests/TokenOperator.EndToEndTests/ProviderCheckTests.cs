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

    private async Task<string> WriteFilesAsync()
    {
        var token = await Server.IssueRefreshTokenAsync("marcus");
        await File.WriteAllTextAsync(TokenFile, new JsonObject { ["refresh_token"] = token }.ToJsonString());
        var client = new JsonObject { ["client_id"] = StrictTokenServer.ClientId, ["client_secret"] = StrictTokenServer.ClientSecret };
        await File.WriteAllTextAsync(Path.Combine(_folder, "client.json"), client.ToJsonString());
        return token;
    }

    private string TokenInFile() => JsonNode.Parse(File.ReadAllText(TokenFile))!["refresh_token"]!.GetValue<string>();

    /// <summary>Answers the question about the step that can end the grant.</summary>
    private Task<CommandResult> CheckAsync(string answer) => Command.RunAsync(
        "/bin/sh",
        ["-c", "printf '%s\\n' \"$1\" | { shift; exec \"$@\"; }", "sh", answer, OperatorProgram.Starter, OperatorProgram.Path,
            "provider", "check", "strict", "--client-file", Path.Combine(_folder, "client.json"), "--token-file", TokenFile, "--yes"],
        environment: Environment());

    private Dictionary<string, string?> Environment() => new() { ["Providers__strict__TokenEndpoint"] = new Uri(Server.Address, "token").AbsoluteUri };
}
