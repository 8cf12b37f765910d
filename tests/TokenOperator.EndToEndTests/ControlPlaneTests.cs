using System.Net.Sockets;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

[Collection(FaultGroup.Name)]
public sealed class ControlPlaneTests(ClusterFixture cluster)
{
    private ControlPlane Plane => cluster.Plane;

    [Fact]
    public async Task A_created_namespace_exists_and_can_be_created_again()
    {
        var ns = await cluster.NewNamespaceAsync();
        await Plane.CreateNamespaceAsync(ns);

        (await Plane.Kubectl.RunAsync($"get namespace {ns} -o name")).Trim().Should().Be($"namespace/{ns}");
    }

    [Fact]
    public async Task A_ServiceAccount_has_no_permissions_until_RBAC_grants_them()
    {
        var ns = await cluster.NewNamespaceAsync();
        var account = Plane.Kubectl.As(await Plane.ServiceAccountKubeconfigAsync(ns, "reader"));

        var refused = await account.TryRunAsync(["get", "secrets", "-n", ns]);
        refused.ExitCode.Should().NotBe(0);
        refused.Errors.Should().Contain("Forbidden").And.Contain($"system:serviceaccount:{ns}:reader");

        await Plane.Kubectl.RunAsync($"create role reader -n {ns} --verb=list --resource=secrets");
        await Plane.Kubectl.RunAsync($"create rolebinding reader -n {ns} --role=reader --serviceaccount={ns}:reader");
        await Eventually.SeesAsync(() => account.TryRunAsync(["get", "secrets", "-n", ns]), result => result.ExitCode == 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_API_server_that_restarts_keeps_its_port_and_its_data(bool crash)
    {
        var ns = await cluster.NewNamespaceAsync();
        await Plane.Kubectl.ApplyTextAsync(
            $$"""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: kept, namespace: {{ns}}}
            """);
        var account = Plane.Kubectl.As(await Plane.ServiceAccountKubeconfigAsync(ns, "survivor"));

        await Plane.StopApiServerAsync(crash);
        (await ConnectsAsync(Plane.Server)).Should().BeFalse();
        await Plane.StartApiServerAsync();

        (await Plane.Kubectl.RunAsync($"get configmap kept -n {ns} -o name")).Trim().Should().Be("configmap/kept");
        (await account.TryRunAsync(["get", "secrets", "-n", ns])).Errors.Should().Contain("Forbidden", "a token from before the restart is still known");
    }

    [Fact]
    public async Task The_audit_log_contains_each_request_of_a_user()
    {
        var ns = await cluster.NewNamespaceAsync();
        var account = Plane.Kubectl.As(await Plane.ServiceAccountKubeconfigAsync(ns, "counted"));

        await account.TryRunAsync(["get", "--raw", $"/api/v1/namespaces/{ns}/secrets/some"]);

        var user = $"system:serviceaccount:{ns}:counted";
        // kubectl may also request /version.
        var requests = await Eventually.SeesAsync(
            async () => (await Plane.AuditLog.RequestsAsync(user)).Where(request => request.Resource.Length > 0).ToList(), seen => seen.Count > 0);
        requests.Should().Equal(new AuditedRequest(user, "get", "", "secrets", ns, "some", 403));
    }

    [Fact]
    public async Task Nothing_is_left_when_the_process_that_started_a_control_plane_is_killed()
    {
        var log = Path.Combine(Plane.Folder, "up.log");
        await using var up = ChildProcess.Start(new ChildProcessOptions(Path.Combine(AppContext.BaseDirectory, "TokenOperator.TestBed"), ["up"])
        {
            LogFile = log,
            Environment = new Dictionary<string, string?> { ["KUBEBUILDER_ASSETS"] = (await TestAssets.FindAsync()).Folder },
        });
        var export = await Eventually.SeesAsync(
            () => File.ReadLines(log).LastOrDefault(line => line.StartsWith("export KUBECONFIG=", StringComparison.Ordinal)), line => line is not null, TimeSpan.FromMinutes(2));
        var kubeconfig = export!["export KUBECONFIG=".Length..];
        var server = new Uri(File.ReadLines(kubeconfig).First(line => line.Contains("server: ", StringComparison.Ordinal)).Split("server: ")[1]);
        (await ConnectsAsync(server)).Should().BeTrue();

        await up.KillAsync();

        await Eventually.SeesAsync(() => ConnectsAsync(server), connects => !connects);
        await Eventually.IsTrueAsync(() => !Directory.Exists(Path.GetDirectoryName(kubeconfig)));
    }

    private static async Task<bool> ConnectsAsync(Uri server)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(server.Host, server.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
