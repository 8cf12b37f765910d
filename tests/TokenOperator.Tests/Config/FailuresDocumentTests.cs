using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Tests.Config;

/// <summary>docs/failures.md shows the rules by which responses are classified.</summary>
public sealed class FailuresDocumentTests
{
    private const string Page = "docs/failures.md";

    [Fact]
    public Task The_documentation_lists_the_error_codes_of_the_standard() => DocumentTable.CheckAsync(
        Page, "## Error codes", ["Reason", "Error codes"],
        StandardErrors.All.Select(group => new[] { $"`{group.Kind}`", string.Join(", ", group.Codes.Select(code => $"`{code}`")) }));

    [Fact]
    public Task The_documentation_lists_the_rules_of_the_catalogue() => DocumentTable.CheckAsync(
        Page, "## Rules of the providers", ["Provider", "Response", "Reason", "Least delay"],
        from document in ProviderCatalogue.Read()
        from found in RulesOf(document)
        let rule = found.Rule
        select new[] { document.Name, Criteria(rule) + found.Where, $"`{rule.Kind}`", rule.MinDelay is { } delay ? DurationText.Format(delay) : "" });

    /// <summary>The rules of a document without those of its base. A parameter without a value does not matter to them.</summary>
    private static IReadOnlyList<(ErrorRule Rule, string Where)> RulesOf(SourceDocument document)
    {
        var json = new System.Text.Json.Nodes.JsonObject { ["tokenEndpoint"] = "https://provider.example/token", ["errors"] = document.Json["errors"]?.DeepClone(), ["assertion"] = document.Json["assertion"]?.DeepClone() };
        return ProviderResolver.Resolve([document with { Json = json }])[document.Name].ReadProvider() is { } provider ? [.. provider.Errors.Rules.Select(rule => (rule, "")), .. provider.Assertion.ErrorRules.Select(rule => (rule, " (to an assertion)"))] : [];
    }

    private static string Criteria(ErrorRule rule) => string.Join(", ", new[]
    {
        rule.Status is { } status ? $"status {status}" : null,
        rule.Code is { } code ? $"code `{code}`" : null,
        rule.Number is { } number ? $"number {number}" : null,
        rule.Text is { } text ? $"text with `{text}`" : null,
    }.OfType<string>());
}
