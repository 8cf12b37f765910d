using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;
using TokenOperator.Tests.Providers.OAuth2;

namespace TokenOperator.Tests.Config;

/// <summary>config/samples: what people copy is what the operator accepts.</summary>
public sealed partial class SamplesTests
{
    private static readonly string[] Files = [Repository.File("config/samples/oauthtoken.yaml"), .. Directory.GetFiles(Repository.File("config/samples/grants"), "*.yaml").Order(StringComparer.Ordinal)];

    private static readonly IReadOnlyDictionary<string, ResolvedDocument> Providers = ProviderResolver.Resolve(
    [
        .. ProviderCatalogue.Read(),
        .. Files.Select(Json).Where(json => (string?)json["kind"] == V1Beta1ClusterOAuthProvider.KindName)
            .Select(json => new SourceDocument((string)json["metadata"]!["name"]!, DocumentSource.Cluster, "a sample", (JsonObject)json["spec"]!.DeepClone())),
    ]);

    [Fact]
    public void There_is_a_sample_for_each_grant_and_for_a_ClusterOAuthProvider()
    {
        var grants = typeof(Grant).GetNestedTypes().Where(type => type.IsAssignableTo(typeof(Grant))).Select(type => type.Name == nameof(Grant.JwtBearer) ? "JWTBearer" : type.Name);

        Tokens().Select(token => token.Spec.Grant ?? nameof(Grant.RefreshToken)).Should().BeEquivalentTo(grants);
        Providers.Values.Should().Contain(provider => provider.Source.Source == DocumentSource.Cluster);
    }

    [Fact]
    public void The_operator_accepts_each_sample()
    {
        foreach (var token in Tokens())
        {
            var request = TokenRequest.From(token, out var error);

            error.Should().BeEmpty(token.Metadata.Name);
            var provider = Providers[request!.Key.Provider];
            provider.Errors.Should().BeEmpty(token.Metadata.Name);
            using var test = new TestProvider(provider.ReadProvider()!);
            test.Provider.FindUnsupported(request.Grant).Should().BeNull(token.Metadata.Name);
        }
    }

    [Fact]
    public void The_providers_on_the_page_about_private_keys_are_valid()
    {
        var documents = Yaml().Matches(File.ReadAllText(Repository.File("docs/private-key-clients.md"))).Select(match => YamlInput.Read(match.Groups[1].Value, out _)!)
            .Where(json => (string?)json["kind"] == V1Beta1ClusterOAuthProvider.KindName).ToList();
        documents.Should().HaveCount(2);
        foreach (var json in documents)
        {
            var name = (string)json["metadata"]!["name"]!;
            var resolved = ProviderResolver.Resolve([.. ProviderCatalogue.Read(), new SourceDocument(name, DocumentSource.Cluster, "the page", (JsonObject)json["spec"]!.DeepClone())])[name];
            resolved.Errors.Should().BeEmpty(name);
            resolved.ReadProvider()!.ClientAuthentication.Credential.Should().NotBe(ClientCredential.Secret, name);
        }
    }

    [GeneratedRegex(@"```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Yaml();

    private static IEnumerable<V1Beta1OAuthToken> Tokens() =>
        Files.Where(file => (string?)Json(file)["kind"] == "OAuthToken").Select(file => JsonSerializer.Deserialize(Json(file).ToJsonString(), OAuthTokenJson.Default.V1Beta1OAuthToken)!);

    private static JsonObject Json(string file) => YamlInput.Read(File.ReadAllText(file), out var error) ?? throw new InvalidOperationException($"{file}: {error}");
}
