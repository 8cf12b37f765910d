using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests;

/// <summary>Compares the permissions of config/rbac with the operator's requests. <see cref="StorageVersionTests"/> does so for the role that only an operator of all namespaces uses.</summary>
[Collection(ClusterGroup.Name)]
public sealed class RightsTests(ClusterFixture cluster)
{
    private sealed record Right(string Group, string Resource, string Verb)
    {
        /// <summary>Permissions that an admission plugin of this cluster requires, without a request of their own.</summary>
        public static readonly Right OverOwners = new("tokenoperator.dev", "oauthtokens/finalizers", "update");
    }

    [Fact]
    public async Task The_operator_has_exactly_the_permissions_that_it_uses()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        // The audit log can have a watch only when its connection closes.
        await fixture.StartOperatorAsync(("ClusterProviders", "true"));
        var lease = $"lease-of-{fixture.Namespace}";
        await fixture.Operator.StopAsync();
        await fixture.StartOperatorAsync(("LeaderElection__LeaseName", lease), ("ClusterProviders", "true"));
        // Writes the status of a provider.
        await cluster.Plane.ApplyJsonAsync("""
            {"apiVersion": "tokenoperator.dev/v1beta1", "kind": "ClusterOAuthProvider", "metadata": {"name": "rights"}, "spec": {"tokenEndpoint": "https://idp.example/token"}}
            """);

        // Adds the finalizer, reads the client and the seed, and writes Secret, status and event.
        await fixture.AddAccountAsync("all", spec => spec["deletionPolicy"] = "Delete");
        await fixture.ReadyAsync("all");
        // Writes another Secret, and deletes the old one.
        await fixture.PatchSpecAsync("all", """{"secretName": "moved"}""");
        await Eventually.SeesAsync(() => fixture.SecretAsync("all"), secret => secret is null);
        await fixture.WriteSecretAsync("taken", "of", "someone else");
        // The same failure twice: the count of an event grows.
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

        // Lease renewals and event counts happen in the background.
        await Eventually.SeesAsync(
            async () => string.Join(", ", needed.Except(await UsedAsync(fixture.Namespace, lease))), unused => unused.Length == 0, TimeSpan.FromSeconds(30), condition: "no right is unused");
        (await UsedAsync(fixture.Namespace, lease)).Should().BeEquivalentTo(needed);
        (await RequestsAsync(fixture.Namespace, lease)).Should().NotContain(request => request.Status == 403);
    }

    [Fact]
    public async Task Secrets_are_listed_and_watched_without_their_data()
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
        [.. (await cluster.Plane.AuditLog.RequestsAsync(OperatorFixture.User)).Where(request => request.Namespace == ns || request.Name == lease || request.Resource.StartsWith("clusteroauthproviders", StringComparison.Ordinal))];

    private async Task<HashSet<Right>> UsedAsync(string ns, string lease)
    {
        var requests = await RequestsAsync(ns, lease);
        // A server-side apply that creates an object also needs the permission to create it.
        var made = requests.Where(request => request is { Verb: "patch", Status: 201 }).Select(request => request with { Verb = "create" });
        return [.. requests.Concat(made).Select(request => new Right(request.Group, request.Resource, request.Verb))];
    }

    /// <summary>The permissions of the operator's roles in config/rbac, one by one.</summary>
    private async Task<HashSet<Right>> GrantedAsync()
    {
        const string Rbac = "/apis/rbac.authorization.k8s.io/v1";
        var roles = new[]
        {
            await cluster.Plane.GetAsync($"{Rbac}/clusterroles/token-operator"),
            await cluster.Plane.GetAsync($"{Rbac}/clusterroles/token-operator-providers"),
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
