using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers.Catalogue;

/// <summary>Holds docs/provider-reference.md to the reader: the fields that it looks for, and what it expects in them.</summary>
public sealed partial class ProviderReferenceTests
{
    private const string Page = "docs/provider-reference.md";

    /// <summary>A document with one item of each list and each object whose names the author chooses.</summary>
    private const string Items = """
        {"parameterDeclarations": {"NAME": {}}, "response": {"failures": [{}]}, "errors": {"rules": [{}]}, "assertion": {"errorRules": [{}]}}
        """;

    [Fact]
    public async Task The_reference_has_every_field_that_the_reader_knows_with_the_values_that_it_accepts()
    {
        var lines = await File.ReadAllLinesAsync(Repository.File(Page));
        var expected = KnownFields().ToDictionary(field => field, Expected);
        var rows = lines.Select((line, index) => (Cells: line.Split(" | "), Index: index)).Where(row => row.Cells.Length == 4 && row.Cells[0].StartsWith("| `", StringComparison.Ordinal))
            .ToDictionary(row => row.Cells[0].Trim('|', ' ', '`'), row => row);

        if (DocumentTable.Writes)
        {
            foreach (var (field, (cells, index)) in rows.Where(row => expected.ContainsKey(row.Key)))
                lines[index] = string.Join(" | ", [cells[0], expected[field], .. cells[2..]]);
            await File.WriteAllTextAsync(Repository.File(Page), string.Join('\n', lines) + "\n");
            return;
        }

        rows.Keys.Should().BeEquivalentTo(expected.Keys, $"{Page} describes each field once");
        foreach (var (field, (cells, _)) in rows)
            cells[1].Should().Be(expected[field], $"this is what the reader accepts for {field}. Run this test with TOKEN_OPERATOR_WRITE_DOCS=1 and commit what it writes");
    }

    [Fact]
    public Task The_reference_says_what_each_class_of_errors_means() => DocumentTable.CheckAsync(
        Page, "## Classes of errors", ["Class", "Reason", "Meaning"],
        ProviderDocumentReader.Classes.Select(named => new[]
        {
            $"`{named.Name}`",
            $"`{named.Kind}`",
            named.Name switch
            {
                "reauthorize" => "The refresh token no longer works. Its owner must consent again.",
                "interaction" => "Its owner must do something in a browser. The refresh token can work after that.",
                "configuration" => "The same request cannot succeed. Someone must change the OAuthToken or the provider's settings.",
                "client" => "The client is wrong, and not one refresh token.",
                "grant" => "The provider does not issue tokens for what the OAuthToken asks for. Someone must change one of them.",
                "key" => "The private key is disabled, expired, or of another client.",
                "delegation" => "An administrator has not delegated the scopes, or the delegation has not spread yet, which can take a day.",
                "subject" => "The person in whose name a token was requested does not exist.",
                "clock" => "The clocks of the operator and the provider differ.",
                "policy" => "An administrator of the provider blocks the application or the account.",
                "throttled" => "The provider asks for fewer requests.",
                "transient" => "The provider has a problem of its own.",
                var other => throw new InvalidOperationException($"The class {other} has no meaning on this page."),
            },
        }));

    [Fact]
    public Task The_reference_has_every_field_of_a_recorded_exchange() => DocumentTable.CheckAsync(
        Page, "## Recorded exchanges", ["Field", "Meaning"], CatalogueEntry.ExchangeFields.Select(field => new[] { $"`{field.Key}`", field.Value }));

    [Fact]
    public async Task The_documents_on_the_page_are_valid()
    {
        var text = await File.ReadAllTextAsync(Repository.File(Page));
        var documents = Yaml().Matches(text).Select(match => YamlInput.Read(match.Groups[1].Value, out _)!).ToList();
        documents.Should().HaveCount(2);
        foreach (var document in documents)
        {
            var name = (string)document["metadata"]!["name"]!;
            var source = new SourceDocument(name, DocumentSource.Cluster, "a ClusterOAuthProvider", (JsonObject)document["spec"]!.DeepClone());
            ProviderResolver.Resolve([.. TokenOperator.Providers.Catalogue.ProviderCatalogue.Read(), source])[name].Errors.Should().BeEmpty();
        }
    }

    /// <summary>The fields that have a value, and not the objects around them.</summary>
    private static List<string> KnownFields()
    {
        var all = ProviderDocumentReader.KnownFields((JsonObject)JsonNode.Parse(Items)!).Select(path => Index().Replace(path, "[]")).Distinct().ToList();
        return [.. all.Where(path => !all.Exists(other => other.StartsWith(path + ".", StringComparison.Ordinal) || other.StartsWith(path + "[].", StringComparison.Ordinal)))];
    }

    /// <summary>What the reader says about a value of the wrong kind.</summary>
    private static string Expected(string field)
    {
        var kind = ErrorFor(field, new JsonObject());
        if (kind is null)
            return "map";
        if (!kind.Contains("printable", StringComparison.Ordinal))
            return kind.Replace(" of at most 200 texts", "", StringComparison.Ordinal).Replace("a number", "number", StringComparison.Ordinal).Replace("a list", "list", StringComparison.Ordinal);
        var choice = ErrorFor(field, JsonValue.Create("?"));
        return choice switch
        {
            not null when choice.StartsWith("one of ", StringComparison.Ordinal) => string.Join(", ", choice["one of ".Length..].Split(", ").SelectMany(part => part.Split(" and ")).Select(name => $"`{name}`")),
            not null when choice.StartsWith("a duration", StringComparison.Ordinal) => choice["a ".Length..].Split(',')[0],
            not null when choice.Contains("https://", StringComparison.Ordinal) => "address",
            _ => ErrorFor(field, JsonValue.Create("a..b")) is { } path && path.StartsWith("names with dots", StringComparison.Ordinal) ? "path" : "text",
        };
    }

    private static string? ErrorFor(string field, JsonNode value)
    {
        var json = (JsonObject)JsonNode.Parse(Items)!;
        JsonNode at = json;
        var names = field.Split('.');
        foreach (var name in names[..^1])
        {
            var bare = name.Replace("[]", "", StringComparison.Ordinal);
            at = at[bare] ?? (at[bare] = new JsonObject());
            at = at is JsonArray list ? list[0]! : at;
        }

        at[names[^1]] = value;
        ProviderDocumentReader.Read("test", json, "", out var errors, out _);
        return errors.Where(error => Index().Replace(error, "[]").StartsWith($"{field} is ", StringComparison.Ordinal) && error.Contains("expected ", StringComparison.Ordinal))
            .Select(error => error[(error.IndexOf("expected ", StringComparison.Ordinal) + "expected ".Length)..].TrimEnd('.'))
            .FirstOrDefault(error => !string.Create(CultureInfo.InvariantCulture, $"{error}").StartsWith("the address of", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\[\d+\]")]
    private static partial Regex Index();

    [GeneratedRegex(@"```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Yaml();
}
