using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Config;

/// <summary>config/image-policy, which allows only a verified image in the operator's namespace.</summary>
public sealed class ImagePolicyTests
{
    private const string Allowed = "registry.example.com/token-operator@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    private const string Other = "registry.example.com/token-operator:0.1.0";
    private static readonly AdmissionPolicy Policy = new("config/image-policy/policy.yaml");

    [Fact]
    public async Task Only_the_digest_of_the_policy_runs_in_any_kind_of_container()
    {
        var failures = await Policy.EvaluateAsync(
        [
            Pod([Allowed]), Pod([Allowed, Allowed]), Pod([Other]), Pod([Allowed, Other]), Pod([Allowed], "initContainers"), Pod([Allowed], "ephemeralContainers"),
            Pod([$"{Other}@sha256:{new string('1', 64)}"]),
        ]);

        failures.Select(messages => messages.Count).Should().Equal(0, 0, 1, 1, 1, 1, 1);
        failures[2].Should().ContainSingle().Which.Should().EndWith($"found {Other}");
    }

    private static JsonObject Pod(string[] images, string? otherKind = null)
    {
        var spec = new JsonObject { ["containers"] = Containers(images) };
        if (otherKind is not null)
            spec[otherKind] = Containers([Other]);
        return new JsonObject { ["object"] = new JsonObject { ["spec"] = spec } };
    }

    private static JsonArray Containers(string[] images) => new([.. images.Select(image => new JsonObject { ["image"] = image })]);
}
