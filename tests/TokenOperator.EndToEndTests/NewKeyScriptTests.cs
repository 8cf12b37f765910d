using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>hack/new-key.sh, with which make deploy creates the first key and make new-key each further one.</summary>
[Collection(PersonGroup.Name)]
public sealed class NewKeyScriptTests(ClusterFixture cluster)
{
    [Fact]
    public async Task A_key_is_created_if_there_is_none_and_added_on_request()
    {
        var first = await RunAsync("--if-none");
        var key = (await KeysAsync()).Should().ContainSingle().Subject;
        await RunAsync("--if-none");
        (await KeysAsync()).Should().Equal([key], "an existing key does not change");

        // The name is the time in seconds.
        await Eventually.IsTrueAsync(() => string.CompareOrdinal($"{DateTimeOffset.UtcNow:yyyy-MM-dd-HHmmss}", key.Key) > 0);
        var second = await RunAsync();
        var keys = await KeysAsync();
        keys.Should().HaveCount(2).And.Contain(key);
        keys.Should().OnlyContain(made => Convert.FromBase64String(made.Value).Length == 32);
        keys.Keys.Max(StringComparer.Ordinal).Should().NotBe(key.Key, "the new one is current");
        foreach (var content in keys.Values)
            (first + second).Should().NotContain(content);
    }

    [Fact]
    public async Task A_Secret_that_is_created_has_the_labels_that_policies_demand_and_a_wrong_label_changes_nothing()
    {
        await cluster.Plane.Kubectl.RunAsync($"delete secret token-operator-keys -n {ClusterFixture.OperatorNamespace} --ignore-not-found");
        var wrong = await cluster.RunScriptAsync("new-key.sh", [], labels: "team=mail,cost center=7");
        wrong.ExitCode.Should().Be(1);
        wrong.Errors.Should().Contain("LABELS has \"cost\": expected name=value");

        (await cluster.RunScriptAsync("new-key.sh", [], labels: "team=mail,example.com/cost-center=7")).ExitCode.Should().Be(0);
        var secret = await cluster.Plane.GetAsync($"/api/v1/namespaces/{ClusterFixture.OperatorNamespace}/secrets/token-operator-keys");
        var found = secret!["metadata"]!["labels"]!.AsObject().ToDictionary(label => label.Key, label => (string)label.Value!);
        found.Should().Contain(new Dictionary<string, string> { ["team"] = "mail", ["example.com/cost-center"] = "7" });
        await cluster.Plane.Kubectl.RunAsync($"delete secret token-operator-keys -n {ClusterFixture.OperatorNamespace}");
    }

    private async Task<IReadOnlyDictionary<string, string>> KeysAsync() =>
        (await cluster.Plane.GetAsync($"/api/v1/namespaces/{ClusterFixture.OperatorNamespace}/secrets/token-operator-keys"))!["data"]!.AsObject()
            .ToDictionary(entry => entry.Key, entry => (string)entry.Value!);

    private async Task<string> RunAsync(params string[] arguments)
    {
        var result = await cluster.RunScriptAsync("new-key.sh", arguments);
        result.ExitCode.Should().Be(0, result.Errors);
        return result.Output + result.Errors;
    }
}
