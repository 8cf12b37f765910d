using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests.Config;

/// <summary>What the manifests in config/ have to agree on among themselves. Whether a cluster takes them is for the end-to-end tests.</summary>
public sealed class ManifestTests
{
    [Fact]
    public void No_kustomization_has_a_field_that_kustomize_warns_about()
    {
        string[] deprecated = ["bases:", "patchesJson6902:", "patchesStrategicMerge:", "commonLabels:", "vars:"];
        var files = Directory.GetFiles(Repository.File("config"), "kustomization.yaml", SearchOption.AllDirectories);
        files.Should().HaveCountGreaterThan(10);
        files.Append(Repository.File("hack/deploy.sh")).SelectMany(file => deprecated.Where(field => File.ReadAllText(file).Contains(field, StringComparison.Ordinal)).Select(field => $"{file}: {field}"))
            .Should().BeEmpty();
    }

    [Fact]
    public void The_Role_of_one_namespace_grants_what_the_cluster_wide_install_has_in_each_namespace() =>
        Rules("config/namespaced/watched/role.yaml").Should().Be(Rules("config/rbac/role.yaml"));

    [Fact]
    public void The_Roles_for_people_in_one_namespace_grant_what_the_aggregated_roles_grant_everywhere()
    {
        var wide = Documents("config/rbac/people.yaml").Select(Verbs).ToList();
        var narrow = Documents("config/namespaced/watched/people.yaml").Select(Verbs).ToList();
        narrow[0].Should().Equal(wide[0]);
        narrow[1].Should().Equal(wide[0].Concat(wide[1]), "a Role is not aggregated");
    }

    [Fact]
    public void No_role_that_is_added_to_the_built_in_ones_contains_ClusterOAuthProviders()
    {
        var roles = Aggregated("aggregate-to-(view|edit|admin):");

        roles.Should().HaveCountGreaterThanOrEqualTo(2).And.NotContain(document => document.Contains("clusteroauthproviders", StringComparison.Ordinal) || document.Contains('*', StringComparison.Ordinal));
    }

    [Fact]
    public void A_reader_of_the_whole_cluster_reads_the_objects_of_the_operator_and_changes_none()
    {
        var roles = Aggregated("aggregate-to-cluster-reader:");

        roles.Should().HaveCount(2).And.OnlyContain(role => Verbs(role).SequenceEqual(new[] { "get", "list", "watch" }));
        string.Concat(roles).Should().Contain("[oauthtokens]").And.Contain("[clusteroauthproviders]");
    }

    [Theory]
    [InlineData("DOTNET_EnableDiagnostics")]
    [InlineData("DOTNET_DbgEnableMiniDump")]
    public void Memory_dumps_of_the_operator_are_disabled(string setting)
    {
        File.ReadAllText(Repository.File("config/manager/deployment.yaml")).Should().Contain($"- name: {setting}\n              value: \"0\"");
        File.ReadAllText(Repository.File("Dockerfile")).Should().Contain($"{setting}=0");
    }

    [Theory]
    [InlineData("config/manager/deployment.yaml")]
    [InlineData("config/samples/app.yaml")]
    [InlineData("config/trial/postgres.yaml")]
    public void Each_pod_meets_the_Pod_Security_Standard_restricted(string file)
    {
        var pods = Documents(file).Select(Parse).Where(document => document.TryGetValue("kind", out var kind) && kind is "Deployment" or "StatefulSet")
            .Select(workload => Map(Map(Map(workload["spec"])["template"])["spec"])).ToList();
        pods.Should().NotBeEmpty();
        foreach (var pod in pods)
        {
            var security = Map(pod["securityContext"]);
            security["runAsNonRoot"].Should().Be("true");
            Map(security["seccompProfile"])["type"].Should().Be("RuntimeDefault");
            pod.Keys.Should().NotContain(["hostNetwork", "hostPID", "hostIPC"]);
            foreach (var container in ((List<object>)pod["containers"]).Select(Map))
            {
                var own = Map(container["securityContext"]);
                own["allowPrivilegeEscalation"].Should().Be("false");
                ((List<object>)Map(own["capabilities"])["drop"]).Should().Equal("ALL");
            }
        }
    }

    [Fact]
    public void The_first_probe_of_the_operator_runs_when_it_listens()
    {
        var pod = Map(Map(Map(Parse(File.ReadAllText(Repository.File("config/manager/deployment.yaml")))["spec"])["template"])["spec"]);
        var container = Map(((List<object>)pod["containers"])[0]);
        var startup = Map(container["startupProbe"]);
        startup["initialDelaySeconds"].Should().Be("2", "a probe that finds nothing listening leaves a warning event");
        Map(startup["httpGet"])["path"].Should().Be("/healthz");
        container.Keys.Should().Contain(["livenessProbe", "readinessProbe"], "they wait for the startup probe");
    }

    [Fact]
    public void The_image_runs_without_privileges_and_has_no_shell()
    {
        var lines = File.ReadAllLines(Repository.File("Dockerfile"));
        var last = lines[Array.FindLastIndex(lines, line => line.StartsWith("FROM ", StringComparison.Ordinal))..];

        // A number: runAsNonRoot cannot tell who a name is.
        var user = last.Should().ContainSingle(line => line.StartsWith("USER ", StringComparison.Ordinal)).Subject["USER ".Length..];
        user.Should().MatchRegex("^[1-9][0-9]*:[1-9][0-9]*$");
        var pod = Path.Combine("config", "manager", "deployment.yaml");
        File.ReadAllText(Repository.File(pod)).Should().Contain($"runAsUser: {user.Split(':')[0]}").And.Contain("runAsNonRoot: true");
        last[0].Should().Be("FROM scratch", "that has neither a shell nor a package manager");
        last.Should().Contain("COPY --from=build /rootfs /", "hack/image.sh writes it");
        last.Should().ContainSingle(line => line.StartsWith("ENTRYPOINT", StringComparison.Ordinal)).Which.Should().StartWith("ENTRYPOINT [\"", "a shell is not needed then");
        last.Should().NotContain(line => line.StartsWith("RUN ", StringComparison.Ordinal));
    }

    /// <summary>The roles of config/ with a label that matches.</summary>
    private static List<string> Aggregated(string label) =>
        [.. Directory.GetFiles(Repository.File("config"), "*.yaml", SearchOption.AllDirectories).SelectMany(Documents).Where(document => Regex.IsMatch(document, label))];

    private static string[] Documents(string file) => File.ReadAllText(Repository.File(file)).Split("\n---\n");

    private static string[] Verbs(string role) => Regex.Match(role, @"verbs: \[(.+)\]").Groups[1].Value.Split(", ");

    private static Dictionary<object, object> Parse(string yaml) => new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(yaml);

    private static Dictionary<object, object> Map(object node) => (Dictionary<object, object>)node;

    private static string Rules(string file) => JsonSerializer.Serialize(Load(file)["rules"]);

    private static Dictionary<string, object> Load(string file) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(File.ReadAllText(Repository.File(file)));
}
