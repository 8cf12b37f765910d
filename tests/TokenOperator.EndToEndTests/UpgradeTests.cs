using System.Globalization;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// The way from each earlier release to this version and back, by the commands of docs/upgrade.md. No kubelet runs here: the test
/// starts and stops the operators as the Deployment would.
/// </summary>
public sealed class UpgradeTests : IDisposable
{
    private const string System = ClusterFixture.OperatorNamespace;
    private const string Deployment = $"/apis/apps/v1/namespaces/{System}/deployments/token-operator";
    private static readonly string[] Accounts = ["first", "held", "third"];
    private static readonly DocumentationPage Page = DocumentationPage.Read("docs/upgrade.md");

    private readonly string _folder = Directory.CreateTempSubdirectory("to-upgrade-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [EarlierReleaseTheory]
    [MemberData(nameof(EarlierRelease.Versions), MemberType = typeof(EarlierRelease))]
    public async Task Tokens_stay_fresh_and_no_provider_is_asked_twice_on_the_way_from_an_earlier_release_and_back(string version)
    {
        var earlier = await EarlierRelease.BuildAsync(version);
        var cluster = await ClusterFixture.StartAsync(plane => InstallAsync(plane, earlier));
        try
        {
            await using var fixture = await OperatorFixture.CreateAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true });
            (fixture.Program, fixture.ApiVersion) = (earlier.Program, "tokenoperator.dev/v1alpha1");
            var leader = await fixture.StartOperatorAsync();
            await leader.LogsAsync("Leading");
            var standby = await fixture.StartOperatorAsync();
            foreach (var account in Accounts)
            {
                await fixture.AddAccountAsync(account);
                await fixture.ReadyAsync(account);
            }

            // The upgrade, while the provider keeps the leader waiting.
            var (held, answer) = ((await fixture.StoredTokenAsync("held"))!.RefreshToken!.Reveal(), new TaskCompletionSource());
            fixture.Tokens.Next(held, ScriptedAnswer.Held(answer.Task));
            await fixture.RequestRefreshAsync("held", "during-the-upgrade");
            await Eventually.IsTrueAsync(() => fixture.Tokens.AskedFor(held) == 1);
            await RunAsync(cluster, "Upgrade", Helm.Chart, "helm upgrade ");
            (await ImageAsync(cluster)).Should().NotEndWith($":{version}");
            (fixture.Program, fixture.ApiVersion) = (null, "tokenoperator.dev/v1beta1");
            var first = await fixture.StartOperatorAsync();
            (await standby.StopAsync()).Should().Be(0);
            var second = await fixture.StartOperatorAsync();
            var stopping = leader.StopAsync();
            await leader.LogsAsync("is stopping: it finishes work in progress first");
            answer.SetResult();
            (await stopping).Should().Be(0, leader.Log);

            await Eventually.IsTrueAsync(() => Leads(first) || Leads(second), TimeSpan.FromSeconds(60));
            await Eventually.SeesAsync(() => fixture.GetAsync("held"), view => view["lastHandledRefreshRequest"] == "during-the-upgrade" && view.Status("Refreshed") == "True");
            fixture.Tokens.AskedFor(held).Should().Be(1, "the leader of the earlier release has stored the response");
            await AllWorkAsync(fixture, "after-the-upgrade");

            // The way back.
            var needed = Number(await earlier.RunAsync(EnvironmentOf(fixture), Words("Go back", "token-operator migrate status")), "needs");
            await RunAsync(cluster, "Go back", earlier.Chart, "kubectl scale ");
            ((int?)(await cluster.Plane.GetAsync(Deployment))!["spec"]!["replicas"]).Should().Be(0);
            await Task.WhenAll(first.StopAsync(), second.StopAsync());
            if (Number(await fixture.RunVerbAsync("migrate", "status"), "version") > needed)
            {
                await RefusesNewerTablesAsync(fixture, earlier);
                var down = await fixture.RunVerbAsync([.. Words("Go back", "token-operator migrate down").Select(word => word == "VERSION" ? $"{needed}" : word)]);
                down.ExitCode.Should().Be(0, down.Errors);
            }

            await RunAsync(cluster, "Go back", earlier.Chart, "helm upgrade token-operator EARLIER_CHART ");
            (await ImageAsync(cluster)).Should().EndWith($":{version}");
            ((int?)(await cluster.Plane.GetAsync(Deployment))!["spec"]!["replicas"]).Should().Be(2);
            (fixture.Program, fixture.ApiVersion) = (earlier.Program, "tokenoperator.dev/v1alpha1");
            await fixture.StartOperatorAsync();
            await fixture.StartOperatorAsync();
            await AllWorkAsync(fixture, "after-the-way-back");
        }
        finally
        {
            await cluster.DisposeAsync();
        }
    }

    private async Task<string> InstallAsync(ControlPlane plane, EarlierRelease release)
    {
        var helm = await Helm.FindAsync(plane.AdminKubeconfig, _folder);
        await helm.RunAsync(["install", "token-operator", release.Chart, "--namespace", System, "--create-namespace", "--set", "encryption.create=true"]);
        await plane.Kubectl.RunAsync("wait --for=condition=Established crd/oauthtokens.tokenoperator.dev --timeout=30s");
        return await plane.ServiceAccountKubeconfigAsync(System, ClusterFixture.ServiceAccount);
    }

    /// <summary>Each account gets a new token, each Secret has one that works, and no refresh token was sent twice.</summary>
    private static async Task AllWorkAsync(OperatorFixture fixture, string request)
    {
        foreach (var account in Accounts)
        {
            var (token, secret) = ((await fixture.StoredTokenAsync(account))!, (await fixture.SecretAsync(account))!);
            fixture.Tokens.IsValid(secret["access_token"]!).Should().BeTrue(account);
            await fixture.RefreshAsync(account, request);
            await Eventually.SeesAsync(() => fixture.SecretAsync(account), now => now?["access_token"] is { } fresh && fresh != secret["access_token"] && fixture.Tokens.IsValid(fresh));
            (await fixture.StoredTokenAsync(account))!.RefreshToken.Should().NotBe(token.RefreshToken, "the provider rotates it");
        }

        fixture.Tokens.Requests.Where(sent => sent.Path == "/token").GroupBy(sent => sent.Form["refresh_token"]).Should().OnlyContain(sent => sent.Count() == 1);
    }

    /// <summary>The earlier operator does not start on tables that this version has migrated, and changes no row.</summary>
    private static async Task RefusesNewerTablesAsync(OperatorFixture fixture, EarlierRelease earlier)
    {
        const string Rows = "select string_agg(row::text, E'\\n' order by account) from oauth_tokens row";
        var before = await fixture.QueryAsync(Rows);
        fixture.Program = earlier.Program;
        await fixture.Invoking(it => it.StartOperatorAsync()).Should().ThrowAsync<Exception>();
        fixture.Operator.Log.Should().Contain("A newer operator migrated them: run that operator, or use it to migrate down first.");
        (await fixture.QueryAsync(Rows)).Should().Be(before);
        fixture.Program = null;
    }

    /// <summary>Runs a command of the page as the administrator, with a chart in place of CHART.</summary>
    private async Task RunAsync(ClusterFixture cluster, string heading, string chart, string start)
    {
        var helm = Path.GetDirectoryName((await Command.RunAsync(Repository.File("hack/helm.sh"), [])).Output.Trim());
        var result = await Command.RunAsync("bash", ["-euc", CommandOf(heading, start).Replace("EARLIER_CHART", "CHART", StringComparison.Ordinal).Replace("CHART", chart, StringComparison.Ordinal)], environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = cluster.Plane.AdminKubeconfig,
            ["HELM_CACHE_HOME"] = _folder,
            ["HELM_CONFIG_HOME"] = _folder,
            ["HELM_DATA_HOME"] = _folder,
            ["PATH"] = $"{helm}:{(await TestAssets.FindAsync()).Folder}:{Environment.GetEnvironmentVariable("PATH")}",
        });
        result.ExitCode.Should().Be(0, result.Errors);
    }

    private static string CommandOf(string heading, string start) =>
        Page.Under(heading).SelectMany(block => block.Text.Replace("\\\n", "", StringComparison.Ordinal).Split('\n')).Single(line => line.StartsWith(start, StringComparison.Ordinal));

    /// <summary>The words of a command of token-operator, without its name.</summary>
    private static IEnumerable<string> Words(string heading, string start) => CommandOf(heading, start).Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1);

    private static Dictionary<string, string?> EnvironmentOf(OperatorFixture fixture) => new() { ["DATABASE_URL"] = fixture.Database.Uri, [TestKeyring.Setting] = fixture.Keyring.Folder };

    private static long Number(CommandResult result, string after)
    {
        result.ExitCode.Should().Be(0, result.Errors);
        return long.Parse(Regex.Match(result.Output, $@"(?<={after} )\d+").Value, CultureInfo.InvariantCulture);
    }

    private static bool Leads(OperatorProcess process) => process.Log.Contains("Leading", StringComparison.Ordinal);

    private static async Task<string?> ImageAsync(ClusterFixture cluster) =>
        (string?)(await cluster.Plane.GetAsync(Deployment))!["spec"]!["template"]!["spec"]!["containers"]![0]!["image"];
}
