using System.Text.Json.Nodes;
using TokenOperator.Core.Text;

namespace TokenOperator.Providers.Documents;

/// <summary>Where the fields of a provider come from, so that messages name a place that an administrator can open.</summary>
/// <param name="chain">The document of the provider, and then those that it builds on; at least one.</param>
public sealed class DocumentSources(IReadOnlyList<SourceDocument> chain)
{
    /// <summary>Where a field was written last or, if nobody has, where it can be added: a noun phrase.</summary>
    /// <param name="field">The path of the field, such as <c>identity.issuers</c>.</param>
    public string PlaceOf(string field)
    {
        ArgumentNullException.ThrowIfNull(field);
        var document = chain.FirstOrDefault(document => Has(document.Json, field)) ?? chain[0];
        return document.Source switch
        {
            DocumentSource.Settings => document.SettingOf?.Invoke(field) is { } setting ? $"the setting {setting}" : $"{field}, which {document.Origin} cannot set",
            DocumentSource.Cluster => $"spec.{field} of {document.Origin}",
            DocumentSource.Folder => $"{field} in {document.Origin}",
            _ => $"{field} of the catalogue entry {DisplayText.Of(document.Name, 63)}",
        };
    }

    private static bool Has(JsonObject json, string field)
    {
        // A field that is null is one that this document takes away from its base.
        JsonNode? found = json;
        foreach (var name in field.Split('.'))
        {
            if (found is not JsonObject fields || !fields.TryGetPropertyValue(name, out found))
                return false;
            if (found is null)
                return true;
        }

        return true;
    }
}
