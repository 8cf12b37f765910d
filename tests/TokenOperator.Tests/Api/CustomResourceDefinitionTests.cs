using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using k8s.Models;
using TokenOperator.Api;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests.Api;

public sealed class CustomResourceDefinitionTests
{
    private static readonly Dictionary<object, object> Crd = new DeserializerBuilder().Build()
        .Deserialize<Dictionary<object, object>>(File.ReadAllText(Repository.File("config/crds/tokenoperator.dev_oauthtokens.yaml")));

    private static Dictionary<object, object> Version => At((List<object>)At(Crd, "spec")["versions"], 0);

    private static Dictionary<object, object> Schema => At(Version, "schema", "openAPIV3Schema");

    [Fact]
    public void The_definition_has_the_names_of_the_entity()
    {
        var attribute = typeof(V1Beta1OAuthToken).GetCustomAttribute<KubernetesEntityAttribute>()!;
        var names = At(Crd, "spec", "names");
        At(Crd, "spec")["group"].Should().Be(attribute.Group);
        Version["name"].Should().Be(attribute.ApiVersion);
        names["kind"].Should().Be(attribute.Kind);
        names["plural"].Should().Be(attribute.PluralName);
        At(Crd, "metadata")["name"].Should().Be($"{attribute.PluralName}.{attribute.Group}");
    }

    [Theory]
    [InlineData("spec", typeof(V1Beta1OAuthToken.EntitySpec))]
    [InlineData("status", typeof(V1Beta1OAuthToken.EntityStatus))]
    public void The_definition_and_the_entity_have_the_same_fields_with_the_same_types(string section, Type type) =>
        Compare(At(Schema, "properties", section), type, section);

    [Fact]
    public void Every_field_has_a_description()
    {
        var silent = Walk(At(Schema, "properties"), "").Where(f => f.Path != ".metadata" && (f.Field.GetValueOrDefault("description") as string ?? "").Length < 5);
        silent.Select(f => f.Path).Should().BeEmpty();
    }

    [Fact]
    public void The_definition_uses_nothing_that_Kubernetes_1_20_does_not_support() =>
        File.ReadAllText(Repository.File("config/crds/tokenoperator.dev_oauthtokens.yaml"))
            .Split('\n').Where(line => !line.TrimStart().StartsWith('#')).Should().NotContain(line => line.Contains("x-kubernetes-validations"));

    /// <summary>The texts of a spec, except labels and annotations of users, whose names are fields.</summary>
    public static TheoryData<string> SpecTexts => [.. Texts().Select(text => text.Path)];

    [Theory]
    [MemberData(nameof(SpecTexts))]
    public void A_text_of_a_spec_is_bounded_and_holds_nothing_that_acts_on_a_reader(string path)
    {
        var field = Texts().Single(text => text.Path == path).Field;
        if (field.ContainsKey("enum"))
            return;
        int.Parse((string)field["maxLength"], CultureInfo.InvariantCulture).Should().BeLessThanOrEqualTo(512);
        foreach (var acting in new[] { "\e]52;c;aGk=\a", "\e[31m", "a\nNext: b", "a\rb", "\u009b31m", "\u202eb", "\u2066b", "\u200bb", "\u2028b", "\ufeffb", "\u007fb" })
            Regex.IsMatch($"a{acting}", (string)field["pattern"]).Should().BeFalse();
    }

    [Fact]
    public void Every_list_of_a_spec_is_bounded() =>
        Walk(At(Schema, "properties", "spec", "properties"), ".spec").Where(f => (string)f.Field["type"] == "array").Should().OnlyContain(f => f.Field.ContainsKey("maxItems"));

    [Theory]
    [InlineData(".spec.scopes", "https://www.googleapis.com/auth/gmail.send")]
    [InlineData(".spec.scopes", "urn:x:y#z%20")]
    [InlineData(".spec.account", "Zoë 東京")]
    [InlineData(".spec.identity", "marcus@example.com")]
    [InlineData(".spec.refreshBefore", "1h30m")]
    [InlineData(".spec.clientSecretRef.name", "google.client-1")]
    [InlineData(".spec.clientSecretRef.key", "credentials.json")]
    public void A_usual_value_is_allowed(string path, string value) =>
        Regex.IsMatch(value, (string)Texts().Single(text => text.Path == path).Field["pattern"]).Should().BeTrue();

    [Fact]
    public void A_reason_in_a_status_is_one_word()
    {
        var reason = At(Schema, "properties", "status", "properties", "conditions", "items", "properties", "reason");
        ReasonInfo.All.Should().OnlyContain(info => Regex.IsMatch(info.Name, (string)reason["pattern"]));
        foreach (var acting in new[] { "Ready\nNext: x", "\e]52;c;aGk=\a", "a b", "" })
            Regex.IsMatch(acting, (string)reason["pattern"]).Should().BeFalse();
    }

    [Fact]
    public void The_columns_are_as_specified_and_no_time_in_the_future_has_the_type_date()
    {
        var columns = ((List<object>)Version["additionalPrinterColumns"]).Cast<Dictionary<object, object>>().ToList();
        columns.Where(c => !c.ContainsKey("priority")).Select(c => c["name"]).Should().Equal("Provider", "Account", "Ready", "Status", "Expires", "Age");
        columns.Where(c => c.ContainsKey("priority")).Select(c => c["name"]).Should().Equal("Secret", "Last Refresh", "Next Refresh", "Consent Expires", "Message");
        columns.Where(c => (string)c["name"] is "Expires" or "Next Refresh" or "Consent Expires").Select(c => c["type"]).Should().AllBeEquivalentTo("string");
    }

    [Fact]
    public void An_object_without_a_status_shows_Pending()
    {
        var condition = At(Schema, "properties", "status", "default", "conditions", 0);
        condition["type"].Should().Be(ConditionTypes.Ready);
        condition["status"].Should().Be("Unknown");
        condition["reason"].Should().Be(Reasons.Pending);
        var required = (List<object>)At(Schema, "properties", "status", "properties", "conditions", "items")["required"];
        condition.Keys.Should().BeEquivalentTo(required, "the API server refuses a default that its own schema does not allow");
    }

    private static IEnumerable<(string Path, Dictionary<object, object> Field)> Texts() => Walk(At(Schema, "properties", "spec", "properties"), ".spec")
        .Select(f => f.Field.TryGetValue("items", out var items) ? (f.Path, (Dictionary<object, object>)items) : f)
        .Where(f => (string)f.Item2["type"] == "string");

    private static void Compare(Dictionary<object, object> schema, Type type, string path)
    {
        var fields = At(schema, "properties");
        var members = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.GetCustomAttribute<System.Text.Json.Serialization.JsonIgnoreAttribute>() is null)
            .ToDictionary(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name), p => Nullable.GetUnderlyingType(p.PropertyType) ?? p.PropertyType);
        fields.Keys.Should().BeEquivalentTo(members.Keys, "of {0}", path);
        foreach (var (name, member) in members)
        {
            var field = At(fields, name);
            var expected = member == typeof(string) ? "string" : member == typeof(bool) ? "boolean" : member == typeof(int) || member == typeof(long) ? "integer"
                : IsList(member) ? "array" : "object";
            field["type"].Should().Be(expected, "of {0}.{1}", path, name);
            if (member == typeof(long))
                field["format"].Should().Be("int64", "of {0}.{1}", path, name);
            var inner = IsList(member) ? member.GetGenericArguments()[0] : member;
            if (inner.DeclaringType == typeof(V1Beta1OAuthToken))
                Compare(IsList(member) ? At(field, "items") : field, inner, $"{path}.{name}");
        }
    }

    private static bool IsList(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>);

    private static IEnumerable<(string Path, Dictionary<object, object> Field)> Walk(Dictionary<object, object> fields, string path)
    {
        foreach (var (name, value) in fields)
        {
            var field = (Dictionary<object, object>)value;
            yield return ($"{path}.{name}", field);
            var inside = field.TryGetValue("items", out var items) ? (Dictionary<object, object>)items : field;
            if (inside.TryGetValue("properties", out var properties))
            {
                foreach (var deeper in Walk((Dictionary<object, object>)properties, $"{path}.{name}"))
                    yield return deeper;
            }
        }
    }

    private static Dictionary<object, object> At(object from, params object[] path) =>
        (Dictionary<object, object>)path.Aggregate(from, (at, step) => at is List<object> list ? list[(int)step] : ((Dictionary<object, object>)at)[step]);
}
