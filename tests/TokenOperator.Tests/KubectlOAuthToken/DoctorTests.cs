using k8s.Models;
using KubectlOAuthToken.Doctor;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class DoctorTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly V1Beta1OAuthToken[] Tokens = [TokenStatusTests.Token()];

    [Fact]
    public void A_role_without_the_right_to_read_namespaces_is_a_warning_and_one_without_another_a_failure()
    {
        var account = new NamespacedName("system", "token-operator");
        OperatorChecks.Rights(account, "mail", []).Should().ContainSingle().Which.Health.Should().Be(Health.Ok);
        OperatorChecks.Rights(account, "mail", [OperatorChecks.ReadNamespace]).Should().ContainSingle().Which.Should().Match<CheckResult>(
            result => result.Health == Health.Warning && result.Text.Contains("cannot get namespaces in mail") && result.Text.Contains("kubectl apply -k config/rbac"));
        OperatorChecks.Rights(account, "mail", [OperatorChecks.ReadNamespace, new AccessRight("get", "", "secrets")]).Should().ContainSingle().Which.Health.Should().Be(Health.Critical);
    }

    [Fact]
    public void A_Secret_mounted_as_a_directory_passes()
    {
        var result = TokenChecks.Mounts(Tokens, [Pod("app", SecretVolume(), new V1VolumeMount { Name = "token", MountPath = "/token" })]).Should().ContainSingle().Subject;
        result.Health.Should().Be(Health.Ok);
        result.Text.Should().Contain("marcus-token").And.Contain("app");
    }

    [Fact]
    public void A_Secret_mounted_with_subPath_fails_even_in_a_projected_volume()
    {
        var projected = new V1Volume { Name = "token", Projected = new V1ProjectedVolumeSource { Sources = [new V1VolumeProjection { Secret = new V1SecretProjection { Name = "marcus-token" } }] } };
        foreach (var volume in new[] { SecretVolume(), projected })
        {
            var result = TokenChecks.Mounts(Tokens, [Pod("app", volume, new V1VolumeMount { Name = "token", MountPath = "/token/file", SubPath = "access_token" })]).Should().ContainSingle().Subject;
            result.Health.Should().Be(Health.Critical);
            result.Text.Should().Contain("with subPath in pod app, container main").And.Contain("docs/use-the-token.md");
        }
    }

    [Fact]
    public void A_Secret_in_the_environment_fails()
    {
        var byKey = Pod("by-key");
        byKey.Spec.Containers[0].Env = [new V1EnvVar { Name = "T", ValueFrom = new V1EnvVarSource { SecretKeyRef = new V1SecretKeySelector { Name = "marcus-token", Key = "access_token" } } }];
        var whole = Pod("whole");
        whole.Spec.Containers[0].EnvFrom = [new V1EnvFromSource { SecretRef = new V1SecretEnvSource { Name = "marcus-token" } }];
        TokenChecks.Mounts(Tokens, [byKey, whole]).Should().HaveCount(2).And.OnlyContain(result => result.Health == Health.Critical && result.Text.Contains("environment"));
    }

    [Fact]
    public void A_Secret_of_no_OAuthToken_is_ignored()
    {
        var other = SecretVolume();
        other.Secret.SecretName = "other";
        TokenChecks.Mounts(Tokens, [Pod("app", other, new V1VolumeMount { Name = "token", MountPath = "/x", SubPath = "y" })])
            .Should().ContainSingle().Which.Text.Should().StartWith("No pod of the namespace");
    }

    [Fact]
    public void Only_a_renewed_lease_has_a_leader()
    {
        Leader(Lease("operator-a_1", Now.AddSeconds(-3))).Should().Be(CheckResult.Ok("operator-a_1 leads."));
        Leader(Lease("operator-a_1", Now.AddMinutes(-5))).Text.Should().StartWith("No operator leads: operator-a_1 has not renewed the lease for 5m");
        Leader(Lease("", Now)).Health.Should().Be(Health.Critical, "it was released");
        Leader(null).Health.Should().Be(Health.Critical);
    }

    [Fact]
    public void A_leader_with_a_clock_ahead_is_a_warning()
    {
        Leader(Lease("operator-a_1", Now.AddMinutes(2))).Should().Match<CheckResult>(result => result.Health == Health.Warning && result.Text.Contains("2m ahead"));
    }

    [Theory]
    [InlineData(0, Health.Ok, "*its clock agrees with this machine's.")]
    [InlineData(30, Health.Ok, "*its clock agrees with this machine's.")]
    [InlineData(90, Health.Warning, "This machine's clock is 1m30s ahead of the API server's*NTP.")]
    [InlineData(-3600, Health.Warning, "This machine's clock is 1h behind the API server's*NTP.")]
    public void A_clock_difference_is_reported_with_its_direction(int seconds, Health health, string text) =>
        ClusterChecks.Server(new("https://k8s.example"), Now, Now.AddSeconds(seconds)).Should().Match<CheckResult>(result => result.Health == health).And.Subject
            .As<CheckResult>().Text.Should().Match(text);

    [Fact]
    public void A_server_that_does_not_report_its_time_is_a_warning() =>
        ClusterChecks.Server(new("https://k8s.example"), null, Now).Should().Be(CheckResult.Warning("https://k8s.example/ responds, but does not report its time."));

    [Fact]
    public void A_CRD_that_is_missing_unserved_or_old_fails_and_names_what_to_apply()
    {
        ClusterChecks.Definition(Definition()).Health.Should().Be(Health.Ok);
        ClusterChecks.Definition(null).Should().Be(CheckResult.Fail("The CRD oauthtokens.tokenoperator.dev does not serve v1beta1. Run: kubectl apply -k config/crds"));
        var unserved = Definition();
        unserved.Spec.Versions[0].Served = false;
        ClusterChecks.Definition(unserved).Should().Match<CheckResult>(result => result.Health == Health.Warning && result.Text.Contains("serves only v1alpha1") && result.Text.Contains("kubectl apply -k config/crds"));
        unserved.Spec.Versions[1].Served = false;
        ClusterChecks.Definition(unserved).Should().Be(ClusterChecks.Definition(null));
        var older = Definition();
        older.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties.Remove("identity");
        older.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"].Properties.Remove("authorizationURL");
        ClusterChecks.Definition(older).Should().Be(CheckResult.Fail(
            "The CRD oauthtokens.tokenoperator.dev has another version: it lacks spec.identity, status.authorizationURL. Run: kubectl apply -k config/crds"));
    }

    [Fact]
    public void Pods_fail_when_none_is_ready_and_the_result_names_what_they_wait_for()
    {
        var install = new OperatorInstall("system");
        OperatorChecks.Pods([], install).Should().Match<CheckResult>(result => result.Health == Health.Critical && result.Text.Contains("kubectl describe deployment token-operator -n system"));
        OperatorChecks.Pods([OperatorPod("a", null), OperatorPod("b", null)], install).Should().Be(CheckResult.Ok("2 of 2 pods are ready."));
        OperatorChecks.Pods([OperatorPod("a", null), OperatorPod("b", "ImagePullBackOff")], install).Should().Be(
            CheckResult.Warning("1 of 2 pods are ready (b: ImagePullBackOff). Run: kubectl describe pod -n system b"));
        OperatorChecks.Pods([OperatorPod("b", "CrashLoopBackOff")], install).Health.Should().Be(Health.Critical);
    }

    public static TheoryData<string, V1PodStatus> PodsThatAreNotReady => new()
    {
        { "a: Unschedulable). Run: kubectl describe pod -n system a", new() { Phase = "Pending", Conditions = [new() { Type = "PodScheduled", Status = "False", Reason = "Unschedulable" }] } },
        { "a: Pending). Run: kubectl describe pod -n system a", new() { Phase = "Pending" } },
        { "a: ContainerCreating). Run: kubectl describe pod -n system a", new() { Phase = "Pending", ContainerStatuses = [new() { State = new() { Waiting = new() { Reason = "ContainerCreating" } } }] } },
        { "a: CreateContainerConfigError). Run: kubectl describe pod -n system a", new() { Phase = "Pending", ContainerStatuses = [new() { State = new() { Waiting = new() { Reason = "CreateContainerConfigError" } } }] } },
        { "a: CrashLoopBackOff). Run: kubectl logs -n system a --previous", new() { Phase = "Running", ContainerStatuses = [new() { RestartCount = 3, State = new() { Waiting = new() { Reason = "CrashLoopBackOff" } } }] } },
        { "a: Running). Run: kubectl logs -n system a --previous", new() { Phase = "Running", ContainerStatuses = [new() { RestartCount = 1, State = new() { Running = new() } }] } },
        { "a: Running). Run: kubectl logs -n system a", new() { Phase = "Running", ContainerStatuses = [new() { State = new() { Running = new() } }] } },
        { "a: Error). Run: kubectl logs -n system a", new() { Phase = "Failed", ContainerStatuses = [new() { State = new() { Terminated = new() { Reason = "Error", ExitCode = 1 } } }] } },
    };

    [Theory]
    [MemberData(nameof(PodsThatAreNotReady))]
    public void The_next_step_for_a_pod_that_is_not_ready_shows_something(string expected, V1PodStatus status) =>
        OperatorChecks.Pods([new() { Metadata = new() { Name = "a", NamespaceProperty = "system" }, Status = status }], new OperatorInstall("system")).Text.Should().EndWith(expected);

    [Fact]
    public void A_namespace_that_the_operator_does_not_serve_is_explained_in_a_sentence()
    {
        var deployment = Repository.Manifest<V1Deployment>("config/manager/deployment.yaml");
        var some = OperatorInstall.From(deployment, new Dictionary<string, string> { ["Namespaces"] = "mail, shop" });
        (some.Serves("mail"), some.Serves("shop"), some.Serves("other")).Should().Be((true, true, false));
        OperatorInstall.From(deployment, new Dictionary<string, string>()).Serves("other").Should().BeTrue();

        OperatorChecks.NotServed(some, "other").Should().Be(CheckResult.Warning(
            "The operator does not serve other, so it needs no rights there. It serves mail, shop. To add the namespace, see docs/install.md, \"For some namespaces only\"."));
    }

    [Theory]
    [InlineData(Reasons.StoreUnavailable)]
    [InlineData(Reasons.ProviderUnavailable)]
    public async Task A_problem_that_an_OAuthToken_reports_fails(string reason)
    {
        using var cluster = TestCluster.Connect("https://127.0.0.1:1");
        var context = new DoctorContext(cluster, new OperatorInstall("system"), Now, Now, [TokenStatusTests.Token(("Refreshed", "False", reason))]);
        TokenChecks.Postgres(context).Health.Should().Be(reason == Reasons.StoreUnavailable ? Health.Critical : Health.Ok);
        var provider = await TokenChecks.ProviderAsync(context with { Tokens = [.. context.Tokens.Select(Elsewhere)] }, CancellationToken.None);
        provider.Should().ContainSingle().Which.Health.Should().Be(reason == Reasons.ProviderUnavailable ? Health.Critical : Health.Ok);
    }

    [Fact]
    public async Task A_provider_passes_with_any_response_and_gets_a_warning_without_one()
    {
        await using var server = await ScriptedTokenServer.StartAsync();
        (await TokenChecks.ReachAsync("google", server.TokenEndpoint, CancellationToken.None)).Should().Be(CheckResult.Ok("This machine can reach google (127.0.0.1)."));
        (await TokenChecks.ReachAsync("google", new($"http://127.0.0.1:{Ports.Free()}/token"), CancellationToken.None)).Should().Match<CheckResult>(
            result => result.Health == Health.Warning && result.Text.StartsWith("This machine cannot reach google (127.0.0.1: "));
    }

    [Fact]
    public void OAuthTokens_with_a_problem_are_named_with_the_reason()
    {
        var dead = TokenStatusTests.Token(("Ready", "False", Reasons.SeedMissing));
        TokenChecks.Tokens([], "mail", Now).Health.Should().Be(Health.Warning);
        TokenChecks.Tokens(Tokens, "mail", Now).Should().Be(CheckResult.Ok("All 1 are healthy."));
        TokenChecks.Tokens([.. Tokens, dead], "mail", Now).Should().Be(
            CheckResult.Fail("1 of 2 have a problem (marcus: SeedMissing). To see the cause and the next step, run: kubectl oauthtoken status -n mail"));
    }

    [Fact]
    public void The_names_of_the_operators_objects_come_from_its_Deployment()
    {
        var deployment = Repository.Manifest<V1Deployment>("config/manager/deployment.yaml");
        OperatorPods.AreOf(deployment).Should().BeTrue();
        var unchanged = OperatorInstall.From(deployment, new Dictionary<string, string> { ["Namespaces"] = "mail" });
        (unchanged with { Namespaces = [], Settings = null, WorkloadIdentity = null }).Should().Be(new OperatorInstall("token-operator-system") with { Namespaces = [] });
        unchanged.Settings!.Select(setting => (setting.Name, setting.Origin)).Should().Contain([("Encryption__KeyringPath", "the Deployment"), ("Namespaces", "a ConfigMap")]);

        deployment.Metadata.Name = "mine-token-operator";
        deployment.Spec.Template.Spec.ServiceAccountName = "mine";
        deployment.Spec.Template.Spec.Volumes.Single(volume => volume.Name == "keys").Secret.SecretName = "mine-keys";
        (OperatorInstall.From(deployment, new Dictionary<string, string> { ["LeaderElection__LeaseName"] = "mine-lease" }) with { Settings = null, WorkloadIdentity = null }).Should().Be(new OperatorInstall("token-operator-system")
        {
            Deployment = "mine-token-operator",
            ServiceAccount = "mine",
            Lease = new("token-operator-system", "mine-lease"),
            KeySecret = "mine-keys",
        });

        deployment.Spec.Template.Spec.Volumes.Clear();
        OperatorInstall.From(deployment, new Dictionary<string, string> { ["LeaderElection__Enabled"] = "false" })
            .Should().Match<OperatorInstall>(install => install.KeySecret == null && install.Lease == null);
    }

    [Theory]
    [InlineData(null, null, false, Health.Ok, "No OAuthToken uses")]
    [InlineData(null, null, true, Health.Critical, "WorkloadIdentityTokenFile is not set")]
    [InlineData("/tokens/token", "jobs", true, Health.Critical, "WorkloadIdentityNamespaces is jobs")]
    [InlineData("/tokens/token", "jobs,mail", true, Health.Ok, "for api://AzureADTokenExchange as /tokens/token")]
    [InlineData("/tokens/token", null, false, Health.Ok, "for api://AzureADTokenExchange as /tokens/token")]
    [InlineData("/elsewhere/token", "mail", true, Health.Warning, "mounts no projected ServiceAccount token with an audience there; it mounts /tokens/token")]
    public void The_identity_of_the_operator_is_checked_if_someone_uses_it(string? file, string? namespaces, bool isUsed, Health health, string text)
    {
        var deployment = Repository.Manifest<V1Deployment>("config/manager/deployment.yaml");
        var pod = deployment.Spec.Template.Spec;
        var source = new V1VolumeProjection { ServiceAccountToken = new V1ServiceAccountTokenProjection { Path = "token", Audience = "api://AzureADTokenExchange" } };
        pod.Volumes.Add(new V1Volume { Name = "workload-identity", Projected = new V1ProjectedVolumeSource { Sources = [source] } });
        pod.Containers[0].VolumeMounts.Add(new V1VolumeMount { Name = "workload-identity", MountPath = "/tokens" });
        var settings = new Dictionary<string, string> { ["WorkloadIdentityTokenFile"] = file ?? "", ["WorkloadIdentityNamespaces"] = namespaces ?? "" };
        var token = TokenStatusTests.Token();
        V1Beta1OAuthToken[] tokens = isUsed ? [new() { Metadata = token.Metadata, Spec = token.Spec with { Grant = "WorkloadIdentity" } }] : Tokens;

        var result = OperatorChecks.WorkloadIdentity(tokens, "mail", OperatorInstall.From(deployment, settings));

        result.Health.Should().Be(health);
        result.Text.Should().Contain(text);
        OperatorChecks.WorkloadIdentity(tokens, "mail", new OperatorInstall("system")).Health.Should().Be(isUsed ? Health.Warning : Health.Ok, "who cannot read the Deployment does not know");
    }

    private static CheckResult Leader(V1Lease? lease) => OperatorChecks.Leader(lease, new("system", "token-operator"), Now);

    private static V1CustomResourceDefinition Definition() =>
        Repository.Manifest<V1CustomResourceDefinition>("config/crds/tokenoperator.dev_oauthtokens.yaml");

    /// <summary>With a provider that this machine does not know, so that the check calls no endpoint.</summary>
    private static V1Beta1OAuthToken Elsewhere(V1Beta1OAuthToken token) => new() { Metadata = token.Metadata, Spec = token.Spec with { Provider = "elsewhere" }, Status = token.Status };

    private static V1Pod OperatorPod(string name, string? waiting) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "system" },
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
