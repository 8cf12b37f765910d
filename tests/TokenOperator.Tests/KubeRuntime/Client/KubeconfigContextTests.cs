using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using KubeRuntime.Client;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.KubeRuntime.Client;

public sealed class KubeconfigContextTests : IDisposable
{
    private const string ApiVersion = "client.authentication.k8s.io/v1";
    private readonly string _folder = Directory.CreateTempSubdirectory("kubeconfig-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_credential_program_gets_its_arguments_and_variables_unchanged()
    {
        var settings = Resolve("exec: {apiVersion: API, command: ./sign-in, args: [\"two words\", \"$HOME\"], env: [{name: WHO, value: marcus}]}",
            """printf '{"apiVersion":"%s","status":{"token":"%s|%s|%s|%s"}}' API "$#" "$1" "$2" "$WHO" """);

        (await settings.TokenProvider.GetAuthenticationHeaderAsync(default)).ToString().Should().Be("Bearer 2|two words|$HOME|marcus");
    }

    [Fact]
    public async Task A_credential_program_gets_the_exec_info()
    {
        var settings = Resolve("exec: {apiVersion: API, command: ./sign-in}",
            """printf '%s' "$KUBERNETES_EXEC_INFO" >"$(dirname "$0")/info"; echo '{"apiVersion":"API","status":{"token":"t"}}'""");

        settings.TokenProvider.Should().NotBeNull();
        (await File.ReadAllTextAsync(Path.Combine(_folder, "info"))).Should().StartWith($"{{\"apiVersion\":\"{ApiVersion}\",\"kind\":\"ExecCredential\",\"spec\":{{\"interactive\":");
    }

    [Fact]
    public void A_credential_program_can_return_a_client_certificate()
    {
        var settings = Resolve("exec: {apiVersion: API, command: ./sign-in}",
            """echo '{"apiVersion":"API","status":{"clientCertificateData":"certificate","clientKeyData":"key"}}'""");

        settings.TokenProvider.Should().BeNull();
        (settings.ClientCertificateData, settings.ClientCertificateKeyData).Should().Be(("Y2VydGlmaWNhdGU=", "a2V5"));
    }

    [Fact]
    public async Task A_credential_program_runs_again_shortly_before_its_token_expires()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var program = Write("""echo x >>"$(dirname "$0")/runs"; n=$(wc -l <"$(dirname "$0")/runs"); echo '{"apiVersion":"API","status":{"token":"t'$n'","expirationTimestamp":"2030-01-01T01:00:00Z"}}'""");
        var credentials = new ExecCredentials(new ExternalExecution { ApiVersion = ApiVersion, Command = program }, clock);

        credentials.Run().Token.Should().Be("t1");
        clock.Advance(TimeSpan.FromMinutes(59));
        (await credentials.GetAuthenticationHeaderAsync(default)).Parameter.Should().Be("t1");
        clock.Advance(TimeSpan.FromSeconds(31));
        (await credentials.GetAuthenticationHeaderAsync(default)).Parameter.Should().Be("t2");
    }

    [Theory]
    [InlineData("exit 3", "*/sign-in ended with exit code 3")]
    [InlineData("echo hunter2", "*/sign-in gave no ExecCredential*")]
    [InlineData("""echo '{"apiVersion":"other","status":{"token":"hunter2"}}'""", "*/sign-in gave no ExecCredential*")]
    [InlineData("""echo '{"apiVersion":"API","status":{"token":""}}'""", "*/sign-in gave no ExecCredential*")]
    [InlineData("""echo '{"apiVersion":"API","status":7}'""", "*/sign-in gave no ExecCredential*")]
    public void A_program_without_usable_credentials_is_named_without_its_output(string script, string message)
    {
        var resolve = () => Resolve("exec: {apiVersion: API, command: ./sign-in}", script);

        resolve.Should().Throw<KubeConfigException>().WithMessage(message).Which.Message.Should().NotContain("hunter2");
    }

    [Fact]
    public async Task A_missing_entry_is_named()
    {
        var file = Path.Combine(_folder, "config");
        await File.WriteAllTextAsync(file, "contexts: [{name: here, context: {cluster: c, user: u}}]");
        var resolve = (string? context) => () => KubeconfigContext.Resolve(KubeconfigReader.Read(file), context, TimeProvider.System);

        resolve(null).Should().Throw<KubeConfigException>().WithMessage("it has no current context");
        resolve("there").Should().Throw<KubeConfigException>().WithMessage("it has no context there");
        resolve("here").Should().Throw<KubeConfigException>().WithMessage("it has no cluster c, which the context here names");
    }

    private KubernetesClientConfiguration Resolve(string user, string script)
    {
        Write(script);
        var file = Path.Combine(_folder, "config");
        File.WriteAllText(file, """
            current-context: here
            clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
            contexts: [{name: here, context: {cluster: c, user: u}}]
            users: [{name: u, user: USER}]
            """.Replace("USER", $"{{{user.Replace("API", ApiVersion, StringComparison.Ordinal)}}}", StringComparison.Ordinal));
        return KubeconfigContext.Resolve(KubeconfigReader.Read(file), context: null, TimeProvider.System);
    }

    private string Write(string script)
    {
        var program = Path.Combine(_folder, "sign-in");
        ExecutableFile.Write(program, $"#!/bin/sh\n{script.Replace("API", ApiVersion, StringComparison.Ordinal)}\n");
        return program;
    }
}
