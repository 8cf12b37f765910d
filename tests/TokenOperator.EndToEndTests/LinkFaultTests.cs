using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests;

/// <summary>Each fault that a network has, on each connection of the operator: what was asked for in the middle of it is done, and nothing is lost.</summary>
[Collection(LinkGroup.Name)]
public sealed class LinkFaultTests(ClusterFixture cluster)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>Whether a new connection works at once: else the fault must end before anything can go on.</summary>
    private static readonly (string Name, Action<FaultProxy> Begin, bool NewOnesWork)[] Faults =
    [
        ("latency", link => link.Latency = TimeSpan.FromMilliseconds(300), true),
        ("cut", link => link.Cut(), true),
        ("half-open", link => link.HalfOpen(), true),
        ("stall", link => link.Stall(), false),
        ("black-hole", link => link.Blackhole(), false),
    ];

    [Fact]
    public Task Whatever_happens_to_the_connection_to_the_API_server_to_Postgres_or_to_the_provider_a_refresh_is_done_when_it_can_be_and_no_token_is_lost() =>
        Task.WhenAll(FailApiServerAsync(), FailPostgresAsync(), FailProviderAsync());

    private async Task FailApiServerAsync()
    {
        await using var link = FaultProxy.Start(cluster.Plane.Server);
        await using var bed = await OperatorBed.CreateAsync(cluster);
        var kubeconfig = await KubeconfigFile.RedirectAsync(
            cluster.OperatorKubeconfig, Path.Combine(cluster.Plane.Folder, $"{bed.Namespace}-link.kubeconfig"), link.Through(cluster.Plane.Server));
        // With a lease the process would end, and its successor would begin with good connections.
        await bed.StartOperatorAsync(("KUBECONFIG", kubeconfig), ("LeaderElection__Enabled", "false"));
        await FailAsync(bed, link);
    }

    private async Task FailPostgresAsync()
    {
        await using var link = FaultProxy.Start("127.0.0.1", cluster.Postgres.Port);
        await using var bed = await OperatorBed.CreateAsync(cluster);
        var direct = bed.Database;
        bed.Database = direct.At(link.Port);
        await bed.StartOperatorAsync();
        bed.Database = direct;
        await FailAsync(bed, link);
    }

    private async Task FailProviderAsync()
    {
        await using var bed = await OperatorBed.CreateAsync(cluster);
        await using var link = FaultProxy.Start(bed.Tokens.TokenEndpoint);
        await bed.StartOperatorAsync(
            ("Providers__google__TokenEndpoint", link.Through(bed.Tokens.TokenEndpoint).ToString()), ("Providers__google__TimeoutSeconds", "2"));
        await FailAsync(bed, link);
    }

    private static async Task FailAsync(OperatorBed bed, FaultProxy link)
    {
        var grant = await bed.AddAccountAsync("tried");
        await bed.ReadyAsync("tried");
        foreach (var (name, begin, newOnesWork) in Faults)
        {
            var (connections, token) = (link.ConnectionCount, (await bed.SecretAsync("tried"))!["access_token"]);
            begin(link);
            await bed.RequestRefreshAsync("tried", name);
            if (!newOnesWork)
            {
                await Eventually.TrueAsync(() => link.ConnectionCount > connections, Patience, condition: $"the old connection is given up during {name}");
                link.Pass();
            }

            await Eventually.SeesAsync(
                () => bed.GetAsync("tried"), view => view["lastHandledRefreshRequest"] == name && view.Status("Refreshed") == "True" && view.Status("Persisted") == "True",
                Patience, condition: $"the refresh during {name} is done");
            link.Pass();
            var fresh = await Eventually.SeesAsync(() => bed.SecretAsync("tried"), secret => secret!["access_token"] != token, Patience, condition: $"the Secret is new after {name}");
            bed.Tokens.IsValid(fresh!["access_token"]!).Should().BeTrue();
            (await bed.StoredTokenAsync("tried"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken, $"{name} loses no token");
        }

        bed.Operator.HasExited.Should().BeFalse();
    }
}
