using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers;

/// <summary>Provider documents for tests.</summary>
internal static class TestDocuments
{
    /// <summary>Google, as in the catalogue.</summary>
    public static ProviderDocument Google { get; } = ProviderResolver.Resolve(ProviderCatalogue.Read())["google"].ReadProvider()!;

    /// <summary>A document of the given YAML, on top of the catalogue.</summary>
    public static ProviderDocument Read(string yaml, string name = "test")
    {
        var json = YamlInput.Read(yaml, out var error);
        error.Should().BeNull();
        var resolved = ProviderResolver.Resolve(ProviderCatalogue.Read().Append(new SourceDocument(name, DocumentSource.Folder, $"{name}.yaml", json!)))[name];
        resolved.Errors.Should().BeEmpty();
        return resolved.ReadProvider()!;
    }
}
