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

    /// <summary>The host from which the document may move accounts in use to its own token endpoint; null if it may not move any.</summary>
    public string? MovesFrom { get; init; }

    /// <summary>The setting that writes a field, by the path of the field; null if the document does not come from settings.</summary>
    public Func<string, string?>? SettingOf { get; init; }

    /// <summary>The host of the token endpoint that was in use when this program ended last; null if it is not known.</summary>
    public string? LastHost { get; init; }
}

/// <summary>What became of a document.</summary>
/// <param name="Source">The document.</param>
/// <param name="Provider">The provider; null if there are errors.</param>
/// <param name="Errors">All errors, as sentences.</param>
/// <param name="Hidden">Documents of the same name from other sources, which are not used.</param>
public sealed record ResolvedDocument(SourceDocument Source, ProviderDocument? Provider, IReadOnlyList<string> Errors, IReadOnlyList<SourceDocument> Hidden)
{
    /// <summary>The parameters that need a value, sorted, if nothing else is wrong.</summary>
    public IReadOnlyList<string> MissingParameters { get; init; } = [];

    /// <summary>Identifies what the document says, with its base.</summary>
    public string Fingerprint { get; init; } = "";

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
/// field by field, everything else as a whole. A document may extend one of its own name from a lower source.
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
        var hidden = candidates[1..];
        var chain = new List<SourceDocument>();
        if (Merge(document, all, chain, out var error) is not { } merged)
            return new ResolvedDocument(document, null, [error!], hidden);
        var provider = ProviderDocumentReader.Read(document.Name, merged, document.Source == DocumentSource.Cluster ? "spec." : "", out var errors, out var missing);
        // Nothing that an account does depends on it.
        merged.Remove("documentation");
        return new ResolvedDocument(document, provider is null ? null : provider with { Sources = new DocumentSources(chain) }, errors, hidden) { MissingParameters = missing, Fingerprint = Fingerprint.Of(merged.ToJsonString()) };
    }

    private static JsonObject? Merge(SourceDocument document, Dictionary<string, List<SourceDocument>> all, List<SourceDocument> chain, out string? error)
    {
        error = document.Error;
        if (error is not null)
            return null;
        chain.Add(document);
        if (document.Json["extends"] is not { } extends)
            return (JsonObject)document.Json.DeepClone();
        if (extends is not JsonValue value || !value.TryGetValue<string>(out var baseName) || !all.TryGetValue(baseName, out var candidates))
        {
            error = $"extends is \"{DisplayText.Of(extends.ToString(), 63)}\", and no provider has this name.{DidYouMean.Suggest(extends.ToString(), all.Keys)} Known are {DisplayText.List(all.Keys.Order(StringComparer.Ordinal))}.";
            return null;
        }

        var found = baseName == document.Name ? candidates.Find(candidate => candidate.Source < document.Source) : candidates[0];
        if (found is null || chain.Contains(found) || chain.Count >= MaxDepth)
        {
            var (problem, remedy) = found is null || chain.Contains(found)
                ? ("leads back to itself", "Remove one of these extends")
                : ($"leads through more than {MaxDepth} documents", "Let this document extend one that is nearer to the end");
            error = $"extends {problem}: {string.Join(" extends ", chain.Select(link => link.Name).Append(baseName))}. {remedy}.";
            return null;
        }

        if (Merge(found, all, chain, out error) is not { } merged)
        {
            error = $"extends {baseName}, which is not valid: {error}";
            return null;
        }

        // What is written about the base is not about this provider.
        merged.Remove("documentation");
        Apply(merged, document.Json);
        return merged;
    }

    private static void Apply(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null)
                target.Remove(name);
            else if (value is JsonObject fields && target[name] is JsonObject existing)
                Apply(existing, fields);
            else
                target[name] = value.DeepClone();
        }
    }
}
