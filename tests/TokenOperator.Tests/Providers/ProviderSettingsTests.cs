using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;
using TokenOperator.Providers.Registry;

namespace TokenOperator.Tests.Providers;

public sealed class ProviderSettingsTests
{
    [Fact]
    public void Without_settings_the_only_provider_is_Google_at_its_real_addresses()
    {
        var google = ProviderSettings.Read(Configuration()).Should().ContainSingle().Subject;

        google.Name.Should().Be("google");
        google.TokenEndpoint.Should().Be(new Uri("https://oauth2.googleapis.com/token"));
        google.AuthorizationEndpoint.Should().Be(new Uri("https://accounts.google.com/o/oauth2/v2/auth"));
        google.Scopes.Consent.Should().Equal("openid", "email");
        google.Revocation!.Endpoint.Should().Be(new Uri("https://oauth2.googleapis.com/revoke"));
        google.Identity.Issuers.Should().Equal("https://accounts.google.com", "accounts.google.com");
        google.Rotation.CanRotate.Should().BeFalse();
        google.Timeout.Should().Be(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void A_setting_allows_a_provider_to_take_accounts_from_other_hosts_whether_it_has_an_address_of_its_own_or_not()
    {
        ProviderSettings.Read(Configuration(("Providers:google:AllowEndpointMoveFrom", "one.example:8443 two.example"))).Should().ContainSingle().Which
            .Should().BeEquivalentTo(TestDocuments.Google with { MovesFrom = "one.example:8443 two.example" });
        ProviderSettings.Read(Configuration(("Providers:acme:AllowEndpointMoveFrom", "one.example"), ("Providers:acme:TokenEndpoint", "https://idp.example/token"))).Single(provider => provider.Name == "acme")
            .TakesAccountsFrom("one.example").Should().BeTrue();
    }

    [Fact]
    public void Settings_change_the_addresses_of_Google_and_add_providers()
    {
        var all = ProviderSettings.Read(Configuration(
            ("Providers:Google:TokenEndpoint", "http://127.0.0.1:8080/token"),
            ("Providers:Google:TimeoutSeconds", "5"),
            ("Providers:Google:RequestsPerSecond", "2.5"),
            ("Providers:Google:Burst", "7"),
            ("Providers:Google:ClientRequestsPerSecond", "0.5"),
            ("Providers:Google:ClientBurst", "3"),
            ("Providers:Google:RotatesRefreshTokens", "true"),
            ("Providers:acme:Issuer", "https://login.acme.example"),
            ("Providers:acme:TokenEndpoint", "https://login.acme.example/oauth/token")));

        all.Should().BeEquivalentTo([
            TestDocuments.Google with
            {
                TokenEndpoint = new("http://127.0.0.1:8080/token"),
                DeviceAuthorizationEndpoint = null,
                DiscoveryEndpoint = null,
                Revocation = null,
                WorkloadIdentity = new WorkloadIdentityRules(),
                Identity = new IdentityRules(),
                Timeout = TimeSpan.FromSeconds(5),
                Limits = new RequestLimits { Rate = new RequestRate(2.5, 7), ClientRate = new RequestRate(0.5, 3) },
                Rotation = new RotationRules { Mode = RotationMode.Sometimes },
            },
            TestDocuments.Read("""
                tokenEndpoint: https://login.acme.example/oauth/token
                authorization: {parameters: {access_type: offline, prompt: consent}}
                scopes: {consent: [openid, email, offline_access]}
                identity: {issuers: ["https://login.acme.example"]}
                """) with
            {
                Name = "acme",
                DisplayName = "acme",
            },
        ]);
    }

    [Fact]
    public void A_setting_that_names_the_documents_own_server_takes_nothing_away() =>
        ProviderSettings.Read(Configuration(("Providers:google:TokenEndpoint", "https://oauth2.googleapis.com/token"))).Should().ContainSingle().Which
            .Should().BeEquivalentTo(TestDocuments.Google);

    [Theory]
    [InlineData("never", "true", RotationMode.Sometimes)]
    [InlineData("sometimes", "true", RotationMode.Sometimes)]
    [InlineData("always", "true", RotationMode.Always)]
    [InlineData("never", "false", RotationMode.Never)]
    [InlineData("always", "false", RotationMode.Never)]
    public void A_setting_says_whether_refresh_tokens_rotate_and_the_document_how(string mode, string setting, RotationMode expected)
    {
        var acme = new SourceDocument(
            "acme", DocumentSource.Cluster, "ClusterOAuthProvider acme", YamlInput.Read($"tokenEndpoint: https://idp.example/token\nrotation: {{mode: {mode}, grace: 1m}}", out _)!);
        var settings = Configuration(("Providers:acme:RotatesRefreshTokens", setting));
        var resolved = ProviderResolver.Resolve([acme, .. SettingsReader.Read(settings, reader => ProviderSettings.ReadDocuments(reader, [acme]))])["acme"];

        var rotation = resolved.ReadProvider()!.Rotation;

        rotation.Should().Be(new RotationRules { Mode = expected, Grace = TimeSpan.FromMinutes(1) });
        rotation.ReplayEndsGrant.Should().Be(expected == RotationMode.Always);
    }

    [Fact]
    public void A_setting_leaves_the_rotation_of_the_catalogue() =>
        ProviderSettings.Read(Configuration(("Providers:xero:RotatesRefreshTokens", "true"))).Single(provider => provider.Name == "xero")
            .Rotation.Should().Be(TestDocuments.Read("extends: xero").Rotation).And.Match<RotationRules>(rotation => rotation.Mode == RotationMode.Always);

    [Theory]
    [InlineData("true", RotationMode.Sometimes)]
    [InlineData("false", RotationMode.Never)]
    public void A_setting_says_whether_refresh_tokens_of_a_provider_without_a_document_rotate(string setting, RotationMode expected) =>
        ProviderSettings.Read(Configuration(("Providers:acme:TokenEndpoint", "https://idp.example/token"), ("Providers:acme:RotatesRefreshTokens", setting)))
            .Single(provider => provider.Name == "acme").Rotation.Mode.Should().Be(expected);

    [Fact]
    public void Settings_give_the_parameters_of_a_catalogue_entry() =>
        ProviderSettings.Read(Configuration(("Providers:microsoft:Parameters:tenant", "contoso.example"))).Single(provider => provider.Name == "microsoft")
            .TokenEndpoint.Should().Be(new Uri("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"));

    [Theory]
    [InlineData("microsoft", "tennant", "contoso.example", "*Providers__microsoft__*parameters.tennant is not a parameter of this provider; it has tenant*")]
    [InlineData("microsoft", "tenant", "evil.example/x", "*parameters.tenant is \"evil.example/x\"*")]
    [InlineData("microsoft", "tenant", "common", "*parameters.tenant is \"common\"*")]
    [InlineData("google", "tenant", "contoso.example", "*parameters.tenant is not a parameter of this provider*")]
    public void A_parameter_of_a_setting_is_validated_as_that_of_a_document(string provider, string parameter, string value, string message)
    {
        var read = () => ProviderSettings.Read(Configuration(($"Providers:{provider}:Parameters:{parameter}", value)));

        read.Should().Throw<InvalidSettingException>().WithMessage(message);
    }

    [Theory]
    [InlineData("TokenEndpoint", "login.acme.example/token", "*expected an absolute address*")]
    [InlineData("TokenEndpoint", "/token", "*expected an absolute address*")]
    [InlineData("TokenEndpoint", "ftp://login.acme.example/token", "*expected an absolute address*")]
    [InlineData("TokenEndpoint", "https://user:marked-secret@login.acme.example/token", "*user name*")]
    [InlineData("TokenEndpoint", "https://login.acme.example/token#marked-secret", "*fragment*")]
    [InlineData("TokenEndpoint", "http://login.acme.example/token", "*plain http*Providers__acme__AllowInsecureHttp=true*")]
    [InlineData("RevocationEndpoint", "banana", "*expected an absolute address*")]
    [InlineData("AuthorizationEndpoint", "banana", "*expected an absolute address*")]
    [InlineData("AuthorizationEndpoint", "http://login.acme.example/authorize", "*plain http*")]
    [InlineData("ConsentScopes", "open\"id", "*expected scopes, separated by spaces*")]
    [InlineData("TimeoutSeconds", "0", "*1 to 300*")]
    [InlineData("TimeoutSeconds", "-1", "*1 to 300*")]
    [InlineData("TimeoutSeconds", "banana", "*1 to 300*")]
    [InlineData("RequestsPerSecond", "0", "*0.01 to 10000*")]
    [InlineData("RequestsPerSecond", "banana", "*0.01 to 10000*")]
    [InlineData("Burst", "0", "*whole number from 1 to 10000*")]
    [InlineData("Burst", "1.5", "*whole number from 1 to 10000*")]
    [InlineData("ClientRequestsPerSecond", "0", "*0.01 to 10000*")]
    [InlineData("ClientBurst", "0", "*whole number from 1 to 10000*")]
    [InlineData("AllowInsecureHttp", "banana", "*expected true or false*")]
    public void An_invalid_setting_is_rejected_and_named(string key, string value, string message)
    {
        var settings = Configuration(("Providers:acme:TokenEndpoint", "http://acme.example/token"), ("Providers:acme:AllowInsecureHttp", "true"));
        settings[$"Providers:acme:{key}"] = value;
        if (key != "AllowInsecureHttp")
            settings["Providers:acme:AllowInsecureHttp"] = "false";
        if (key is not ("TokenEndpoint" or "AllowInsecureHttp"))
            settings["Providers:acme:TokenEndpoint"] = "https://acme.example/token";
        var read = () => ProviderSettings.Read(settings);

        read.Should().Throw<InvalidSettingException>().WithMessage($"The setting Providers__acme__{key} *").WithMessage(message)
            .Which.Message.Should().NotContain("marked-secret");
    }

    [Fact]
    public void A_burst_of_a_client_without_its_rate_is_rejected()
    {
        var read = () => ProviderSettings.Read(Configuration(("Providers:acme:TokenEndpoint", "https://acme.example/token"), ("Providers:acme:ClientBurst", "3")));

        read.Should().Throw<InvalidSettingException>().WithMessage("*Providers__acme__*limits.clientRequestsPerSecond is missing*");
    }

    [Fact]
    public void A_provider_without_a_token_endpoint_is_rejected()
    {
        var read = () => ProviderSettings.Read(Configuration(("Providers:acme:TimeoutSeconds", "5")));

        read.Should().Throw<InvalidSettingException>().WithMessage("The setting Providers__acme__TokenEndpoint is missing*");
    }

    [Fact]
    public void A_name_that_no_object_could_use_is_rejected()
    {
        var read = () => ProviderSettings.Read(Configuration(("Providers:a_b:TokenEndpoint", "https://acme.example/token")));

        read.Should().Throw<InvalidSettingException>().WithMessage("The setting Providers__a_b has a name that no provider can have*");
    }

    [Fact]
    public void Plain_http_is_allowed_if_a_setting_allows_it()
    {
        ProviderSettings.Read(Configuration(("Providers:acme:TokenEndpoint", "http://acme.example/token"), ("Providers:acme:AllowInsecureHttp", "true")))
            .Should().HaveCount(2);
    }

    [Fact]
    public async Task The_registry_finds_a_provider_by_its_exact_name()
    {
        await using var services = new ServiceCollection().AddLogging()
            .AddTokenProviders(Configuration(("Providers:acme:TokenEndpoint", "https://acme.example/token"))).BuildServiceProvider();
        var registry = services.GetRequiredService<ProviderRegistry>();

        registry.Look("none").Should().BeOfType<ProviderState.Unknown>().Which.Known.Should().Contain(["acme", "google"]).And.BeInAscendingOrder(StringComparer.Ordinal);
        registry.Find("google")!.Name.Should().Be("google");
        registry.Find("acme")!.Name.Should().Be("acme");
        registry.Find("Google").Should().BeNull();
        registry.Find("unknown").Should().BeNull();
    }

    private static IConfigurationRoot Configuration(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value)).Build();
}
