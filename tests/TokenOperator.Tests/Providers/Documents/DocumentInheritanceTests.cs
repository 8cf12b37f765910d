using System.Text.Json.Nodes;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;
using TokenOperator.Tests.Providers.Catalogue;

namespace TokenOperator.Tests.Providers.Documents;

public sealed class DocumentInheritanceTests
{
    private const string Old = "https://old.example";
    private const string New = "https://new.example";

    /// <summary>The fields with an address, as docs/provider-reference.md has them, and the two that identify a server to others.</summary>
    public static TheoryData<string> FieldsOfServer =>
    [
        "identity.issuers",
        "clientAuthentication.audience",
        .. File.ReadLines(Repository.File("docs/provider-reference.md"))
            .Select(line => line.Split(" | "))
            .Where(cells => cells is [_, "address", ..] && cells[0].StartsWith("| `", StringComparison.Ordinal))
            .Select(cells => cells[0].Trim('|', ' ', '`'))
            .Where(path => path != "tokenEndpoint"),
    ];

    public static TheoryData<string> CatalogueNames => [.. CatalogueEntry.Names];

    [Theory]
    [MemberData(nameof(FieldsOfServer))]
    public void A_document_with_the_token_endpoint_of_another_server_does_not_inherit_what_belongs_to_the_first(string field)
    {
        var inherited = With(Endpoint(Old), field, Old);

        Merged(inherited, Endpoint(New)).Should().NotContain(Old);
        Merged(inherited, With(Endpoint(New), field, $"{New}/own")).Should().NotContain(Old).And.Contain($"{New}/own");
        Merged(inherited, []).Should().Contain(Value(field, Old), "the token endpoint is inherited, too");
        Merged(inherited, Endpoint(Old, "/v2/token")).Should().Contain(Value(field, Old), "it is the same server");
    }

    [Theory]
    [MemberData(nameof(CatalogueNames))]
    public void Every_entry_of_the_catalogue_can_move_to_another_server_and_takes_no_secret_to_its_own(string name)
    {
        var json = Endpoint(New);
        json["parameters"] = CatalogueEntry.Read(name).Parameters.DeepClone();
        json["extends"] = name;

        var moved = Resolve(Source("moved", json)).ReadProvider()!;

        moved.SecretEndpoints.Should().Equal(new Uri($"{New}/token"));
        moved.AuthorizationEndpoint.Should().BeNull();
        moved.DiscoveryEndpoint.Should().BeNull();
        moved.Identity.Issuers.Should().BeEmpty();
        moved.TokenHost.Should().Be("new.example");
    }

    [Fact]
    public void The_identity_of_the_operator_is_sent_to_another_server_only_if_its_own_document_says_so()
    {
        const string Moved = $"extends: microsoft\nparameters: {{tenant: contoso.example}}\ntokenEndpoint: {New}/token\n";

        TestDocuments.Read(Moved).WorkloadIdentity.AllowsClientAssertion.Should().BeFalse();
        TestDocuments.Read(Moved + "workloadIdentity: {clientAssertion: true}\n").WorkloadIdentity.AllowsClientAssertion.Should().BeTrue();
    }

    [Fact]
    public void What_does_not_belong_to_the_server_is_inherited()
    {
        var moved = TestDocuments.Read($"extends: google\ntokenEndpoint: {New}/token\n");

        moved.Scopes.Should().BeEquivalentTo(TestDocuments.Google.Scopes);
        moved.Errors.Should().BeEquivalentTo(TestDocuments.Google.Errors);
        moved.Rotation.Should().Be(TestDocuments.Google.Rotation);
    }

    [Fact]
    public void The_rules_of_a_revocation_are_inherited_by_a_document_that_has_an_address_for_it()
    {
        var moved = TestDocuments.Read($"extends: google\ntokenEndpoint: {New}/token\nrevocation: {{endpoint: {New}/revoke}}\n");

        moved.Revocation.Should().BeEquivalentTo(TestDocuments.Google.Revocation! with { Endpoint = new Uri($"{New}/revoke") });
    }

    [Theory]
    [InlineData($"{New}/token")]
    [InlineData(null)]
    public void A_document_in_the_middle_of_a_chain_moves_it_too(string? middle)
    {
        var end = Endpoint(New);
        end["extends"] = "middle";
        var provider = Resolve(Source("middle", new JsonObject { ["extends"] = "google", ["tokenEndpoint"] = middle }), Source("end", end)).ReadProvider()!;

        provider.SecretEndpoints.Should().Equal(new Uri($"{New}/token"));
    }

    [Theory]
    [InlineData("keycloak", "parameters: {baseUrl: \"https://sso.example\", realm: staff}")]
    [InlineData("keycloak", "parameters: {baseUrl: \"https://sso.example\", realm: staff}\ntokenEndpoint: \"{baseUrl}/realms/{realm}/token\"")]
    [InlineData("keycloak", "parameters: {baseUrl: \"https://sso.example\", realm: staff}\ntokenEndpoint: https://SSO.example:443/token")]
    [InlineData("gitlab", "parameters: {baseUrl: \"https://git.example\"}")]
    [InlineData("gitlab", "parameters: {baseUrl: \"https://git.example\"}\ntokenEndpoint: https://git.example/token")]
    public void A_parameter_moves_all_addresses_together(string name, string yaml)
    {
        var provider = TestDocuments.Read($"extends: {name}\n{yaml}\n");

        provider.Revocation!.Endpoint.Host.Should().Be(provider.TokenEndpoint.Host).And.EndWith(".example");
        provider.AuthorizationEndpoint!.Host.Should().Be(provider.TokenEndpoint.Host);
    }

    [Theory]
    [InlineData("parameters: {baseUrl: \"https://git.example\"}\ntokenEndpoint: https://new.example/token")]
    [InlineData("tokenEndpoint: http://127.0.0.1:80/token")]
    [InlineData("tokenEndpoint: https://gitlab.com:8443/token")]
    public void Another_host_scheme_or_port_is_another_server(string yaml) => TestDocuments.Read($"extends: gitlab\n{yaml}\n").Revocation.Should().BeNull();

    [Fact]
    public void A_parameter_that_only_the_first_server_needs_is_not_missing_after_a_move() =>
        TestDocuments.Read($"extends: auth0\ntokenEndpoint: {New}/token\n").TokenHost.Should().Be("new.example");

    private static JsonObject Endpoint(string server, string path = "/token") => new() { ["tokenEndpoint"] = server + path };

    private static string Value(string field, string server) => $"{server}/{field}";

    /// <summary>The document with <paramref name="field"/> at <paramref name="server"/>.</summary>
    private static JsonObject With(JsonObject json, string field, string server)
    {
        var names = field.Split('.');
        var place = names.Length == 1 ? json : (JsonObject)(json[names[0]] = new JsonObject());
        place[names[^1]] = field == "identity.issuers" ? new JsonArray(Value(field, server)) : Value(field, server);
        return json;
    }

    /// <summary>What a document says, with its base.</summary>
    private static string Merged(JsonObject inherited, JsonObject json)
    {
        json["extends"] = "base";
        var resolved = Resolve(Source("base", (JsonObject)inherited.DeepClone()), Source("test", json));
        resolved.Errors.Should().BeEmpty();
        return ProviderResolver.Merge(resolved.Chain).ToJsonString();
    }

    private static ResolvedDocument Resolve(params SourceDocument[] documents) => ProviderResolver.Resolve([.. ProviderCatalogue.Read(), .. documents])[documents[^1].Name];

    private static SourceDocument Source(string name, JsonObject json) => new(name, DocumentSource.Folder, $"{name}.yaml", json);
}
