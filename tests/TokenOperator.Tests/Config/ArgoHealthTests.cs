using System.Text.Json;
using System.Text.Json.Nodes;
using NLua;
using TokenOperator.Api;
using YamlDotNet.Serialization;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Tests.Config;

/// <summary>The health check for Argo CD, run by Lua as Argo CD runs it: the object is the global <c>obj</c>.</summary>
public sealed class ArgoHealthTests
{
    private const string Key = "resource.customizations.health.tokenoperator.dev_OAuthToken";

    [Fact]
    public void An_object_that_the_operator_has_not_seen_is_progressing() => Health(status: null).Status.Should().Be("Progressing");

    [Fact]
    public void A_suspended_object_is_suspended_whatever_its_conditions_say() =>
        Health(StatusOf(ready: "False", Reasons.TokenExpired, stalled: "True"), suspend: true).Status.Should().Be("Suspended");

    [Theory]
    [InlineData("True", Reasons.Refreshed, "False", "Healthy")]
    [InlineData("True", Reasons.ProviderUnavailable, "False", "Healthy")]
    [InlineData("True", Reasons.ReauthorizationRequired, "True", "Degraded")]
    [InlineData("False", Reasons.ReauthorizationRequired, "True", "Degraded")]
    [InlineData("False", Reasons.TokenExpired, "False", "Degraded")]
    [InlineData("False", Reasons.Pending, "False", "Progressing")]
    [InlineData("False", Reasons.StoreUnavailable, "False", "Progressing")]
    public void The_health_follows_from_the_conditions(string ready, string reason, string stalled, string health)
    {
        var result = Health(StatusOf(ready, reason, stalled));

        result.Status.Should().Be(health);
        result.Message.Should().Be(stalled == "True" ? "the message of Stalled" : "the message of Ready");
    }

    [Fact]
    public void A_status_of_an_older_spec_is_not_taken_for_the_health_of_the_current_one() =>
        Health(StatusOf("True", Reasons.Refreshed, "False"), generation: 4).Status.Should().Be("Progressing");

    private static EntityStatus StatusOf(string ready, string reason, string stalled) => new()
    {
        ObservedGeneration = 3,
        Conditions =
        [
            new Condition { Type = ConditionTypes.Ready, Status = ready, Reason = reason, Message = "the message of Ready", LastTransitionTime = "2026-05-01T12:00:00Z" },
            new Condition { Type = ConditionTypes.Stalled, Status = stalled, Reason = reason, Message = "the message of Stalled", LastTransitionTime = "2026-05-01T12:00:00Z" },
        ],
    };

    private static (string Status, string Message) Health(EntityStatus? status, bool suspend = false, long generation = 3)
    {
        var entity = new V1Beta1OAuthToken
        {
            Metadata = new() { Name = "marcus-gmail", NamespaceProperty = "mail", Generation = generation },
            Spec = new EntitySpec { Provider = "google", Account = "marcus", ClientSecretRef = new SecretKeyRef { Name = "client" }, Suspend = suspend },
            Status = status!,
        };
        var file = new DeserializerBuilder().Build().Deserialize<Dictionary<string, Dictionary<string, string>>>(File.ReadAllText(Repository.File("config/argocd/argocd-cm.yaml")));
        using var lua = new Lua();
        lua.DoString($"obj = {Literal(JsonSerializer.SerializeToNode(entity, OAuthTokenJson.Default.V1Beta1OAuthToken))}");
        using var result = (LuaTable)lua.DoString(file["data"][Key])[0];
        return ((string)result["status"], (string)result["message"]);
    }

    /// <summary>The value as a Lua literal.</summary>
    private static string Literal(JsonNode? node) => node switch
    {
        null => "nil",
        JsonObject map => $"{{{string.Join(", ", map.Select(member => $"[\"{member.Key}\"] = {Literal(member.Value)}"))}}}",
        JsonArray list => $"{{{string.Join(", ", list.Select(Literal))}}}",
        _ => node.ToJsonString(),
    };
}
