using System.Text.Json.Nodes;
using KubectlOAuthToken.Report;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class FreeTextTests
{
    /// <summary>Free names whose values have a syntax of their own, and are needed to understand the object.</summary>
    private static readonly string[] Shown = ["parameters", "scopes.aliases", "export", "githubApp.permissions"];

    [Theory]
    [InlineData("""{"request": {"format": "form", "headers": {"X-Partner": "7731"}}}""", """{"request": {"format": "form", "headers": {"X-Partner": "***"}}}""")]
    [InlineData("""{"refresh": {"parameters": {"one": "7731", "two": ["7731", "7732"]}, "omit": ["scope"]}}""", """{"refresh": {"parameters": {"one": "***", "two": "***"}, "omit": ["scope"]}}""")]
    [InlineData("""{"clientCredentials": {"parameters": {"partner": "7731"}}}""", """{"clientCredentials": {"parameters": {"partner": "***"}}}""")]
    [InlineData("""{"jwtBearer": {"claims": {"partner": "7731"}, "issuer": "me"}}""", """{"jwtBearer": {"claims": {"partner": "***"}, "issuer": "me"}}""")]
    [InlineData("""{"secretTemplate": {"labels": {"a": "7731"}, "annotations": {"b": "7731"}}}""", """{"secretTemplate": {"labels": {"a": "***"}, "annotations": {"b": "***"}}}""")]
    [InlineData("""{"extends": "microsoft", "parameters": {"tenant": "contoso"}, "errors": {"rules": [{"code": "x", "class": "grant"}]}}""", """{"extends": "microsoft", "parameters": {"tenant": "contoso"}, "errors": {"rules": [{"code": "x", "class": "grant"}]}}""")]
    [InlineData("""{"request": {"headers": "7731"}, "refresh": null}""", """{"request": {"headers": "7731"}, "refresh": null}""")]
    public void Free_text_keeps_its_names_and_everything_else_its_values(string spec, string kept) =>
        JsonNode.DeepEquals(FreeText.Hide(JsonNode.Parse(spec)), JsonNode.Parse(kept)).Should().BeTrue("it is {0}", FreeText.Hide(JsonNode.Parse(spec)));

    [Fact]
    public void An_object_without_a_spec_has_none() => FreeText.Hide(null).Should().BeNull();

    /// <summary>A new map of the API is either hidden or named in this test.</summary>
    [Theory]
    [InlineData("tokenoperator.dev_clusteroauthproviders.yaml")]
    [InlineData("tokenoperator.dev_oauthtokens.yaml")]
    public void Each_map_of_a_definition_is_hidden_or_known_to_be_no_secret(string file)
    {
        var crd = new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(File.ReadAllText(Repository.File($"config/crds/{file}")));
        foreach (var version in (List<object>)Map(crd["spec"])["versions"])
        {
            var spec = Map(Map(Map(Map(Map(version)["schema"])["openAPIV3Schema"])["properties"])["spec"]);
            var maps = Maps(spec, "").ToList();
            maps.Should().NotBeEmpty();
            foreach (var path in maps)
            {
                var sample = path.Split('.').Reverse().Aggregate((JsonNode)new JsonObject { ["name"] = "7731" }, (inner, name) => new JsonObject { [name] = inner });
                FreeText.Hide(sample)!.ToJsonString().Contains("7731", StringComparison.Ordinal).Should().Be(Shown.Contains(path), "of {0}", path);
            }
        }
    }

    private static IEnumerable<string> Maps(Dictionary<object, object> schema, string path)
    {
        foreach (var (name, field) in Map(schema.GetValueOrDefault("properties") ?? new Dictionary<object, object>()).Select(field => ($"{path}{field.Key}", Map(field.Value))))
        {
            if (field.ContainsKey("x-kubernetes-preserve-unknown-fields") || (field.TryGetValue("additionalProperties", out var values) && !Map(values).ContainsKey("properties")))
                yield return name;
            foreach (var found in Maps(field, $"{name}."))
                yield return found;
        }
    }

    private static Dictionary<object, object> Map(object node) => (Dictionary<object, object>)node;
}
