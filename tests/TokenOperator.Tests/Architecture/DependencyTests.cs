using System.Reflection;
using KubectlOAuthToken;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Reconcile;

namespace TokenOperator.Tests.Architecture;

/// <summary>Holds the references between the projects to the graph that docs/architecture.md draws.</summary>
public sealed class DependencyTests
{
    private static readonly Dictionary<string, Assembly> Projects = new Type[]
    {
        typeof(NamespacedName), typeof(AccountKey), typeof(V1Alpha1OAuthToken), typeof(ProviderRegistry), typeof(ITokenStore), typeof(OAuthTokenController), typeof(PluginCommandLine),
    }.Select(type => type.Assembly).ToDictionary(assembly => assembly.GetName().Name!);

    [Theory]
    [InlineData("KubeRuntime", "")]
    [InlineData("TokenOperator.Core", "")]
    [InlineData("TokenOperator.Api", "KubeRuntime TokenOperator.Core")]
    [InlineData("TokenOperator.Providers", "TokenOperator.Core")]
    [InlineData("TokenOperator.Postgres", "TokenOperator.Core")]
    [InlineData("kubectl-oauthtoken", "KubeRuntime TokenOperator.Api TokenOperator.Core TokenOperator.Providers")]
    [InlineData("token-operator", "KubeRuntime TokenOperator.Api TokenOperator.Core TokenOperator.Postgres TokenOperator.Providers")]
    public void A_project_references_only_these_projects(string project, string allowed) =>
        Projects[project].GetReferencedAssemblies().Select(reference => reference.Name!).Where(Projects.ContainsKey)
            .Except(allowed.Split(' ')).Should().BeEmpty();

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
    [InlineData("TokenOperator.Core")]
    [InlineData("TokenOperator.Api")]
    public void Namespaces_of_a_project_have_no_cycles(string project) => NamespaceGraph.Cycles(Projects[project]).Should().BeEmpty();
}
