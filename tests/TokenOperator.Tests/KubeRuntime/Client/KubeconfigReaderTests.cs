using k8s.Exceptions;
using KubeRuntime.Client;

namespace TokenOperator.Tests.KubeRuntime.Client;

public sealed class KubeconfigReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kubeconfig-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_first_of_several_files_that_defines_an_entry_counts()
    {
        var first = Write("first", """
            apiVersion: v1
            kind: Config
            current-context: one
            contexts: [{name: one, context: {cluster: c, user: u, namespace: mail}}]
            users: [{name: u, user: {token: first}}]
            """);
        var second = Write("second", """
            apiVersion: v1
            kind: Config
            current-context: two
            clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", tls-server-name: api, insecure-skip-tls-verify: true}}]
            users: [{name: u, user: {token: second}}]
            preferences: {}
            """);

        var config = KubeconfigContext.Resolve(KubeconfigReader.Read([first, second]), KubeconfigOverrides.None, TimeProvider.System);

        (config.Namespace, config.Host, config.TlsServerName, config.SkipTlsVerify, config.AccessToken)
            .Should().Be(("mail", "https://127.0.0.1:6443", "api", true, "first"));
    }

    [Fact]
    public void Paths_are_relative_to_their_file()
    {
        var file = Write("config", """
            current-context: here
            contexts: [{name: here, context: {cluster: c, user: u}}]
            clusters: [{name: c, cluster: {server: "https://127.0.0.1"}}]
            users: [{name: u, user: {client-certificate: certs/me.crt, client-key: /etc/me.key}}]
            """);

        var config = KubeconfigContext.Resolve(KubeconfigReader.Read(file), KubeconfigOverrides.None, TimeProvider.System);

        (config.ClientCertificateFilePath, config.ClientKeyFilePath).Should().Be((Path.Combine(_folder, "certs/me.crt"), "/etc/me.key"));
    }

    [Theory]
    [InlineData("users: [{name: u, user: {token: hunter2", "line 2")]
    [InlineData("apiVersion: v1\nusers: hunter2", "line 2")]
    [InlineData("apiVersion: v1\nusers: [hunter2]", "line 2")]
    [InlineData("apiVersion: v1\nusers: [{name: u, user: hunter2}]", "line 2")]
    [InlineData("[hunter2]", "line 1")]
    public void A_file_that_is_not_a_kubeconfig_is_rejected_without_showing_its_content(string content, string because)
    {
        var file = Write("config", content);
        var read = () => KubeconfigReader.Read(file);

        read.Should().Throw<KubeConfigException>().Where(e => e.Message.Contains(file) && e.Message.Contains(because) && !e.ToString().Contains("hunter2"));
    }

    private string Write(string name, string content)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        return path;
    }
}
