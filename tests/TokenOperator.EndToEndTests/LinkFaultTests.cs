using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests;

/// <summary>Every network fault on every connection of the operator: a refresh that is requested during the fault is done, and no token is lost.</summary>
[Collection(LinkGroup.Name)]
public sealed class LinkFaultTests(ClusterFixture cluster)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    /// <summary>True if a new connection works at once. Otherwise the fault must end first.</summary>
    private static readonly (string Name, Action<FaultProxy> Begin, bool NewOnesWork)[] Faults =
    [
        ("latency", link => link.Latency = TimeSpan.FromMilliseconds(300), true),
        ("cut", link => link.Cut(), true),
        ("half-open", link => link.HalfOpen(), true),
        ("stall", link => link.Stall(), false),
        ("black-hole", link => link.Blackhole(), false),
    ];

    [Fact]
    public Task After_any_failure_of_a_connection_to_the_API_server_to_Postgres_or_to_the_provider_a_refresh_is_done_and_no_token_is_lost() =>
        Task.WhenAll(FailApiServerAsync(), FailPostgresAsync(), FailProviderAsync());

    private async Task FailApiServerAsync()
    {
        await using var link = FaultProxy.Start(cluster.Plane.Server);
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var kubeconfig = await KubeconfigFile.RedirectAsync(
            cluster.OperatorKubeconfig, Path.Combine(cluster.Plane.Folder, $"{fixture.Namespace}-link.kubeconfig"), link.Through(cluster.Plane.Server));
        // With a lease the process would end, and its successor would open new connections.
        await fixture.StartOperatorAsync(("KUBECONFIG", kubeconfig), ("LeaderElection__Enabled", "false"));
        await FailAsync(fixture, link);
    }

    private async Task FailPostgresAsync()
    {
        await using var link = FaultProxy.Start("127.0.0.1", cluster.Postgres.Port);
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var direct = fixture.Database;
        fixture.Database = direct.At(link.Port);
        await fixture.StartOperatorAsync();
        fixture.Database = direct;
        await FailAsync(fixture, link);
    }

    private async Task FailProviderAsync()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await using var link = FaultProxy.Start(fixture.Tokens.TokenEndpoint);
        await fixture.StartOperatorAsync(
            ("Providers__google__TokenEndpoint", link.Through(fixture.Tokens.TokenEndpoint).ToString()), ("Providers__google__TimeoutSeconds", "2"));
        await FailAsync(fixture, link);
    }

    private static async Task FailAsync(OperatorFixture fixture, FaultProxy link)
    {
        var grant = await fixture.AddAccountAsync("tried");
        await fixture.ReadyAsync("tried");
        foreach (var (name, begin, newOnesWork) in Faults)
        {
            var (connections, token) = (link.ConnectionCount, (await fixture.SecretAsync("tried"))!["access_token"]);
            begin(link);
            await fixture.RequestRefreshAsync("tried", name);
            if (!newOnesWork)
            {
                await Eventually.IsTrueAsync(() => link.ConnectionCount > connections, Timeout, condition: $"the old connection is given up during {name}");
                link.Pass();
            }

            await Eventually.SeesAsync(
                () => fixture.GetAsync("tried"), view => view["lastHandledRefreshRequest"] == name && view.Status("Refreshed") == "True" && view.Status("Persisted") == "True",
                Timeout, condition: $"the refresh during {name} is done");
            link.Pass();
            var fresh = await Eventually.SeesAsync(() => fixture.SecretAsync("tried"), secret => secret!["access_token"] != token, Timeout, condition: $"the Secret is new after {name}");
            fixture.Tokens.IsValid(fresh!["access_token"]!).Should().BeTrue();
            (await fixture.StoredTokenAsync("tried"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken, $"{name} loses no token");
        }

        fixture.Operator.HasExited.Should().BeFalse();
    }
}
