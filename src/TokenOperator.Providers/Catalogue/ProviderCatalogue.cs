using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Catalogue;

/// <summary>The documents that are embedded in the program: one file for each provider, named after it.</summary>
public static class ProviderCatalogue
{
    private const string Prefix = "catalogue/";
    private const string Extension = ".yaml";

    /// <summary>Reads all files.</summary>
    public static IReadOnlyList<SourceDocument> Read() =>
    [
        .. typeof(ProviderCatalogue).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(Read),
    ];

    private static SourceDocument Read(string resource)
    {
        using var reader = new StreamReader(typeof(ProviderCatalogue).Assembly.GetManifestResourceStream(resource)!);
        var json = YamlInput.Read(reader.ReadToEnd(), out var error) ?? [];
        var file = resource[Prefix.Length..];
        return new SourceDocument(file[..^Extension.Length], DocumentSource.Catalogue, $"the built-in catalogue ({file})", json, error);
    }
}
