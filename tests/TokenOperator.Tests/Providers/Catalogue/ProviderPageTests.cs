namespace TokenOperator.Tests.Providers.Catalogue;

public sealed class ProviderPageTests
{
    public static TheoryData<string> Names => CatalogueTests.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_page_of_a_provider_says_what_its_file_says(string name)
    {
        var file = Repository.File($"docs/providers/{name}.md");
        var expected = new ProviderPage(CatalogueEntry.Read(name)).Text;
        if (DocumentTable.Writes)
            await File.WriteAllTextAsync(file, expected);
        (await File.ReadAllTextAsync(file)).Should().Be(expected, $"{file} is generated: run this test with TOKEN_OPERATOR_WRITE_DOCS=1 and commit what it writes");
    }

    [Fact]
    public Task The_table_of_all_providers_lists_the_catalogue() => DocumentTable.CheckAsync(
        "docs/providers/README.md", "## All providers",
        ["Provider", "`spec.provider`", "Parameters to give", "Client secret", "Refresh token changes", "Consent ends after", "Further keys of the Secret"],
        CatalogueEntry.Names.Select(name => new ProviderPage(CatalogueEntry.Read(name)).Row));
}
