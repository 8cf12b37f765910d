using k8s.Exceptions;
using KubectlOAuthToken;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class KubeconfigTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"kubeconfig-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("", "The kubeconfig FILE has no current context and no other either.")]
    [InlineData("# nothing", "The kubeconfig FILE has no current context and no other either.")]
    [InlineData("a: b: c", "FILE is not a kubeconfig: see line 1.")]
    [InlineData("hello", "FILE is not a kubeconfig: see line 1.")]
    public void A_file_that_is_no_kubeconfig_or_an_empty_one_is_named(string content, string message) => Fails(content, message);

    [Theory]
    [InlineData("current-context: here", "current-context: \"\"", "The kubeconfig FILE has no current context; it has here. Choose one by --context.")]
    [InlineData("current-context: here", "current-context: there", "The kubeconfig FILE has no context there; it has here. Choose one by --context.")]
    [InlineData("cluster: c", "cluster: d", "The context here names the cluster d, which the kubeconfig FILE does not have.")]
    [InlineData("user: u", "user: v", "The context here names the user v, which the kubeconfig FILE does not have.")]
    [InlineData("https://127.0.0.1:1", "127.0.0.1:1", "The context here of the kubeconfig FILE cannot be used: the server of its cluster c is *127.0.0.1:1*; expected an address*")]
    [InlineData("token: t", "username: u", "The context here of the kubeconfig FILE cannot be used: its user u has no token, client certificate, password or program to sign in by.")]
    [InlineData("127.0.0.1:1\"", "127.0.0.1:1\", certificate-authority-data: Z2FyYmFnZQ==", "The context here of the kubeconfig FILE cannot be used: its certificate authority cannot be read; expected PEM*")]
    [InlineData("127.0.0.1:1\"", "127.0.0.1:1\", certificate-authority-data: \"?\"", "The context here of the kubeconfig FILE cannot be used: its certificate authority cannot be read; expected PEM*")]
    [InlineData("127.0.0.1:1\"", "127.0.0.1:1\", certificate-authority: /does/not/exist", "The context here of the kubeconfig FILE cannot be used: the file of its certificate authority cannot be read*")]
    [InlineData("token: t", "client-certificate-data: Z2FyYmFnZQ==, client-key-data: Z2FyYmFnZQ==", "The context here of the kubeconfig FILE cannot be used: *PEM*")]
    [InlineData("token: t", "client-certificate: /does/not/exist, client-key: /does/not/exist", "The context here of the kubeconfig FILE cannot be used: *'/does/not/exist'.")]
    [InlineData("token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: /does/not/exist, interactiveMode: Never}",
        "The context here of the kubeconfig FILE signs in by the program /does/not/exist, which could not be started. Install it, or put it on PATH.")]
    [InlineData("token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/false, interactiveMode: Never}",
        "The context here of the kubeconfig FILE signs in by the program /bin/false, which gave no credentials.*")]
    public void What_cannot_be_used_is_said_in_a_sentence_that_names_context_and_file(string good, string bad, string message) =>
        Fails(Good.Replace(good, bad, StringComparison.Ordinal), message);

    [Fact]
    public void A_good_one_gives_a_connection_and_its_namespace()
    {
        File.WriteAllText(_file, Good);
        var (connection, ns) = Kubeconfig.Find(_file, null).Connect();
        using (connection)
            connection.Address.Should().Be(new Uri("https://127.0.0.1:1"));
        ns.Should().Be("mail");
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

    private void Fails(string content, string message)
    {
        File.WriteAllText(_file, content);
        var connect = () => Kubeconfig.Find(_file, null).Connect();
        connect.Should().Throw<KubeConfigException>().WithMessage(message.Replace("FILE", _file, StringComparison.Ordinal));
    }
}
