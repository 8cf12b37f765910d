using System.Text.Json;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Publishing;

namespace TokenOperator.Tests.Publishing;

public sealed class SecretInfoTests
{
    private const string Owner = """{"apiVersion":"tokenoperator.dev/v1beta1","kind":"OAuthToken","name":"marcus","uid":"u1","controller":true}""";
    private const string AllKeys = """{"f:access_token":{},"f:token_type":{},"f:expires_at":{},"f:scope":{},"f:provider":{},"f:account":{}}""";

    private static SecretInfo Info(string managedFields, string label = "token-operator", string owner = Owner, string annotations = """{"tokenoperator.dev/content-hash":"h"}""") =>
        SecretInfo.From(JsonSerializer.Deserialize($$$"""
            {"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{"name":"s","namespace":"mail","uid":"u9","resourceVersion":"7",
             "labels":{"app.kubernetes.io/managed-by":{{{JsonSerializer.Serialize(label)}}}},"annotations":{{{annotations}}},
             "ownerReferences":[{{{owner}}}],"managedFields":[{{{managedFields}}}]}}
            """, new ApiJson().Info<PartialObjectMetadata>())!);

    private static string Fields(string manager, string operation, string data) =>
        $$$"""{"manager":"{{{manager}}}","operation":"{{{operation}}}","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:data":{{{data}}}}}""";

    [Fact]
    public void A_Secret_whose_data_only_the_operator_applied_is_intact() =>
        Info(Fields("token-operator", "Apply", AllKeys)).Mark.Should().BeEquivalentTo(
            new SecretInfo.OperatorMark("u9", null, "h", Intact: true, [new SecretOwner("tokenoperator.dev/v1beta1", "OAuthToken", "marcus", "u1", IsController: true, IsOAuthToken: true)]));

    [Theory]
    [InlineData("kubectl-edit", "Update", """{"f:access_token":{}}""")]
    [InlineData("kubectl-patch", "Update", """{".":{},"f:scope":{},"f:something_else":{}}""")]
    [InlineData("token-operator", "Update", """{"f:access_token":{}}""")]
    public void A_Secret_whose_data_someone_else_wrote_is_not_intact(string manager, string operation, string data) =>
        Info(Fields("token-operator", "Apply", AllKeys) + "," + Fields(manager, operation, data)).Mark!.Intact.Should().BeFalse();

    [Fact]
    public void A_Secret_that_lost_a_key_is_not_intact() =>
        Info(Fields("token-operator", "Apply", """{"f:access_token":{}}""")).Mark!.Intact.Should().BeFalse();

    [Fact]
    public void A_key_that_someone_else_added_is_ignored() =>
        Info(Fields("token-operator", "Apply", AllKeys) + "," + Fields("kubectl-patch", "Update", """{"f:something_else":{}}""")).Mark!.Intact.Should().BeTrue();

    [Fact]
    public void Keys_that_a_document_exports_are_counted_apart() =>
        Info(Fields("token-operator", "Apply", AllKeys[..^1] + ""","f:instance_url":{}}""")).Mark!.Should().BeEquivalentTo(new { Intact = true, Exports = 1 });

    [Fact]
    public void Labels_of_someone_else_are_ignored() =>
        Info(Fields("token-operator", "Apply", AllKeys)
             + """,{"manager":"kubectl-label","operation":"Update","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}}}}""").Mark!.Intact.Should().BeTrue();

    [Theory]
    [InlineData("token-operator", Owner, """{"tokenoperator.dev/content-hash":"h"}""", "", "an older version wrote it, and a tool removed the managed fields")]
    [InlineData("helm", Owner, """{"tokenoperator.dev/content-hash":"h"}""", "", "a policy sets the label")]
    [InlineData("helm", "", """{"tokenoperator.dev/written-for":"mail/marcus/s"}""", "", "a backup tool drops owners and managed fields")]
    [InlineData("helm", "", "{}", "fields", "someone removed every annotation")]
    public void A_Secret_is_the_operators_by_any_mark_that_others_do_not_set(string label, string owner, string annotations, string managed, string because) =>
        Info(managed.Length == 0 ? "" : Fields("token-operator", "Apply", AllKeys), label, owner, annotations).Mark.Should().NotBeNull(because);

    [Theory]
    [InlineData("v1alpha1")]
    [InlineData("v1beta1")]
    [InlineData("v1")]
    public void An_owner_of_any_version_of_the_API_is_an_OAuthToken(string version) =>
        Info("", owner: Owner.Replace("v1beta1", version, StringComparison.Ordinal)).Mark!.Should().Match<SecretInfo.OperatorMark>(mark => mark.IsControlledBy("u1") && mark.HasOtherOwners("u2"));

    [Theory]
    [InlineData("token-operator", "", "{}", "only the label")]
    [InlineData("token-operator", Owner, "{}", "the label and an owner, which everyone can name")]
    [InlineData("token-operator", "", """{"tokenoperator.dev/content-hash":"h"}""", "a copy of a Secret of an older version")]
    [InlineData("token-operator", "", """{"tokenoperator.dev/content-hash":"h","tokenoperator.dev/written-for":"mail/marcus/other"}""", "a copy under another name")]
    [InlineData("token-operator", "", """{"tokenoperator.dev/content-hash":"h","tokenoperator.dev/written-for":"other/marcus/s"}""", "a copy in another namespace")]
    [InlineData("token-operator", "", """{"tokenoperator.dev/written-for":"mail//s"}""", "no object is named")]
    [InlineData("token-operator", "", """{"tokenoperator.dev/written-for":"mail/marcus/s/x"}""", "not of the right form")]
    [InlineData("token-operator", """{"apiVersion":"apps/v1","kind":"Deployment","name":"marcus","uid":"u1","controller":true}""", """{"tokenoperator.dev/content-hash":"h"}""", "of another kind")]
    [InlineData("token-operator", """{"apiVersion":"example.com/v1","kind":"OAuthToken","name":"marcus","uid":"u1","controller":true}""", """{"tokenoperator.dev/content-hash":"h"}""", "of another group")]
    public void A_Secret_without_such_a_mark_is_not_the_operators(string label, string owner, string annotations, string because) =>
        Info(Fields("kubectl", "Update", AllKeys), label, owner, annotations).Mark.Should().BeNull(because);
}
