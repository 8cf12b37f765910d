using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s.Exceptions;
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
        var credentials = new ExecCredentials(new ExecProgram { ApiVersion = ApiVersion, Command = program }, clock);

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
        var resolve = (string? context) => () => KubeconfigContext.Resolve(KubeconfigReader.Read(file), new() { Context = context }, TimeProvider.System);

        resolve(null).Should().Throw<KubeConfigException>().WithMessage("it has no current context");
        resolve("there").Should().Throw<KubeConfigException>().WithMessage("it has no context there");
        resolve("here").Should().Throw<KubeConfigException>().WithMessage("it has no cluster c, which the context here names");
    }

    [Theory]
    [InlineData("token: t, colour: red", "", "its user u has the field colour,*")]
    [InlineData("token: t, tokenfile: x", "", "its user u has the field tokenfile,*")]
    [InlineData("token: t, as-group: [x], as: y", "", "its user u has the field as-group,*")]
    [InlineData("token: t", "proxy-uri: \"http://127.0.0.1\"", "its cluster c has the field proxy-uri,*")]
    [InlineData("exec: {apiVersion: API, command: ./sign-in, timeout: 3}", "", "its user u has the field timeout,*")]
    [InlineData("exec: {apiVersion: API, command: ./sign-in, env: [{name: A, value: b, valueFrom: c}]}", "", "its user u has the field valueFrom,*")]
    [InlineData("exec: {apiVersion: API, command: ./sign-in, interactiveMode: Sometimes}", "", "*interactiveMode of its user u is \"Sometimes\"; expected Never, IfAvailable or Always")]
    [InlineData("auth-provider: {name: gcp}", "", "its user u signs in with the auth-provider gcp, which is not supported.*")]
    [InlineData("token: t, username: me, password: p", "", "its user u has both a password and a token.*")]
    [InlineData("token: t, as-groups: [x]", "", "as-uid, as-groups and as-user-extra need the user*")]
    [InlineData("token: t, as-uid: x", "", "as-uid, as-groups and as-user-extra need the user*")]
    [InlineData("token: t, as: \"a\\nImpersonate-Group: system:masters\"", "", "*must be printable*")]
    [InlineData("token: t, as: a, as-groups: [\"\"]", "", "*must be printable*")]
    [InlineData("token: t", "proxy-url: \"ftp://me:hunter2@127.0.0.1\"", "the proxy-url of its cluster c cannot be used; expected*")]
    [InlineData("token: t", "proxy-url: \"hunter2\"", "the proxy-url of its cluster c cannot be used; expected*")]
    [InlineData("token: t", "disable-compression: maybe", "its cluster c has the field disable-compression, which is neither true nor false")]
    [InlineData("tokenFile: nowhere", "", "its tokenFile cannot be read: *nowhere'*")]
    public void What_a_kubeconfig_holds_and_is_not_honored_is_refused_by_name(string user, string cluster, string message)
    {
        var resolve = () => Resolve(user, "echo ran >\"$(dirname \"$0\")/runs\"", cluster);

        resolve.Should().Throw<KubeConfigException>().WithMessage(message).Which.Message.Should().NotContain("hunter2");
        File.Exists(Path.Combine(_folder, "runs")).Should().BeFalse("nothing runs before the kubeconfig was checked");
    }

    [Fact]
    public void What_another_context_holds_and_notes_of_other_tools_are_not_refused()
    {
        var settings = Resolve("token: t, extensions: [{name: x, extension: {a: b}}]", "true", "disable-compression: true, extensions: [{name: minikube.sigs.k8s.io, extension: {a: b}}]", """
            extensions: [{name: z, extension: {}}]
            preferences: {colors: true}
            """, ", {name: other, user: {surprise: 1}}");

        settings.AccessToken.Should().Be("t");
    }

    [Fact]
    public void A_kubeconfig_can_name_whom_to_act_as_and_the_caller_can_override_each_field()
    {
        const string User = "token: t, as: marcus, as-uid: \"17\", as-groups: [mail, \"a,b\"], as-user-extra: {example.com/team: [one, two]}";

        var own = Resolve(User, "true").Impersonation!;
        (own.User, own.Uid).Should().Be(("marcus", "17"));
        own.Groups.Should().Equal("mail", "a,b");
        own.Extra.Single().Key.Should().Be("example.com/team");
        own.Extra.Single().Value.Should().Equal("one", "two");
        var overridden = Resolve(User, "true", impersonation: new Impersonation { User = "jane" }).Impersonation!;
        (overridden.User, overridden.Uid, overridden.Groups.Count).Should().Be(("jane", "17", 2));
        Resolve("token: t", "true").Impersonation.Should().BeNull();
    }

    [Fact]
    public async Task A_token_file_is_relative_to_the_kubeconfig_and_read_again()
    {
        var file = Path.Combine(_folder, "token");
        await File.WriteAllTextAsync(file, "first\n");
        var settings = Resolve("tokenFile: token, token: other", "true");

        (await settings.TokenProvider.GetAuthenticationHeaderAsync(default)).ToString().Should().Be("Bearer first");
        await File.WriteAllTextAsync(file, "second");
        (await settings.TokenProvider.GetAuthenticationHeaderAsync(default)).ToString().Should().Be("Bearer second");
        await File.WriteAllTextAsync(file, "");
        (await settings.TokenProvider.GetAuthenticationHeaderAsync(default)).ToString().Should().Be("Bearer second", "the file is being replaced");
        File.Delete(file);
        (await settings.TokenProvider.GetAuthenticationHeaderAsync(default)).ToString().Should().Be("Bearer second");
    }

    [Fact]
    public void A_token_comes_before_a_credential_program()
    {
        var settings = Resolve("token: t, exec: {apiVersion: API, command: ./sign-in}", "exit 1");

        settings.AccessToken.Should().Be("t");
        settings.TokenProvider.Should().BeNull();
    }

    [Fact]
    public async Task A_credential_program_gets_the_cluster_if_the_kubeconfig_says_so()
    {
        Resolve("exec: {apiVersion: API, command: ./sign-in, provideClusterInfo: true, interactiveMode: Never}",
            """printf '%s' "$KUBERNETES_EXEC_INFO" >"$(dirname "$0")/info"; echo '{"apiVersion":"API","status":{"token":"t"}}'""",
            "tls-server-name: api, extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x, count: 2}}]");

        (await File.ReadAllTextAsync(Path.Combine(_folder, "info"))).Should().Contain(
            "\"spec\":{\"interactive\":false,\"cluster\":{\"server\":\"https://127.0.0.1:1\",\"tls-server-name\":\"api\",\"config\":{\"audience\":\"x\",\"count\":2}}}");
    }

    [Fact]
    public void A_command_line_can_name_another_cluster_user_server_and_timeout()
    {
        const string Users = ", {name: other, user: {token: o}}";

        Resolve("token: t", "true", moreUsers: Users, overrides: new() { User = "other" }).AccessToken.Should().Be("o");
        var elsewhere = Resolve("token: t", "true", "tls-server-name: api", overrides: new() { Server = "https://127.0.0.1:2/k8s" });
        elsewhere.Should().BeEquivalentTo(new { Host = "https://127.0.0.1:2/k8s", AccessToken = "t", TlsServerName = (string?)null }, "the name belongs to the other server");
        Resolve("token: t", "true").RequestTimeout.Should().Be(TimeSpan.FromSeconds(30));
        Resolve("token: t", "true", overrides: new() { RequestTimeout = TimeSpan.Zero }).RequestTimeout.Should().Be(TimeSpan.Zero);
        var another = KubeconfigContext.Resolve(Read(ThreeClusters), new() { Cluster = "second" }, TimeProvider.System);
        (another.Host, another.Namespace, another.AccessToken).Should().Be(("https://127.0.0.1:22", "mail", "t"));
        var withoutContext = KubeconfigContext.Resolve(Read(ThreeClusters.Replace("current-context: here", "", StringComparison.Ordinal)), new() { Cluster = "second", User = "u" }, TimeProvider.System);
        withoutContext.Host.Should().Be("https://127.0.0.1:22");
        FluentActions.Invoking(() => KubeconfigContext.Resolve(Read(ThreeClusters), new() { Cluster = "fourth" }, TimeProvider.System)).Should().Throw<KubeConfigException>().WithMessage("it has no cluster fourth");
        FluentActions.Invoking(() => KubeconfigContext.Resolve(Read(ThreeClusters), new() { Server = "x/y" }, TimeProvider.System)).Should().Throw<KubeConfigException>().WithMessage("the server of the command line is \"x/y\"; expected an address*");
    }

    /// <summary>The table of client-go (rest/url_utils.go, DefaultServerURL). Its settings for TLS are those of the cluster, not of the user.</summary>
    [Theory]
    [InlineData("127.0.0.1:8001", "", "http://127.0.0.1:8001")]
    [InlineData("localhost:8001", "", "http://localhost:8001")]
    [InlineData("localhost", "", "http://localhost")]
    [InlineData("api.example.com:6443/", "", "http://api.example.com:6443/")]
    [InlineData("[::1]:8001", "", "http://[::1]:8001")]
    [InlineData("127.0.0.1:6443", "insecure-skip-tls-verify: true", "https://127.0.0.1:6443")]
    [InlineData("localhost:6443", "certificate-authority-data: AUTHORITY", "https://localhost:6443")]
    [InlineData("localhost:6443", "certificate-authority: ca.crt", "https://localhost:6443")]
    [InlineData("http://127.0.0.1:8001", "certificate-authority: ca.crt", "http://127.0.0.1:8001")]
    [InlineData("https://127.0.0.1:8001/k8s", "", "https://127.0.0.1:8001/k8s")]
    [InlineData("127.0.0.1:8001/k8s", "", null)]
    [InlineData("127.0.0.1:8001?x", "", null)]
    [InlineData("ftp://127.0.0.1", "", null)]
    [InlineData("me:hunter2@127.0.0.1:8001", "", null)]
    [InlineData("http://me:hunter2@127.0.0.1:8001", "", null)]
    [InlineData("a b", "", null)]
    [InlineData(":8001", "", null)]
    public void A_server_without_a_scheme_has_TLS_if_its_cluster_has_settings_for_it(string server, string cluster, string? host)
    {
        using var key = RSA.Create(2048);
        using var authority = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
        File.WriteAllText(Path.Combine(_folder, "ca.crt"), authority.ExportCertificatePem());
        cluster = cluster.Replace("AUTHORITY", Convert.ToBase64String(Encoding.UTF8.GetBytes(authority.ExportCertificatePem())), StringComparison.Ordinal);
        var config = Read(ThreeClusters.Replace("\"https://127.0.0.1:1\"", $"\"{server}\", {cluster}", StringComparison.Ordinal));
        var byFile = () => KubeconfigContext.Resolve(config, KubeconfigOverrides.None, TimeProvider.System);
        var byOption = () => Resolve("token: t", "true", cluster, overrides: new() { Server = server });

        foreach (var resolve in new[] { byFile, byOption })
        {
            if (host is null)
            {
                resolve.Should().Throw<KubeConfigException>().WithMessage("*; expected an address*").Which.Message.Should().NotContain("hunter2");
                continue;
            }

            var settings = resolve();
            settings.Host.Should().Be(host);
            settings.AccessToken.Should().Be(host.StartsWith("https", StringComparison.Ordinal) ? "t" : null);
            using var connection = KubernetesClientFactory.Create(settings);
            connection.Address.Should().Be(new Uri(host.TrimEnd('/') + "/"));
        }
    }

    [Theory]
    [InlineData("{cluster: c, namespace: mail}")]
    [InlineData("{cluster: c, user: \"\", namespace: mail}")]
    public void A_context_without_a_user_is_anonymous(string context)
    {
        var settings = KubeconfigContext.Resolve(
            Read(ThreeClusters.Replace("{cluster: c, user: u, namespace: mail}", context, StringComparison.Ordinal)), KubeconfigOverrides.None, TimeProvider.System);

        settings.Should().BeEquivalentTo(new { Host = "https://127.0.0.1:1", Namespace = "mail", AccessToken = (string?)null, TokenProvider = (object?)null, Username = (string?)null });
    }

    [Theory]
    [InlineData("token: t", null, true)]
    [InlineData("exec: {apiVersion: API, command: ./sign-in}", null, true)]
    [InlineData("username: me, password: p", null, true)]
    [InlineData("token: t, as: jane", "jane", true)]
    [InlineData("token: t", null, false)]
    public void No_credentials_go_to_a_server_without_TLS(string user, string? actsAs, bool byOption)
    {
        const string Proxy = "http://127.0.0.1:8001";
        const string Script = "echo ran >\"$(dirname \"$0\")/runs\"";
        var settings = byOption ? Resolve(user, Script, overrides: new() { Server = Proxy })
            : KubeconfigContext.Resolve(Read(ThreeClusters), new() { Cluster = "proxy" }, TimeProvider.System);

        settings.Should().BeEquivalentTo(new { Host = Proxy, AccessToken = (string?)null, TokenProvider = (object?)null, Username = (string?)null });
        settings.Impersonation?.User.Should().Be(actsAs);
        File.Exists(Path.Combine(_folder, "runs")).Should().BeFalse();
    }

    private const string ThreeClusters =
        """
        current-context: here
        clusters:
        - {name: c, cluster: {server: "https://127.0.0.1:1"}}
        - {name: second, cluster: {server: "https://127.0.0.1:22"}}
        - {name: proxy, cluster: {server: "http://127.0.0.1:8001"}}
        contexts: [{name: here, context: {cluster: c, user: u, namespace: mail}}]
        users: [{name: u, user: {token: t}}]
        """;

    private Kubeconfigs Read(string content)
    {
        var file = Path.Combine(_folder, "clusters");
        File.WriteAllText(file, content);
        return KubeconfigReader.Read(file);
    }

    private ApiServerConfiguration Resolve(string user, string script, string cluster = "", string more = "", string moreUsers = "", Impersonation? impersonation = null, KubeconfigOverrides? overrides = null)
    {
        Write(script);
        var file = Path.Combine(_folder, "config");
        File.WriteAllText(file, """
            current-context: here
            clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"CLUSTER}}]
            contexts: [{name: here, context: {cluster: c, user: u}}]
            users: [{name: u, user: USER}MORE]

            """.Replace("CLUSTER", cluster.Length == 0 ? "" : $", {cluster}", StringComparison.Ordinal)
            .Replace("MORE", moreUsers, StringComparison.Ordinal)
            .Replace("USER", $"{{{user.Replace("API", ApiVersion, StringComparison.Ordinal)}}}", StringComparison.Ordinal) + more);
        return KubeconfigContext.Resolve(KubeconfigReader.Read(file), (overrides ?? new()) with { Impersonation = impersonation ?? new() }, TimeProvider.System);
    }

    private string Write(string script)
    {
        var program = Path.Combine(_folder, "sign-in");
        ExecutableFile.Write(program, $"#!/bin/sh\n{script.Replace("API", ApiVersion, StringComparison.Ordinal)}\n");
        return program;
    }
}
