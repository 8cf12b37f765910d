using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests.Config;

/// <summary>What the manifests in config/ have to agree on among themselves. Whether a cluster takes them is for the end-to-end tests.</summary>
public sealed class ManifestTests
{
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

    [Theory]
    [InlineData("DOTNET_EnableDiagnostics")]
    [InlineData("DOTNET_DbgEnableMiniDump")]
    public void Memory_dumps_of_the_operator_are_disabled(string setting)
    {
        File.ReadAllText(Repository.File("config/manager/deployment.yaml")).Should().Contain($"- name: {setting}\n              value: \"0\"");
        File.ReadAllText(Repository.File("Dockerfile")).Should().Contain($"{setting}=0");
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
        last[0].Should().EndWith("-chiseled", "that has neither a shell nor a package manager");
        last.Should().ContainSingle(line => line.StartsWith("ENTRYPOINT", StringComparison.Ordinal)).Which.Should().StartWith("ENTRYPOINT [\"", "a shell is not needed then");
        last.Should().NotContain(line => line.StartsWith("RUN ", StringComparison.Ordinal));
    }

    private static string[] Documents(string file) => File.ReadAllText(Repository.File(file)).Split("\n---\n");

    private static string[] Verbs(string role) => Regex.Match(role, @"verbs: \[(.+)\]").Groups[1].Value.Split(", ");

    private static string Rules(string file) => JsonSerializer.Serialize(Load(file)["rules"]);

    private static Dictionary<string, object> Load(string file) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(File.ReadAllText(Repository.File(file)));
}
