using System.Reflection;
using System.Text.Json;
using KubectlOAuthToken;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers.Registry;
using TokenOperator.Reconcile;

namespace TokenOperator.Tests.Architecture;

/// <summary>Holds the references between the projects to the graph that docs/architecture.md draws.</summary>
public sealed class DependencyTests
{
    /// <summary>The assembly of each project, by its name.</summary>
    internal static readonly Dictionary<string, Assembly> Projects = new Type[]
    {
        typeof(NamespacedName), typeof(AccountKey), typeof(V1Beta1OAuthToken), typeof(ProviderRegistry), typeof(ITokenStore), typeof(OAuthTokenController), typeof(PluginCommandLine),
    }.Select(type => type.Assembly).ToDictionary(assembly => assembly.GetName().Name!);

    /// <summary>The assemblies of other projects that each assembly may reference.</summary>
    internal static readonly Dictionary<string, string[]> AllowedReferences = new()
    {
        ["KubeRuntime"] = [],
        ["TokenOperator.Core"] = [],
        ["TokenOperator.Api"] = ["KubeRuntime", "TokenOperator.Core"],
        ["TokenOperator.Providers"] = ["TokenOperator.Core"],
        ["TokenOperator.Postgres"] = ["TokenOperator.Core"],
        ["kubectl-oauthtoken"] = ["KubeRuntime", "TokenOperator.Api", "TokenOperator.Core", "TokenOperator.Providers"],
        ["token-operator"] = ["KubeRuntime", "TokenOperator.Api", "TokenOperator.Core", "TokenOperator.Postgres", "TokenOperator.Providers"],
    };

    public static TheoryData<string> ProjectNames => [.. Projects.Keys];

    [Theory]
    [MemberData(nameof(ProjectNames))]
    public void A_project_references_no_other_project_than_these(string project) =>
        Projects[project].GetReferencedAssemblies().Select(reference => reference.Name!).Where(Projects.ContainsKey)
            .Except(AllowedReferences[project]).Should().BeEmpty();

    [Theory]
    [InlineData("TokenOperator.Core", "KubernetesClient Npgsql Google.Apis.Auth Microsoft.AspNetCore")]
    [InlineData("TokenOperator.Providers", "KubernetesClient Npgsql Microsoft.AspNetCore")]
    [InlineData("TokenOperator.Postgres", "KubernetesClient Google.Apis.Auth Microsoft.AspNetCore System.Net.Http")]
    [InlineData("KubeRuntime", "Npgsql Google.Apis.Auth Microsoft.AspNetCore")]
    [InlineData("kubectl-oauthtoken", "Npgsql Microsoft.AspNetCore FluentMigrator")]
    public void A_project_does_not_reference_these_packages(string project, string packages) =>
        Projects[project].GetReferencedAssemblies().Select(reference => reference.Name!)
            .Where(name => packages.Split(' ').Any(package => name == package || name.StartsWith(package + ".", StringComparison.Ordinal))).Should().BeEmpty();

    [Theory]
    [InlineData("packages.lock.json")]
    [InlineData("packages.linux-x64.lock.json")]
    [InlineData("packages.linux-arm64.lock.json")]
    public void The_plugin_is_published_without_a_database_driver_migrations_and_a_web_server(string lockFile)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Repository.File($"src/KubectlOAuthToken/{lockFile}")));
        var packages = document.RootElement.GetProperty("dependencies").EnumerateObject().SelectMany(target => target.Value.EnumerateObject()).Select(package => package.Name).ToList();
        packages.Should().Contain("System.CommandLine").And.NotContain(
            name => name.StartsWith("Npgsql", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("FluentMigrator", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("Microsoft.AspNetCore", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("TokenOperator.Postgres", StringComparison.OrdinalIgnoreCase));
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "kubectl-oauthtoken.runtimeconfig.json")).Should().Contain("Microsoft.NETCore.App").And.NotContain("Microsoft.AspNetCore.App");
    }

    [Theory]
    [MemberData(nameof(ProjectNames))]
    public void The_namespaces_of_a_project_form_no_cycle(string project) =>
        NamespaceGraph.FindCycle(Projects[project]).Select(use => use.ToString()).Should().BeEmpty("namespaces of {0} must not use each other in a cycle", project);

    [Theory]
    [MemberData(nameof(ProjectNames))]
    public void No_type_of_a_project_is_in_a_namespace_that_the_check_for_cycles_skips(string project) =>
        Projects[project].GetExportedTypes().Where(type => type.Namespace is not null && !NamespaceGraph.IsWritten(type)).Should().BeEmpty();

    [Fact]
    public void A_class_receives_at_most_eight_dependencies() => Projects.Values
        .SelectMany(assembly => assembly.GetTypes())
        .Where(type => type is { IsClass: true } && NamespaceGraph.IsWritten(type) && type.GetMethod("<Clone>$") is null)
        .SelectMany(type => type.GetConstructors())
        .Where(constructor => constructor.GetParameters().Length > 8)
        .Select(constructor => $"{constructor.DeclaringType}: {constructor.GetParameters().Length}")
        .Should().BeEmpty("a class that needs more has more than one purpose");

    [Fact]
    public void The_check_for_cycles_sees_signatures_and_method_bodies()
    {
        var uses = NamespaceGraph.UsesIn(typeof(NamespacedName).Assembly).Select(use => use.ToString()).ToList();

        uses.Should().Contain("KubeRuntime.Queues -> KubeRuntime (WorkQueue uses NamespacedName)", "it is in signatures")
            .And.Contain(use => use.StartsWith("KubeRuntime.Client -> KubeRuntime.Observability (", StringComparison.Ordinal))
            .And.Contain("KubeRuntime.Queues -> KubeRuntime.RateLimiting (WorkQueue uses ExponentialBackoff)");
    }
}
