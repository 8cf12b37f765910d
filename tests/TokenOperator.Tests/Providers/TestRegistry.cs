using System.Text.Json.Nodes;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.Tests.Providers;

/// <summary>A registry whose providers are those of a test.</summary>
internal static class TestRegistry
{
    /// <summary>A valid document.</summary>
    public static ProviderDocument Document { get; } = new() { Name = "google", DisplayName = "Google", TokenEndpoint = new Uri("https://provider.example/token") };

    /// <summary>The state of a provider that can be used.</summary>
    public static ProviderState Usable { get; } = UsableWith(Document);

    /// <summary>The state of the provider with this document.</summary>
    public static ProviderState UsableWith(ProviderDocument document, string fingerprint = "document-1") =>
        new ProviderState.Usable(new SourceDocument(document.Name, DocumentSource.Catalogue, $"the built-in catalogue ({document.Name}.yaml)", []), document, fingerprint);

    /// <summary>A registry with exactly these providers.</summary>
    public static ProviderRegistry Of(params ITokenProvider[] providers) => new(
        providers.Select(provider => new SourceDocument(provider.Name, DocumentSource.Settings, "the test", new JsonObject { ["tokenEndpoint"] = "https://provider.example/token" })),
        new FixedProviders(providers), new CountedUsers { Default = 1 });

    /// <summary>A registry with these documents, none of whose providers is asked.</summary>
    public static ProviderRegistry OfDocuments(params SourceDocument[] documents) => new(documents, new FixedProviders([]), new CountedUsers());

    private sealed class FixedProviders(ITokenProvider[] providers) : ITokenProviderFactory
    {
        public ITokenProvider Create(ProviderDocument document) => providers.Single(provider => provider.Name == document.Name);
    }
}

/// <summary>Users whose number the test sets.</summary>
internal sealed class CountedUsers : IProviderUsers
{
    public bool AreKnown { get; set; } = true;

    /// <summary>How many users a provider has that <see cref="Counts"/> does not name.</summary>
    public int Default { get; set; }

    public Dictionary<string, int> Counts { get; } = [];

    public int Count(string provider) => Counts.GetValueOrDefault(provider, Default);
}
