using k8s.Exceptions;
using KubectlOAuthToken.Kubernetes;
using KubeRuntime.Client;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class KubeconfigTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"kubeconfig-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("", "The kubeconfig FILE has no current context, and no other context.")]
    [InlineData("# nothing", "The kubeconfig FILE has no current context, and no other context.")]
    [InlineData("a: b: c", "FILE is not a kubeconfig: see line 1.")]
    [InlineData("hello", "FILE is not a kubeconfig: see line 1.")]
    public void A_file_without_a_context_or_without_a_kubeconfig_is_named(string content, string message) => Fails(content, message);

    [Theory]
    [InlineData("current-context: here", "current-context: \"\"", "The kubeconfig FILE has no current context. It has: here. Choose one with --context.")]
    [InlineData("current-context: here", "current-context: there", "The kubeconfig FILE has no context there. It has: here. Choose one with --context.")]
    [InlineData("cluster: c", "cluster: d", "The context here of the kubeconfig FILE cannot be used: it has no cluster d, which the context here names.")]
    [InlineData("user: u", "user: v", "The context here of the kubeconfig FILE cannot be used: it has no user v, which the context here names*")]
    [InlineData("https://127.0.0.1:1", "127.0.0.1:1/k8s", "The context here of the kubeconfig FILE cannot be used: the server of its cluster c is \"127.0.0.1:1/k8s\"; expected an address*")]
    [InlineData("token: t", "username: u", "The context here of the kubeconfig FILE cannot be used: its user u has no token, client certificate, password or program to sign in by.")]
    [InlineData("127.0.0.1:1\"", "127.0.0.1:1\", certificate-authority-data: Z2FyYmFnZQ==", "The context here of the kubeconfig FILE cannot be used: its certificate authority cannot be read; expected PEM*")]
    [InlineData("127.0.0.1:1\"", "127.0.0.1:1\", certificate-authority-data: \"?\"", "The context here of the kubeconfig FILE cannot be used: its certificate authority cannot be read; expected PEM*")]
    [InlineData("127.0.0.1:1\"", "127.0.0.1:1\", certificate-authority: /does/not/exist", "The context here of the kubeconfig FILE cannot be used: the file of its certificate authority cannot be read*")]
    [InlineData("token: t", "client-certificate-data: Z2FyYmFnZQ==, client-key-data: Z2FyYmFnZQ==", "The context here of the kubeconfig FILE cannot be used: *PEM*")]
    [InlineData("token: t", "client-certificate: /does/not/exist, client-key: /does/not/exist", "The context here of the kubeconfig FILE cannot be used: *'/does/not/exist'.")]
    [InlineData("token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: /does/not/exist, interactiveMode: Never}",
        "The context here of the kubeconfig FILE signs in with the program /does/not/exist, which could not be started. Install it, or add its folder to PATH.")]
    [InlineData("token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: /does/not/exist, interactiveMode: Never, installHint: Get it there.}",
        "*could not be started. Install it, or add its folder to PATH. Get it there.")]
    [InlineData("token: t", "token: t, surprise: 1", "The context here of the kubeconfig FILE cannot be used: its user u has the field surprise, which is not supported. Remove it, or use another context.")]
    [InlineData("token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/false, interactiveMode: Never}",
        "The context here of the kubeconfig FILE signs in with the program /bin/false, which returned no credentials.*")]
    public void An_unusable_context_is_explained_with_its_name_and_file(string good, string bad, string message) =>
        Fails(Good.Replace(good, bad, StringComparison.Ordinal), message);

    [Fact]
    public void A_problem_elsewhere_is_not_blamed_on_the_program_that_signs_in() => Fails(
        Good.Replace("127.0.0.1:1\"", "127.0.0.1:1\", certificate-authority: /does/not/exist", StringComparison.Ordinal)
            .Replace("token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/true, interactiveMode: Never}", StringComparison.Ordinal),
        "The context here of the kubeconfig FILE cannot be used: the file of its certificate authority cannot be read*");

    [Fact]
    public void A_valid_context_gives_a_connection_and_its_namespace()
    {
        File.WriteAllText(_file, Good);
        var (connection, ns) = Kubeconfig.Connect(_file, KubeconfigOverrides.None, TimeProvider.System);
        using (connection)
            connection.Address.Should().Be(new Uri("https://127.0.0.1:1"));
        ns.Should().Be("mail");
    }

    [Fact]
    public void A_cluster_or_a_user_that_the_command_line_names_must_be_there()
    {
        Fails(Good, "The kubeconfig FILE has no cluster d. It has: c. Choose one with --cluster.", new() { Cluster = "d" });
        Fails(Good, "The kubeconfig FILE has no user v. It has: u. Choose one with --user.", new() { User = "v" });
        Fails("", "The kubeconfig FILE has no cluster d, and no other cluster.", new() { Cluster = "d" });
        Fails(Good, "The context here of the kubeconfig FILE cannot be used: the server of the command line is \"127.0.0.1:8001/k8s\"; expected an address*", new() { Server = "127.0.0.1:8001/k8s" });
        Fails("contexts: [{name: here, context: {user: u}}]\ncurrent-context: here\nusers: [{name: u}]", "The context here of the kubeconfig FILE cannot be used: it has no user u, which the context here names, or nothing about that user.", new() { Server = "https://127.0.0.1:1" });
    }

    private const string Good =
        """
        apiVersion: v1
        kind: Config
        current-context: here
        clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
        users: [{name: u, user: {token: t}}]
        contexts: [{name: here, context: {cluster: c, user: u, namespace: mail}}]
        """;

    private void Fails(string content, string message, KubeconfigOverrides? overrides = null)
    {
        File.WriteAllText(_file, content);
        var connect = () => Kubeconfig.Connect(_file, overrides ?? KubeconfigOverrides.None, TimeProvider.System);
        connect.Should().Throw<KubeConfigException>().WithMessage(message.Replace("FILE", _file, StringComparison.Ordinal));
    }
}
