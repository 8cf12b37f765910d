using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using k8s.Models;
using TokenOperator.Api;
using TokenOperator.TestBed;
using TokenOperator.Tests.Api;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Tests.Config;

/// <summary>Holds config/validation to what the operator itself accepts and refuses.</summary>
public sealed class ValidationPolicyTests
{
    private static readonly AdmissionPolicy Policy = new("config/validation/policy.yaml");

    private static readonly EntitySpec Valid = new() { Provider = "google", Account = "marcus", ClientSecretRef = new SecretKeyRef { Name = "client" } };

    [Fact]
    public async Task What_the_operator_refuses_is_refused_by_the_schema_or_by_the_policy_with_the_name_of_the_field()
    {
        var mistakes = GrantReaderTests.Mistakes.Select(row => (Expected: (string)row[0], Spec: (EntitySpec)row[1]))
            .Concat(TokenRequestTests.Mistakes.Select(row => (Expected: (string)row[0], Spec: ((Func<EntitySpec, EntitySpec>)row[1])(Valid))))
            .Where(mistake => IsValidBySchema(mistake.Spec)).ToList();

        var failures = await Policy.EvaluateAsync(mistakes.Select(mistake => Creation(mistake.Spec)));

        mistakes.Should().HaveCountGreaterThan(20);
        mistakes.Zip(failures)
            .Where(pair => !pair.Second.Any(message => pair.First.Expected.StartsWith(message.Split(' ')[0], StringComparison.Ordinal)))
            .Select(pair => $"{pair.First.Expected} -> {string.Join(" ", pair.Second)}").Should().BeEmpty();
    }

    [Fact]
    public async Task What_the_operator_accepts_is_accepted()
    {
        var specs = GrantReaderTests.Examples.Append(Valid).Append(Valid with { RefreshBefore = "1h30m5s" }).Append(Valid with { RefreshBefore = "100h" })
            .Append(Valid with { SecretTemplate = new Template { Labels = new Dictionary<string, string> { ["team"] = "mail" }, Annotations = new Dictionary<string, string> { ["example.com/a"] = "b" } } })
            .ToList();
        specs.Should().OnlyContain(spec => IsValidBySchema(spec));

        (await Policy.EvaluateAsync(specs.Select(Creation))).Should().OnlyContain(failures => failures.Count == 0);
    }

    [Fact]
    public async Task The_provider_and_the_account_cannot_change()
    {
        var used = new EntityStatus { Provider = "google", Account = "marcus" };
        var failures = await Policy.EvaluateAsync(
        [
            Update(Valid, Valid with { Account = "anna" }, used), Update(Valid, Valid with { Provider = "microsoft" }), Update(Valid, Valid with { Suspend = true }, used),
            Update(Valid with { Account = "anna" }, Valid, used), Update(Valid with { Provider = "microsoft" }, Valid, used), Update(Valid with { Account = "anna" }, Valid, new EntityStatus()),
        ]);

        failures.Should().BeEquivalentTo(
            (string[][])[["spec.account was marcus and cannot change. Create another OAuthToken."], ["spec.provider was google and cannot change. Create another OAuthToken."], [], [], [], ["spec.account was anna and cannot change. Create another OAuthToken."]],
            options => options.WithStrictOrdering(), "an object can only be changed back to what it has used");
    }

    [Fact]
    public async Task An_object_that_is_older_than_the_policy_can_be_labelled_and_deleted()
    {
        var old = Valid with { RefreshBefore = "1s" };

        (await Policy.EvaluateAsync([Update(old, old), Update(old, old with { Suspend = true })])).Select(failures => failures.Count).Should().Equal(0, 1);
    }

    private static bool IsValidBySchema(EntitySpec spec)
    {
        using var entity = JsonDocument.Parse(Entity(spec)["spec"]!.ToJsonString());
        return Schema.Evaluate(entity.RootElement).IsValid;
    }

    private static readonly JsonSchema Schema = JsonSchema.FromText(
        Repository.Documents("config/crds/tokenoperator.dev_oauthtokens.yaml")[0]["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!["properties"]!["spec"]!.ToJsonString());

    private static JsonObject Creation(EntitySpec spec) => new() { ["object"] = Entity(spec) };

    private static JsonObject Update(EntitySpec before, EntitySpec after, EntityStatus? status = null) =>
        new() { ["object"] = Entity(after, status), ["oldObject"] = Entity(before, status) };

    private static JsonNode Entity(EntitySpec spec, EntityStatus? status = null) => JsonSerializer.SerializeToNode(
        new V1Beta1OAuthToken { ApiVersion = "tokenoperator.dev/v1beta1", Kind = KindName, Metadata = new V1ObjectMeta { Name = "marcus-gmail", NamespaceProperty = "mail" }, Spec = spec, Status = status! },
        OAuthTokenJson.Default.V1Beta1OAuthToken)!;
}
