using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers.Documents;

public sealed class ProviderDocumentTests
{
    private const string Minimal = "tokenEndpoint: https://idp.example.com/token\n";

    [Fact]
    public void ADocumentWithATokenEndpointAloneIsValid() => Resolve(Minimal).Errors.Should().BeEmpty();

    [Fact]
    public void AllErrorsOfADocumentAreReportedTogether() =>
        Resolve("""
            tokenEndpoint: http://idp.example.com/{tenant}/token
            timeout: soon
            tokenEndpont: x
            rotation: {mode: daily}
            errors:
              rules:
                - {code: a, class: transient}
                - {code: a, status: 400, class: reauthorize}
                - {number: 5, class: transient}
                - {class: transient}
            """).Errors.Should().HaveCount(7).And.OnlyHaveUniqueItems();

    [Fact]
    public void AParameterWithoutAValueIsNamed() =>
        Resolve("""
            parameterDeclarations: {tenant: {description: The tenant.}}
            tokenEndpoint: https://idp.example.com/{tenant}/token
            """).Errors.Should().Equal("tokenEndpoint needs a value for the parameter tenant: set parameters.tenant.");

    [Theory]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a@b")]
    [InlineData("a:80")]
    [InlineData("a?b")]
    [InlineData("a%2fb")]
    public void AParameterCannotLeaveItsPlaceInAnAddress(string value) =>
        Resolve($"""
            parameterDeclarations:
              tenant:
                description: The tenant.
            parameters:
              tenant: "{value}"
            tokenEndpoint: "https://idp.example.com/\x7btenant\x7d/token"
            """).Errors.Should().ContainSingle(error => error.StartsWith("parameters.tenant is", StringComparison.Ordinal));

    [Fact]
    public void AParameterCanHaveAnotherValueThanItsDefault() =>
        Resolve("extends: gitlab\nparameters: {baseUrl: \"https://git.example.com\"}\n").Provider!.TokenEndpoint.Should().Be("https://git.example.com/oauth/token");

    [Fact]
    public void ADocumentBuildsOnItsBase()
    {
        var provider = Resolve("extends: microsoft\nparameters: {tenant: contoso.example}\ntimeout: 10s\n").Provider!;

        provider.TokenEndpoint.Should().Be("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
        provider.Timeout.Should().Be(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void ADocumentCanExtendTheCatalogueEntryOfItsOwnName() =>
        Resolve("extends: google\ntimeout: 10s\n", "google").Provider!.TokenEndpoint.Host.Should().Be("oauth2.googleapis.com");

    [Fact]
    public void ACycleIsReported() =>
        ProviderResolver.Resolve([Source("a", "extends: b"), Source("b", "extends: a")])["a"].Errors.Should().ContainSingle(error => error.Contains("a extends b extends a"));

    [Fact]
    public void EveryDocumentOfTheCatalogueIsValidOnceItsParametersAreGiven()
    {
        foreach (var (name, resolved) in ProviderResolver.Resolve(ProviderCatalogue.Read()))
            resolved.Errors.Where(error => !error.Contains("needs a value for the parameter")).Should().BeEmpty(name);
    }

    private static ResolvedDocument Resolve(string yaml, string name = "test") =>
        ProviderResolver.Resolve(ProviderCatalogue.Read().Append(Source(name, yaml)))[name];

    private static SourceDocument Source(string name, string yaml)
    {
        var json = YamlInput.Read(yaml, out var error);
        error.Should().BeNull();
        return new SourceDocument(name, DocumentSource.Folder, $"{name}.yaml", json!);
    }
}
