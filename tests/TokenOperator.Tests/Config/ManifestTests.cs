using System.Text.Json;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests.Config;

/// <summary>What the manifests in config/ have to agree on among themselves. Whether a cluster takes them is for the end-to-end tests.</summary>
public sealed class ManifestTests
{
    [Fact]
    public void The_rights_in_one_namespace_are_those_that_the_cluster_wide_install_has_in_each() =>
        Rules("config/namespaced/watched/role.yaml").Should().Be(Rules("config/rbac/role.yaml"));

    [Theory]
    [InlineData("DOTNET_EnableDiagnostics")]
    [InlineData("DOTNET_DbgEnableMiniDump")]
    public void Nothing_dumps_the_memory_of_the_operator(string setting)
    {
        File.ReadAllText(Repository.File("config/manager/deployment.yaml")).Should().Contain($"- name: {setting}\n              value: \"0\"");
        File.ReadAllText(Repository.File("Dockerfile")).Should().Contain($"{setting}=0");
    }

    private static string Rules(string file) => JsonSerializer.Serialize(Load(file)["rules"]);

    private static Dictionary<string, object> Load(string file) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(File.ReadAllText(Repository.File(file)));
}
