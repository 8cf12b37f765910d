using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests;

/// <summary>What config/rbac allows against what the operator asks the API server for.</summary>
[Collection(ClusterGroup.Name)]
public sealed class RightsTests(ClusterFixture cluster)
{
    private sealed record Right(string Group, string Resource, string Verb)
    {
        /// <summary>Asked for by an admission plugin, which is on in this cluster, and not by a request of its own.</summary>
        public static readonly Right OverOwners = new("tokenoperator.dev", "oauthtokens/finalizers", "update");
    }

    [Fact]
    public async Task The_operator_has_the_rights_that_it_uses_and_no_others()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var lease = $"lease-of-{fixture.Namespace}";
        await fixture.Operator.StopAsync();
        await fixture.StartOperatorAsync(("LeaderElection__LeaseName", lease));

        // The finalizer is added, the client and the seed are read, Secret, status and event written.
        await fixture.AddAccountAsync("all", spec => spec["deletionPolicy"] = "Delete");
        await fixture.ReadyAsync("all");
        // Another Secret, and the old one is deleted.
        await fixture.PatchSpecAsync("all", """{"secretName": "moved"}""");
        await Eventually.SeesAsync(() => fixture.SecretAsync("all"), secret => secret is null);
        await fixture.WriteSecretAsync("taken", "of", "somebody else");
        // The same trouble twice: an event that is counted up.
        for (var i = 0; i < 2; i++)
        {
            await fixture.PatchSpecAsync("all", """{"secretName": "taken"}""");
            await fixture.SeesAsync("all", "Ready", "False", "SecretConflict");
            await fixture.PatchSpecAsync("all", """{"secretName": "moved"}""");
            await fixture.ReadyAsync("all");
        }

        await fixture.DeleteAsync("all");
        var granted = await GrantedAsync();
        granted.Should().Contain(Right.OverOwners).And.HaveCountGreaterThan(10);
        var needed = granted.Where(right => right != Right.OverOwners).ToHashSet();

        // A lease is renewed, and an event counted, in the background.
        await Eventually.SeesAsync(
            async () => string.Join(", ", needed.Except(await UsedAsync(fixture.Namespace, lease))), unused => unused.Length == 0, TimeSpan.FromSeconds(30), condition: "no right is unused");
        (await UsedAsync(fixture.Namespace, lease)).Should().BeEquivalentTo(needed);
        (await RequestsAsync(fixture.Namespace, lease)).Should().NotContain(request => request.Status == 403);
    }

    [Fact]
    public async Task Secrets_are_listed_and_watched_without_what_is_in_them()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await using var api = await HttpFaultProxy.StartAsync(cluster.Plane.Server, cluster.Plane.CertificateAuthorityFile);
        var kubeconfig = Path.Combine(cluster.Plane.Folder, $"{fixture.Namespace}.kubeconfig");
        await KubeconfigFile.RedirectAsync(cluster.OperatorKubeconfig, kubeconfig, api.Address, api.Authority);
        await fixture.StartOperatorAsync(("KUBECONFIG", kubeconfig));
        await fixture.AddAccountAsync("seen");
        await fixture.ReadyAsync("seen");

        var whole = api.Exchanges.Where(exchange => exchange.Method == "GET" && exchange.Path.EndsWith("/secrets", StringComparison.Ordinal)).ToList();
        whole.Should().Contain(exchange => exchange.Query.Contains("watch=")).And.Contain(exchange => !exchange.Query.Contains("watch="));
        whole.Should().OnlyContain(exchange => exchange.Accept.Contains("as=PartialObjectMetadata") && !exchange.Accept.Contains(','));
        api.Exchanges.Where(exchange => exchange.Method == "GET" && exchange.Path.Contains("/secrets/") && !exchange.Accept.Contains("as=PartialObjectMetadata"))
            .Select(exchange => exchange.Path.Split('/')[^1]).Should().BeSubsetOf(["client", "seen-seed"], "only what an OAuthToken names is read");
    }

    private async Task<IReadOnlyList<AuditedRequest>> RequestsAsync(string ns, string lease) =>
        [.. (await cluster.Plane.AuditLog.RequestsAsync(OperatorFixture.User)).Where(request => request.Namespace == ns || request.Name == lease)];

    private async Task<HashSet<Right>> UsedAsync(string ns, string lease)
    {
        var requests = await RequestsAsync(ns, lease);
        // A server-side apply that makes an object needs the right to create it, too.
        var made = requests.Where(request => request is { Verb: "patch", Status: 201 }).Select(request => request with { Verb = "create" });
        return [.. requests.Concat(made).Select(request => new Right(request.Group, request.Resource, request.Verb))];
    }

    /// <summary>What the roles of config/rbac/role.yaml and config/rbac/own allow, one by one.</summary>
    private async Task<HashSet<Right>> GrantedAsync()
    {
        const string Rbac = "/apis/rbac.authorization.k8s.io/v1";
        var roles = new[]
        {
            await cluster.Plane.GetAsync($"{Rbac}/clusterroles/token-operator"),
            await cluster.Plane.GetAsync($"{Rbac}/namespaces/{ClusterFixture.OperatorNamespace}/roles/token-operator-leader-election"),
        };
        return
        [
            .. from role in roles
               from rule in role!["rules"]!.AsArray()
               from JsonNode ruleGroup in rule["apiGroups"]!.AsArray()
               from JsonNode resource in rule["resources"]!.AsArray()
               from JsonNode verb in rule["verbs"]!.AsArray()
               select new Right((string)ruleGroup!, (string)resource!, (string)verb!),
        ];
    }
}
