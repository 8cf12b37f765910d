namespace TokenOperator.Tests.Providers.Catalogue;

public sealed class CatalogueTests
{
    public static TheoryData<string> Names => [.. CatalogueEntry.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_provider_of_the_catalogue_is_valid_with_the_example_values_of_its_parameters(string name) => CatalogueEntry.Read(name).Resolve().Name.Should().Be(name);

    /// <summary>What the catalogue promises. A provider is never removed: OAuthTokens name it.</summary>
    [Theory]
    [InlineData("Google", "google")]
    [InlineData("Microsoft Entra ID", "microsoft")]
    [InlineData("GitHub, an OAuth app", "github")]
    [InlineData("GitHub, the users of an app", "github-app-user")]
    [InlineData("GitHub, an app", "github-app")]
    [InlineData("GitLab", "gitlab")]
    [InlineData("Bitbucket", "bitbucket")]
    [InlineData("Slack", "slack")]
    [InlineData("Atlassian", "atlassian")]
    [InlineData("Salesforce", "salesforce")]
    [InlineData("HubSpot", "hubspot")]
    [InlineData("Zoom", "zoom")]
    [InlineData("Dropbox", "dropbox")]
    [InlineData("Box", "box")]
    [InlineData("Xero", "xero")]
    [InlineData("QuickBooks", "quickbooks")]
    [InlineData("Notion", "notion")]
    [InlineData("Linear", "linear")]
    [InlineData("Asana", "asana")]
    [InlineData("Discord", "discord")]
    [InlineData("Twitch", "twitch")]
    [InlineData("X", "x")]
    [InlineData("LinkedIn", "linkedin")]
    [InlineData("Spotify", "spotify")]
    [InlineData("Zoho", "zoho")]
    [InlineData("ServiceNow", "servicenow")]
    [InlineData("Okta", "okta")]
    [InlineData("Auth0", "auth0")]
    [InlineData("Keycloak", "keycloak")]
    [InlineData("Login with Amazon", "amazon-lwa")]
    [InlineData("DocuSign", "docusign")]
    [InlineData("Snowflake", "snowflake")]
    [InlineData("Zendesk", "zendesk")]
    [InlineData("Calendly", "calendly")]
    public void The_catalogue_has_the_provider(string provider, string name) => CatalogueEntry.Names.Should().Contain(name, provider);

    [Fact]
    public void The_catalogue_has_at_least_thirty_providers_with_a_token_endpoint_of_their_own() =>
        CatalogueEntry.Names.Select(name => CatalogueEntry.Read(name).Resolve().TokenEndpoint).Distinct().Should().HaveCountGreaterThanOrEqualTo(30);

    [Fact]
    public void Every_provider_has_a_recorded_exchange_and_a_page_and_nothing_else_does()
    {
        Names(CatalogueEntry.ExchangeFolder, "*.yaml").Should().BeEquivalentTo(CatalogueEntry.Names);
        Names(Repository.File("docs/providers"), "*.md").Should().BeEquivalentTo(CatalogueEntry.Names.Append("README"));

        static IEnumerable<string?> Names(string folder, string pattern) => Directory.EnumerateFiles(folder, pattern).Select(Path.GetFileNameWithoutExtension);
    }

    [Fact]
    public void Two_providers_share_a_token_endpoint_only_if_one_builds_on_the_other()
    {
        foreach (var same in CatalogueEntry.Names.Select(CatalogueEntry.Read).GroupBy(entry => entry.Resolve().TokenEndpoint).Where(same => same.Count() > 1))
            same.Count(entry => entry.Base is null).Should().Be(1, $"{string.Join(" and ", same.Select(entry => entry.Name))} send secrets to {same.Key}");
    }

    [Fact]
    public void Secrets_are_sent_by_https_alone_and_only_to_hosts_of_one_domain()
    {
        foreach (var name in CatalogueEntry.Names)
        {
            var provider = CatalogueEntry.Read(name).Resolve();
            provider.SecretEndpoints.Should().OnlyContain(address => address.Scheme == Uri.UriSchemeHttps, name);
            provider.SecretEndpoints.Select(address => string.Join('.', address.Host.Split('.')[^2..])).Distinct().Should().ContainSingle(name);
        }
    }
}
