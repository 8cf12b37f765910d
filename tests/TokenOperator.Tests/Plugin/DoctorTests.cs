using k8s.Models;
using TokenOperator.Entities;
using TokenOperator.Plugin;
using TokenOperator.Plugin.Doctor;

namespace TokenOperator.Tests.Plugin;

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
        Leader(Lease("operator-a_1", Now.AddSeconds(-3))).Should().Be(Finding.Ok("operator-a_1 leads."));
        Leader(Lease("operator-a_1", Now.AddMinutes(-5))).Text.Should().StartWith("No operator leads: operator-a_1 has not renewed the lease for 5m");
        Leader(Lease("", Now)).Health.Should().Be(Health.Critical, "it was released");
        Leader(null).Health.Should().Be(Health.Critical);
    }

    [Fact]
    public void A_clock_that_is_off_is_told_with_the_direction()
    {
        Leader(Lease("operator-a_1", Now.AddMinutes(2))).Should().Match<Finding>(finding => finding.Health == Health.Warning && finding.Text.Contains("2m ahead"));
    }

    private static Finding Leader(V1Lease? lease) => OperatorChecks.Leader(lease, new Patient(null!, "system", Now, Now, []));

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
