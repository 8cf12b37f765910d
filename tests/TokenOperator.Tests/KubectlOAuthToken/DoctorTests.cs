using k8s.Models;
using KubectlOAuthToken;
using KubectlOAuthToken.Doctor;
using TokenOperator.Api;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class DoctorTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly V1Alpha1OAuthToken[] Tokens = [TokenStatusTests.Token()];

    [Fact]
    public void A_Secret_that_is_mounted_as_a_directory_is_good()
    {
        var finding = TokenChecks.Mounts(Tokens, [Pod("app", SecretVolume(), new V1VolumeMount { Name = "token", MountPath = "/token" })]).Should().ContainSingle().Subject;
        finding.Health.Should().Be(Health.Ok);
        finding.Text.Should().Contain("marcus-token").And.Contain("app");
    }

    [Fact]
    public void A_Secret_that_is_mounted_by_subPath_fails_also_through_a_projected_volume()
    {
        var projected = new V1Volume { Name = "token", Projected = new V1ProjectedVolumeSource { Sources = [new V1VolumeProjection { Secret = new V1SecretProjection { Name = "marcus-token" } }] } };
        foreach (var volume in new[] { SecretVolume(), projected })
        {
            var finding = TokenChecks.Mounts(Tokens, [Pod("app", volume, new V1VolumeMount { Name = "token", MountPath = "/token/file", SubPath = "access_token" })]).Should().ContainSingle().Subject;
            finding.Health.Should().Be(Health.Critical);
            finding.Text.Should().Contain("by subPath in pod app, container main").And.Contain("docs/use-the-token.md");
        }
    }

    [Fact]
    public void A_Secret_in_the_environment_fails()
    {
        var byKey = Pod("by-key");
        byKey.Spec.Containers[0].Env = [new V1EnvVar { Name = "T", ValueFrom = new V1EnvVarSource { SecretKeyRef = new V1SecretKeySelector { Name = "marcus-token", Key = "access_token" } } }];
        var whole = Pod("whole");
        whole.Spec.Containers[0].EnvFrom = [new V1EnvFromSource { SecretRef = new V1SecretEnvSource { Name = "marcus-token" } }];
        TokenChecks.Mounts(Tokens, [byKey, whole]).Should().HaveCount(2).And.OnlyContain(finding => finding.Health == Health.Critical && finding.Text.Contains("environment"));
    }

    [Fact]
    public void A_Secret_that_is_nobodys_token_is_nobodys_business()
    {
        var other = SecretVolume();
        other.Secret.SecretName = "other";
        TokenChecks.Mounts(Tokens, [Pod("app", other, new V1VolumeMount { Name = "token", MountPath = "/x", SubPath = "y" })])
            .Should().ContainSingle().Which.Text.Should().StartWith("No pod of the namespace");
    }

    [Fact]
    public void A_lease_that_is_renewed_has_a_leader_and_one_that_is_not_has_none()
    {
        Leader(Lease("operator-a_1", Now.AddSeconds(-3))).Should().Be(CheckResult.Ok("operator-a_1 leads."));
        Leader(Lease("operator-a_1", Now.AddMinutes(-5))).Text.Should().StartWith("No operator leads: operator-a_1 has not renewed the lease for 5m");
        Leader(Lease("", Now)).Health.Should().Be(Health.Critical, "it was released");
        Leader(null).Health.Should().Be(Health.Critical);
    }

    [Fact]
    public void A_clock_that_is_off_is_told_with_the_direction()
    {
        Leader(Lease("operator-a_1", Now.AddMinutes(2))).Should().Match<CheckResult>(finding => finding.Health == Health.Warning && finding.Text.Contains("2m ahead"));
    }

    [Theory]
    [InlineData(0, Health.Ok, "*its clock agrees with this machine's.")]
    [InlineData(30, Health.Ok, "*its clock agrees with this machine's.")]
    [InlineData(90, Health.Warning, "This machine's clock is 1m30s ahead of the API server's*NTP.")]
    [InlineData(-3600, Health.Warning, "This machine's clock is 1h behind the API server's*NTP.")]
    public void Clocks_that_differ_are_told_with_the_direction(int seconds, Health health, string text) =>
        ClusterChecks.Server(new("https://k8s.example"), Now, Now.AddSeconds(seconds)).Should().Match<CheckResult>(finding => finding.Health == health).And.Subject
            .As<CheckResult>().Text.Should().Match(text);

    [Fact]
    public void A_server_that_does_not_tell_its_time_is_a_warning() =>
        ClusterChecks.Server(new("https://k8s.example"), null, Now).Should().Be(CheckResult.Warning("https://k8s.example/ answers, and does not tell its time."));

    [Fact]
    public void A_CRD_that_is_missing_does_not_serve_the_version_or_lacks_fields_fails_and_says_what_to_apply()
    {
        ClusterChecks.Definition(Definition()).Health.Should().Be(Health.Ok);
        ClusterChecks.Definition(null).Should().Be(CheckResult.Fail("The CRD oauthtokens.tokenoperator.dev does not serve v1alpha1: kubectl apply -k config/crds"));
        var unserved = Definition();
        unserved.Spec.Versions[0].Served = false;
        ClusterChecks.Definition(unserved).Text.Should().Contain("does not serve v1alpha1");
        var older = Definition();
        older.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties.Remove("identity");
        older.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"].Properties.Remove("authorizationURL");
        ClusterChecks.Definition(older).Should().Be(CheckResult.Fail(
            "The CRD oauthtokens.tokenoperator.dev is of another version: it lacks spec.identity, status.authorizationURL. kubectl apply -k config/crds"));
    }

    [Fact]
    public void Pods_that_are_not_ready_fail_when_all_of_them_are_and_say_what_they_wait_for()
    {
        var install = new OperatorInstall("system");
        OperatorChecks.Pods([], install).Should().Match<CheckResult>(finding => finding.Health == Health.Critical && finding.Text.Contains("kubectl describe deployment token-operator -n system"));
        OperatorChecks.Pods([OperatorPod("a", null), OperatorPod("b", null)], install).Should().Be(CheckResult.Ok("2 of 2 pods are ready."));
        OperatorChecks.Pods([OperatorPod("a", null), OperatorPod("b", "ImagePullBackOff")], install).Should().Be(
            CheckResult.Warning("1 of 2 pods are ready (b: ImagePullBackOff). kubectl logs -n system deployment/token-operator --previous"));
        OperatorChecks.Pods([OperatorPod("b", "CrashLoopBackOff")], install).Health.Should().Be(Health.Critical);
    }

    [Theory]
    [InlineData(Reasons.StoreUnavailable)]
    [InlineData(Reasons.ProviderUnavailable)]
    public async Task What_an_OAuthToken_says_of_Postgres_or_of_the_provider_fails(string reason)
    {
        var patient = new DoctorContext(null!, new OperatorInstall("system"), Now, Now, [TokenStatusTests.Token(("Refreshed", "False", reason))]);
        var postgres = TokenChecks.Postgres(patient);
        postgres.Should().ContainSingle().Which.Health.Should().Be(reason == Reasons.StoreUnavailable ? Health.Critical : Health.Ok);
        var provider = await TokenChecks.ProviderAsync(patient with { Tokens = [.. patient.Tokens.Select(Elsewhere)] }, CancellationToken.None);
        provider.Should().ContainSingle().Which.Health.Should().Be(reason == Reasons.ProviderUnavailable ? Health.Critical : Health.Ok);
    }

    [Fact]
    public async Task A_provider_that_answers_is_reached_whatever_it_says_and_one_that_does_not_is_a_warning()
    {
        await using var server = await ScriptedTokenServer.StartAsync();
        (await TokenChecks.ReachAsync("google", server.TokenEndpoint, CancellationToken.None)).Should().Be(CheckResult.Ok("google is reached from this machine (127.0.0.1)."));
        (await TokenChecks.ReachAsync("google", new($"http://127.0.0.1:{Ports.Free()}/token"), CancellationToken.None)).Should().Match<CheckResult>(
            finding => finding.Health == Health.Warning && finding.Text.StartsWith("google is not reached from this machine (127.0.0.1: "));
    }

    [Fact]
    public void OAuthTokens_that_are_not_good_are_named_with_the_reason()
    {
        var dead = TokenStatusTests.Token(("Ready", "False", Reasons.SeedMissing));
        TokenChecks.Tokens([], "mail", Now).Health.Should().Be(Health.Warning);
        TokenChecks.Tokens(Tokens, "mail", Now).Should().Be(CheckResult.Ok("1 of 1 are as they should be."));
        TokenChecks.Tokens([.. Tokens, dead], "mail", Now).Should().Be(
            CheckResult.Fail("1 of 2 are not as they should be (marcus: SeedMissing). kubectl oauthtoken status -n mail says why, and what to do."));
    }

    [Fact]
    public void The_operators_names_are_those_of_its_Deployment()
    {
        var usual = Repository.Manifest<V1Deployment>("config/manager/deployment.yaml");
        OperatorPods.AreOf(usual).Should().BeTrue();
        OperatorInstall.From(usual, new Dictionary<string, string>()).Should().Be(new OperatorInstall("token-operator-system"));

        usual.Metadata.Name = "mine-token-operator";
        usual.Spec.Template.Spec.ServiceAccountName = "mine";
        usual.Spec.Template.Spec.Volumes[0].Secret.SecretName = "mine-keys";
        OperatorInstall.From(usual, new Dictionary<string, string> { ["LeaderElection__LeaseName"] = "mine-lease" }).Should().Be(new OperatorInstall("token-operator-system")
        {
            Deployment = "mine-token-operator",
            ServiceAccount = "mine",
            Lease = new("token-operator-system", "mine-lease"),
            KeySecret = "mine-keys",
        });

        usual.Spec.Template.Spec.Volumes.Clear();
        OperatorInstall.From(usual, new Dictionary<string, string> { ["LeaderElection__Enabled"] = "false" })
            .Should().Match<OperatorInstall>(install => install.KeySecret == null && install.Lease == null);
    }

    private static CheckResult Leader(V1Lease? lease) => OperatorChecks.Leader(lease, new("system", "token-operator"), Now);

    private static V1CustomResourceDefinition Definition() =>
        Repository.Manifest<V1CustomResourceDefinition>("config/crds/tokenoperator.dev_oauthtokens.yaml");

    /// <summary>Of a provider that this machine does not know, so that nobody is called.</summary>
    private static V1Alpha1OAuthToken Elsewhere(V1Alpha1OAuthToken token) => new() { Metadata = token.Metadata, Spec = token.Spec with { Provider = "elsewhere" }, Status = token.Status };

    private static V1Pod OperatorPod(string name, string? waiting) => new()
    {
        Metadata = new V1ObjectMeta { Name = name },
        Status = new V1PodStatus
        {
            Conditions = [new V1PodCondition { Type = "Ready", Status = waiting is null ? "True" : "False" }],
            ContainerStatuses = [new V1ContainerStatus { State = new V1ContainerState { Waiting = waiting is null ? null : new V1ContainerStateWaiting { Reason = waiting } } }],
        },
    };

    private static V1Lease Lease(string holder, DateTimeOffset renewed) =>
        new() { Spec = new V1LeaseSpec { HolderIdentity = holder, RenewTime = renewed.UtcDateTime, LeaseDurationSeconds = 15 } };

    private static V1Volume SecretVolume() => new() { Name = "token", Secret = new V1SecretVolumeSource { SecretName = "marcus-token" } };

    private static V1Pod Pod(string name, V1Volume? volume = null, V1VolumeMount? mount = null) => new()
    {
        Metadata = new V1ObjectMeta { Name = name },
        Spec = new V1PodSpec
        {
            Volumes = volume is null ? null : [volume],
            Containers = [new V1Container { Name = "main", VolumeMounts = mount is null ? null : [mount] }],
        },
    };
}
