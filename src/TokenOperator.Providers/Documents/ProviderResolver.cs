using System.Text.Json.Nodes;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Documents;

/// <summary>Where a document comes from. If several sources have a document of one name, the greatest value wins.</summary>
public enum DocumentSource
{
    /// <summary>Embedded in the program.</summary>
    Catalogue,

    /// <summary>A file in the folder <c>ProviderFolder</c>.</summary>
    Folder,

    /// <summary>A ClusterOAuthProvider.</summary>
    Cluster,

    /// <summary>The settings <c>Providers__NAME__*</c>.</summary>
    Settings,
}

/// <summary>A document as its author wrote it.</summary>
/// <param name="Name">The name of the provider.</param>
/// <param name="Source">Where it comes from.</param>
/// <param name="Origin">The same for people, such as the name of a file.</param>
/// <param name="Json">The fields. Never changed.</param>
/// <param name="Error">Why there are no fields: a sentence; null if there are.</param>
public sealed record SourceDocument(string Name, DocumentSource Source, string Origin, JsonObject Json, string? Error = null)
{
    /// <summary>The name of the document that this one builds on, or null.</summary>
    internal string? Base { get; } = Json["extends"] is JsonValue value && value.TryGetValue<string>(out var name) ? name : null;

    /// <summary>See <see cref="ProviderDocument.MovesFrom"/>.</summary>
    public string? MovesFrom { get; init; }

    /// <summary>The setting that writes a field, by the path of the field; null if the document does not come from settings.</summary>
    public Func<string, string?>? SettingOf { get; init; }

    /// <summary>True if the authorization endpoint of the base stays when this document has the token endpoint of another server.</summary>
    public bool KeepsAuthorizationEndpoint { get; init; }

    /// <summary>True if refresh tokens rotate as the base says, and sometimes if it says that they never do.</summary>
    public bool Rotates { get; init; }

    /// <summary>True for settings that add to a ClusterOAuthProvider of their name. Other settings hide it, and say nothing about what it says.</summary>
    public bool ExtendsCluster { get; init; }

    /// <summary>True if this document may build on <paramref name="other"/>, which has the same name.</summary>
    internal bool CanExtend(SourceDocument other) =>
        other.Source < Source && (ExtendsCluster || (Source, other.Source) != (DocumentSource.Settings, DocumentSource.Cluster));

    /// <summary>The host of the token endpoint that was in use when this program ended last; null if it is not known.</summary>
    public string? LastHost { get; init; }
}

/// <summary>What became of a document. It does not hold what the document says in full, because most providers of a large cluster are not used.</summary>
/// <param name="Source">The document.</param>
/// <param name="Errors">All errors, as sentences.</param>
/// <param name="Hidden">Documents of the same name from other sources, which are not used.</param>
public sealed record ResolvedDocument(SourceDocument Source, IReadOnlyList<string> Errors, IReadOnlyList<SourceDocument> Hidden)
{
    /// <summary>True if there is a provider.</summary>
    public bool IsValid => TokenHost is not null;

    /// <summary>See <see cref="ProviderDocument.TokenHost"/>; null if there are errors.</summary>
    public string? TokenHost { get; init; }

    /// <summary>The parameters that need a value, sorted, if nothing else is wrong.</summary>
    public IReadOnlyList<string> MissingParameters { get; init; } = [];

    /// <summary>Identifies what the document says, with its base.</summary>
    public string Fingerprint { get; init; } = "";

    /// <summary>The document, what it builds on, and so on.</summary>
    internal IReadOnlyList<SourceDocument> Chain { get; init; } = [];

    /// <summary>Reads the document again. Returns the provider; null if there are errors.</summary>
    public ProviderDocument? ReadProvider() => IsValid ? ProviderResolver.Read(Chain, ProviderResolver.Merge(Chain), out _, out _) : null;

    /// <summary>True if nothing that anyone can notice has changed.</summary>
    public bool SaysTheSameAs(ResolvedDocument other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Fingerprint == other.Fingerprint && Source.MovesFrom == other.Source.MovesFrom && Source.Origin == other.Source.Origin && Errors.SequenceEqual(other.Errors)
            && Hidden.Select(hidden => hidden.Origin).SequenceEqual(other.Hidden.Select(hidden => hidden.Origin));
    }
}

/// <summary>
/// Turns the documents of all sources into providers. A document that has <c>extends</c> is merged into its base as RFC 7396 says: objects
/// field by field, everything else as a whole. A document may extend one of its own name from a lower source. It does not inherit what
/// belongs to another server: see <see cref="DocumentInheritance"/>.
/// </summary>
public static class ProviderResolver
{
    private const int MaxDepth = 8;

    /// <summary>The providers by name.</summary>
    public static IReadOnlyDictionary<string, ResolvedDocument> Resolve(IEnumerable<SourceDocument> documents)
    {
        var byName = documents.GroupBy(document => document.Name, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.OrderByDescending(document => document.Source).ToList(), StringComparer.Ordinal);
        return byName.ToDictionary(named => named.Key, named => Resolve(named.Value, byName), StringComparer.Ordinal);
    }

    /// <summary>One provider.</summary>
    /// <param name="candidates">The documents of its name, that of the greatest source first; at least one.</param>
    /// <param name="all">The documents of all names.</param>
    internal static ResolvedDocument Resolve(List<SourceDocument> candidates, Dictionary<string, List<SourceDocument>> all)
    {
        var document = candidates[0];
        IReadOnlyList<SourceDocument> hidden = candidates.Count > 1 ? candidates[1..] : [];
        var links = new List<SourceDocument>();
        if (FindChain(document, all, links) is { } error)
            return new ResolvedDocument(document, [error], hidden);
        var chain = DocumentInheritance.Limit(links);
        var merged = Merge(chain);
        var provider = Read(chain, merged, out var errors, out var missing);
        // Nothing that an account does depends on it.
        merged.Remove("documentation");
        return new ResolvedDocument(document, errors, hidden)
        {
            TokenHost = provider?.TokenHost,
            MissingParameters = missing,
            Fingerprint = Fingerprint.Of(merged.ToJsonString()),
            Chain = [.. chain],
        };
    }

    /// <summary>The provider that a chain of documents describes; null if there are errors.</summary>
    internal static ProviderDocument? Read(IReadOnlyList<SourceDocument> chain, JsonObject merged, out IReadOnlyList<string> errors, out IReadOnlyList<string> missing)
    {
        var document = chain[0];
        var provider = ProviderDocumentReader.Read(document.Name, merged, document.Source == DocumentSource.Cluster ? "spec." : "", out errors, out missing);
        return provider is null ? null : provider with { MovesFrom = document.MovesFrom, Sources = new DocumentSources(chain) };
    }

    /// <summary>The first document, merged into the one that it builds on, and so on.</summary>
    internal static JsonObject Merge(IReadOnlyList<SourceDocument> chain)
    {
        if (chain.Count == 1)
            return (JsonObject)chain[0].Json.DeepClone();
        var merged = new JsonObject();
        for (var i = chain.Count - 1; i >= 0; i--)
            Apply(merged, chain[i].Json, isBase: i > 0);
        return merged;
    }

    /// <summary>Adds the document, what it builds on, and so on to <paramref name="chain"/>. Returns why that cannot be found, or null.</summary>
    private static string? FindChain(SourceDocument document, Dictionary<string, List<SourceDocument>> all, List<SourceDocument> chain)
    {
        if (document.Error is not null)
            return document.Error;
        chain.Add(document);
        if (document.Json["extends"] is not { } extends)
            return null;
        if (extends is not JsonValue value || !value.TryGetValue<string>(out var baseName) || !all.TryGetValue(baseName, out var candidates))
            return $"extends is \"{DisplayText.Of(extends.ToString(), 63)}\", and no provider has this name.{DidYouMean.Suggest(extends.ToString(), all.Keys)} Known are {DisplayText.List(all.Keys.Order(StringComparer.Ordinal))}.";
        var found = baseName == document.Name ? candidates.Find(document.CanExtend) : candidates[0];
        if (found is null || chain.Contains(found) || chain.Count >= MaxDepth)
        {
            var (problem, remedy) = found is null || chain.Contains(found)
                ? ("leads back to itself", "Remove one of these extends")
                : ($"leads through more than {MaxDepth} documents", "Let this document extend one that is nearer to the end");
            return $"extends {problem}: {string.Join(" extends ", chain.Select(link => link.Name).Append(baseName))}. {remedy}.";
        }

        return FindChain(found, all, chain) is { } error ? $"extends {baseName}, which is not valid: {error}" : null;
    }

    private static void Apply(JsonObject target, JsonObject patch, bool isBase = false)
    {
        foreach (var (name, value) in patch)
        {
            // What is written about the base is not about this provider.
            if (isBase && name == "documentation")
                continue;
            if (value is null)
                target.Remove(name);
            else if (value is JsonObject fields && target[name] is JsonObject existing)
                Apply(existing, fields);
            else
                target[name] = value.DeepClone();
        }
    }
}
