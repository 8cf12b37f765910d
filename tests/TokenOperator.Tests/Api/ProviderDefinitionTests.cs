using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;
using TokenOperator.Api;
using TokenOperator.Providers.Documents;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests.Api;

/// <summary>Holds the definition of ClusterOAuthProviders to the entity and to the reader of provider documents.</summary>
public sealed partial class ProviderDefinitionTests
{
    private const string Path = "config/crds/tokenoperator.dev_clusteroauthproviders.yaml";

    private static readonly Dictionary<object, object> Crd = new DeserializerBuilder().Build()
        .Deserialize<Dictionary<object, object>>(File.ReadAllText(Repository.File(Path)));

    private static Dictionary<object, object> Version => Map(((List<object>)Map(Crd["spec"])["versions"])[0]);

    private static Dictionary<object, object> Schema => Map(Map(Version["schema"])["openAPIV3Schema"]);

    private static Dictionary<object, object> Spec => Map(Map(Schema["properties"])["spec"]);

    [Fact]
    public void The_definition_has_the_names_of_the_entity()
    {
        var attribute = typeof(V1Beta1ClusterOAuthProvider).GetCustomAttribute<KubernetesEntityAttribute>()!;
        var (spec, names) = (Map(Crd["spec"]), Map(Map(Crd["spec"])["names"]));
        spec["group"].Should().Be(attribute.Group);
        spec["scope"].Should().Be("Cluster");
        Version["name"].Should().Be(attribute.ApiVersion);
        names["kind"].Should().Be(attribute.Kind);
        names["plural"].Should().Be(attribute.PluralName);
        ((IEnumerable<object>)names["shortNames"]).Should().Equal("coap");
        Map(Crd["metadata"])["name"].Should().Be($"{attribute.PluralName}.{attribute.Group}");
    }

    [Fact]
    public void The_columns_show_what_an_administrator_looks_for() =>
        ((List<object>)Version["additionalPrinterColumns"]).Select(Map).Where(column => !column.ContainsKey("priority")).Select(column => column["name"])
            .Should().Equal("Accepted", "Endpoint", "Used By", "Age");

    /// <summary>An unknown field in each object is reported, and the fields that the reader knows there are those of the schema.</summary>
    [Fact]
    public void The_spec_has_exactly_the_fields_that_the_reader_knows()
    {
        var document = Sample(Spec);
        var resolved = ProviderResolver.Resolve([new SourceDocument("sample", DocumentSource.Cluster, "the sample", document)])["sample"];
        var unknown = resolved.Errors.Select(error => Unknown().Match(error)).Where(match => match.Success).Select(match => match.Groups["path"].Value);
        var known = ProviderDocumentReader.KnownFields(document).Distinct();

        var declared = Objects(Spec, "spec.").ToList();
        unknown.Should().BeEquivalentTo(declared.Select(found => found.Path));
        known.Select(path => $"spec.{path}").Should().BeEquivalentTo(declared.SelectMany(found => found.Names.Select(name => found.Path + name)));
    }

    [Fact]
    public void Every_field_has_a_description() =>
        Fields(Map(Schema["properties"]), "").Where(field => field.Path != ".metadata" && (field.Schema.GetValueOrDefault("description") as string ?? "").Length < 5)
            .Select(field => field.Path).Should().BeEmpty();

    [Fact]
    public void Only_objects_whose_values_can_be_a_list_are_open() =>
        Fields(new Dictionary<object, object> { ["spec"] = Spec }, "").Where(field => field.Schema.ContainsKey("x-kubernetes-preserve-unknown-fields"))
            .Should().OnlyContain(field => field.Path.EndsWith(".parameters", StringComparison.Ordinal) && !field.Schema.ContainsKey("properties"));

    [Fact]
    public void The_status_has_the_fields_of_the_entity()
    {
        var status = Map(Map(Schema["properties"])["status"]);
        Map(status["properties"]).Keys.Cast<string>().Should().BeEquivalentTo(
            typeof(V1Beta1ClusterOAuthProvider.EntityStatus).GetProperties().Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)));
        var condition = Map(Map(Map(Map(status["properties"])["conditions"])["items"])["properties"]);
        condition.Keys.Cast<string>().Should().BeEquivalentTo("type", "status", "reason", "message", "lastTransitionTime", "observedGeneration");
        AcceptedReason.All.Should().OnlyContain(reason => Regex.IsMatch(reason.Name, (string)Map(condition["reason"])["pattern"]));
    }

    [Fact]
    public void The_definition_uses_nothing_that_Kubernetes_1_20_does_not_support() =>
        File.ReadAllText(Repository.File(Path)).Split('\n').Where(line => !line.TrimStart().StartsWith('#')).Should().NotContain(line => line.Contains("x-kubernetes-validations"));

    [Fact]
    public Task The_documentation_lists_every_reason() => DocumentTable.CheckAsync(
        "docs/providers.md", "## What the status says",
        ["Reason", "Meaning", "What to do"],
        AcceptedReason.All.Select(reason => new[] { $"`{reason.Name}`", reason.Meaning, reason.WhatToDo }));

    [Fact]
    public void An_object_is_read_with_all_fields_of_its_spec_known_or_not()
    {
        const string json = """{"apiVersion":"tokenoperator.dev/v1beta1","kind":"ClusterOAuthProvider","metadata":{"name":"acme"},"spec":{"colour":"red","errors":{"rules":[{"a":1}]}}}""";

        var entity = JsonSerializer.Deserialize(json, ClusterOAuthProviderJson.Default.V1Beta1ClusterOAuthProvider)!;

        entity.Spec.GetRawText().Should().Be("""{"colour":"red","errors":{"rules":[{"a":1}]}}""");
    }

    /// <summary>An object with each object of the schema in it, each with an unknown field.</summary>
    private static JsonObject Sample(Dictionary<object, object> schema)
    {
        var sample = new JsonObject { ["zzz"] = true };
        foreach (var (name, field) in Map(schema["properties"]).Select(field => ((string)field.Key, Map(field.Value))))
        {
            if (field.ContainsKey("properties"))
                sample[name] = Sample(field);
            else if (field.TryGetValue("items", out var items) && Map(items).ContainsKey("properties"))
                sample[name] = new JsonArray(Sample(Map(items)));
            else if (field.TryGetValue("additionalProperties", out var values) && Map(values).ContainsKey("properties"))
                sample[name] = new JsonObject { ["example"] = Sample(Map(values)) };
        }

        return sample;
    }

    private static IEnumerable<(string Path, string[] Names)> Objects(Dictionary<object, object> schema, string path)
    {
        yield return (path, [.. Map(schema["properties"]).Keys.Cast<string>()]);
        foreach (var (name, field) in Map(schema["properties"]).Select(field => ((string)field.Key, Map(field.Value))))
        {
            var (inner, suffix) = field.ContainsKey("properties") ? (field, "") : field.TryGetValue("items", out var items) ? (Map(items), "[0]")
                : field.TryGetValue("additionalProperties", out var values) ? (Map(values), ".example") : (field, "");
            if (!inner.ContainsKey("properties"))
                continue;
            foreach (var found in Objects(inner, $"{path}{name}{suffix}."))
                yield return found;
        }
    }

    private static IEnumerable<(string Path, Dictionary<object, object> Schema)> Fields(Dictionary<object, object> fields, string path)
    {
        foreach (var (name, field) in fields.Select(field => ((string)field.Key, Map(field.Value))))
        {
            yield return ($"{path}.{name}", field);
            if (!Inner(field).TryGetValue("properties", out var inside))
                continue;
            foreach (var found in Fields(Map(inside), $"{path}.{name}"))
                yield return found;
        }
    }

    private static Dictionary<object, object> Inner(Dictionary<object, object> field) =>
        field.TryGetValue("items", out var items) ? Map(items) : field.TryGetValue("additionalProperties", out var values) ? Map(values) : field;

    private static Dictionary<object, object> Map(object node) => (Dictionary<object, object>)node;

    [GeneratedRegex(@"\A(?<path>.*)zzz is not a field of a provider document\.")]
    private static partial Regex Unknown();
}
