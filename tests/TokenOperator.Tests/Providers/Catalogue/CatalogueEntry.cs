// The built-in catalogue, held to its documentation and to recorded exchanges.
using System.Text.Json.Nodes;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers.Catalogue;

/// <summary>One provider of the catalogue, with example values for its parameters.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Json">Its document without its base.</param>
/// <param name="Exchange">Its recorded exchange, which has the example values.</param>
internal sealed record CatalogueEntry(string Name, JsonObject Json, JsonObject Exchange)
{
    private static readonly IReadOnlyList<SourceDocument> Sources = ProviderCatalogue.Read();

    /// <summary>The names of all entries.</summary>
    public static IReadOnlyList<string> Names => [.. Sources.Select(source => source.Name)];

    /// <summary>Where the recorded exchanges are.</summary>
    public static string ExchangeFolder => Repository.File("tests/TokenOperator.Tests/Providers/Exchanges");

    /// <summary>The entry that it builds on, or null.</summary>
    public string? Base => (string?)Json["extends"];

    /// <summary>Example values for the parameters that have no default.</summary>
    public JsonObject Parameters => Exchange["parameters"] as JsonObject ?? [];

    /// <summary>Reads an entry and its recorded exchange.</summary>
    public static CatalogueEntry Read(string name)
    {
        var json = Sources.Single(source => source.Name == name).Json;
        var exchange = YamlInput.Read(File.ReadAllText(Path.Combine(ExchangeFolder, $"{name}.yaml")), out var error);
        error.Should().BeNull($"the recorded exchange of {name} can be read");
        return new CatalogueEntry(name, json, exchange!);
    }

    /// <summary>The provider with the example values, and with <paramref name="changes"/> on top.</summary>
    public ProviderDocument Resolve(JsonObject? changes = null)
    {
        var json = (JsonObject?)changes?.DeepClone() ?? [];
        json["extends"] = Name;
        json["parameters"] = Parameters.DeepClone();
        var resolved = ProviderResolver.Resolve([.. Sources, new SourceDocument(Name, DocumentSource.Cluster, "a test", json)])[Name];
        resolved.Errors.Should().BeEmpty(Name);
        return resolved.Provider!;
    }

    /// <summary>The declarations of its parameters, with those of its base.</summary>
    public IReadOnlyDictionary<string, JsonObject> Declarations()
    {
        var all = Base is { } name
            ? Read(name).Declarations().ToDictionary(declaration => declaration.Key, declaration => (JsonObject)declaration.Value.DeepClone())
            : [];
        foreach (var (parameter, value) in Json["parameterDeclarations"] as JsonObject ?? [])
        {
            if (value is null)
                all.Remove(parameter);
            else if (all.GetValueOrDefault(parameter) is { } inherited)
                value.AsObject().ToList().ForEach(field => inherited[field.Key] = field.Value?.DeepClone());
            else
                all[parameter] = (JsonObject)value.DeepClone();
        }

        return all;
    }
}
