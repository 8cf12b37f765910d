using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Settings;
using TokenOperator.Providers;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers.Documents;

public sealed class DocumentSourcesTests
{
    [Theory]
    [InlineData("google", "identity.issuers", "identity.issuers of the catalogue entry google")]
    [InlineData("google", "revocation.parameters", "revocation.parameters of the catalogue entry google")]
    [InlineData("acme", "tokenEndpoint", "tokenEndpoint in the file acme.yaml")]
    [InlineData("acme", "identity.issuers", "identity.issuers in the file acme.yaml")]
    [InlineData("acme", "revocation.endpoint", "revocation.endpoint in the file acme.yaml")]
    [InlineData("acme", "scopes.consent", "scopes.consent of the catalogue entry google")]
    [InlineData("corp", "identity.issuers", "spec.identity.issuers of ClusterOAuthProvider corp")]
    [InlineData("corp", "tokenEndpoint", "tokenEndpoint in the file acme.yaml")]
    [InlineData("corp", "refresh.sendScopes", "spec.refresh.sendScopes of ClusterOAuthProvider corp")]
    [InlineData("corp", "revocation.endpoint", "spec.revocation.endpoint of ClusterOAuthProvider corp")]
    [InlineData("mine", "tokenEndpoint", "the setting Providers__mine__TokenEndpoint")]
    [InlineData("mine", "rotation.mode", "the setting Providers__mine__RotatesRefreshTokens")]
    [InlineData("mine", "limits.requestsPerSecond", "the setting Providers__mine__RequestsPerSecond")]
    [InlineData("mine", "limits.clientRequestsPerSecond", "the setting Providers__mine__ClientRequestsPerSecond")]
    [InlineData("mine", "authorization.parameters", "authorization.parameters, which the settings Providers__mine__* cannot set")]
    public void A_field_is_named_where_an_administrator_finds_it(string provider, string field, string place) =>
        ProviderResolver.Resolve(
        [
            .. ProviderCatalogue.Read(),
            Source("acme", DocumentSource.Folder, "the file acme.yaml", "extends: google\ntokenEndpoint: https://idp.acme.example/token"),
            Source("corp", DocumentSource.Cluster, "ClusterOAuthProvider corp", "extends: acme\nidentity: {issuers: [\"https://corp.example\"]}\nrevocation: null"),
            .. Settings(("Providers:mine:TokenEndpoint", "https://idp.mine.example/token"), ("Providers:mine:RotatesRefreshTokens", "true"), ("Providers:mine:RequestsPerSecond", "5"),
                ("Providers:mine:ClientRequestsPerSecond", "1")),
        ])[provider].ReadProvider()!.PlaceOf(field).Should().Be(place);

    private static IReadOnlyList<SourceDocument> Settings(params (string Key, string Value)[] settings) => SettingsReader.Read(
        new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value)).Build(),
        reader => ProviderSettings.ReadDocuments(reader, ProviderCatalogue.Read()));

    private static SourceDocument Source(string name, DocumentSource source, string origin, string yaml) => new(name, source, origin, YamlInput.Read(yaml, out _)!);
}
