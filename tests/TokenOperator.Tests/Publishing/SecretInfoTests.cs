using System.Text.Json;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Publishing;

namespace TokenOperator.Tests.Publishing;

public sealed class SecretInfoTests
{
    private const string Owner = """{"apiVersion":"tokenoperator.dev/v1alpha1","kind":"OAuthToken","name":"marcus","uid":"u1","controller":true}""";
    private const string AllKeys = """{"f:access_token":{},"f:token_type":{},"f:expires_at":{},"f:scope":{},"f:provider":{},"f:account":{}}""";

    private static SecretInfo Info(string managedFields, string label = "token-operator", string owner = Owner) =>
        SecretInfo.From(JsonSerializer.Deserialize($$$"""
            {"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{"name":"s","namespace":"mail","uid":"u9","resourceVersion":"7",
             "labels":{"app.kubernetes.io/managed-by":{{{JsonSerializer.Serialize(label)}}}},"annotations":{"tokenoperator.dev/content-hash":"h"},
             "ownerReferences":[{{{owner}}}],"managedFields":[{{{managedFields}}}]}}
            """, new ApiJson().Info<PartialObjectMetadata>())!);

    private static string Fields(string manager, string operation, string data) =>
        $$$"""{"manager":"{{{manager}}}","operation":"{{{operation}}}","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:data":{{{data}}}}}""";

    [Fact]
    public void A_Secret_whose_data_only_the_operator_applied_is_intact() =>
        Info(Fields("token-operator", "Apply", AllKeys)).Mark.Should().Be(new SecretInfo.OperatorMark("marcus", "u1", "h", Intact: true));

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
    public void Labels_of_someone_else_are_ignored() =>
        Info(Fields("token-operator", "Apply", AllKeys)
             + """,{"manager":"kubectl-label","operation":"Update","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}}}}""").Mark!.Intact.Should().BeTrue();

    [Fact]
    public void A_Secret_without_the_label_or_the_owner_is_not_the_operators()
    {
        Info(Fields("token-operator", "Apply", AllKeys), label: "helm").Mark.Should().BeNull();
        Info(Fields("token-operator", "Apply", AllKeys), owner: Owner.Replace("OAuthToken", "Deployment")).Mark.Should().BeNull();
        Info(Fields("token-operator", "Apply", AllKeys), owner: Owner.Replace("tokenoperator.dev/", "example.com/")).Mark.Should().BeNull();
    }
}
