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

    /// <summary>The fields of a recorded exchange, and what they mean.</summary>
    public static IReadOnlyDictionary<string, string> ExchangeFields { get; } = new Dictionary<string, string>
    {
        ["parameters"] = "Example values for the parameters of the document. The page of the provider shows them.",
        ["token"] = "The address that exchanges codes and refreshes tokens.",
        ["refreshAt"] = "The address that refreshes tokens, if it is another.",
        ["revoke"] = "The address that revokes a grant.",
        ["check"] = "The address that checks a token that never expires.",
        ["client"] = "How the client must authenticate: `post` (the default), `basic`, `none` or `secretAsUser`.",
        ["clientSecret"] = "The secret of the client, if its characters matter.",
        ["format"] = "`json` if requests must be JSON.",
        ["headers"] = "The header fields that a request must have. The default is `Accept: application/json`.",
        ["authorize"] = "The parameters that a request for consent must have beside those of the standard.",
        ["noScope"] = "`true` if a request for consent must not have scopes.",
        ["scopeParameter"] = "The name of the parameter with the scopes. The default is `scope`.",
        ["separator"] = "What must separate scopes in a request. The default is a blank.",
        ["consentScopes"] = "The scopes that a request for consent must have beside those of the OAuthToken.",
        ["pkce"] = "`false` if a request for consent must not have a code challenge.",
        ["codeParameter"] = "The name of the parameter with the code in the response to a consent. The default is `code`.",
        ["callback"] = "The other parameters of this response.",
        ["code"] = "The parameters that the exchange of a code must have beside those of the standard.",
        ["refresh"] = "The parameters that a refresh must have beside those of the standard.",
        ["revokeClient"] = "What must prove who revokes a grant: `post`, `basic`, `token` (a bearer token, and no parameter) or `none`. The default is `client`.",
        ["revokeToken"] = "`accessToken` if this token must be sent to revoke a grant.",
        ["revokeTokenParameter"] = "The parameter that must have it. The default is `token`.",
        ["revokeMethod"] = "The method to revoke a grant. The default is `POST`.",
        ["revokeFormat"] = "`form` (the default), `json`, or `query` if the request must not have a body.",
        ["revokeParameters"] = "The parameters that a revocation must have beside the token.",
        ["exchanges"] = "The calls. `call`: `code`, `refresh`, `revoke` or `check`. `status` (200 by default) and `body` or `text`: the answer. `idToken`: the claims of an id_token in it."
            + " `granted`, `identity`, `failure` and `delay`, `stillValid` or `revoked`: what the operator must make of it. `why`: a remark.",
    };

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
        exchange!.Select(field => field.Key).Should().BeSubsetOf(ExchangeFields.Keys, $"these are the fields of a recorded exchange, also of that of {name}");
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
        return resolved.ReadProvider()!;
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
