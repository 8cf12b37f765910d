using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Report;
using TokenOperator.Core.Net;
using TokenOperator.Hosting;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Providers;
using TokenOperator.SelfService;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class SettingsPageTests
{
    [Fact]
    public void A_value_is_shown_only_of_a_setting_that_is_declared_and_not_secret()
    {
        var declared = new[] { ConnectionStrings.All, EncryptionSettings.All, ProviderSettings.All, OperatorSettings.All, SelfServiceSettings.All, EnvironmentProxy.All, Telemetry.All, Logs.All }
            .SelectMany(settings => settings).ToDictionary(setting => setting.Name);

        SettingsPage.Shown.Should().OnlyContain(name => declared.ContainsKey(name) && !declared[name].IsSecret);
        SettingsPage.Addresses.Should().OnlyContain(name => declared.ContainsKey(name) && declared[name].Expected.Contains("address"));
    }

    [Theory]
    [InlineData("DATABASE_URL", "postgresql://op:hunter2@db/x", "(set; not shown)")]
    [InlineData("ConnectionStrings__Postgres", "Host=db;Password=hunter2", "(set; not shown)")]
    [InlineData("MY_API_KEY", "hunter2", "(set; not shown)")]
    [InlineData("Providers__x__ClientSecret", "hunter2", "(set; not shown)")]
    [InlineData("Encryption", "hunter2", "(set; not shown)")]
    [InlineData("Encryption", "Required", "Required")]
    [InlineData("Namespaces", "mail,shop", "mail,shop")]
    [InlineData("Providers__google__Burst", "5", "5")]
    [InlineData("Providers____Burst", "5", "(set; not shown)")]
    [InlineData("Logging__LogLevel__Default", "Trace", "Trace")]
    [InlineData("Providers__x__TokenEndpoint", "https://me:hunter2@login.example.com/token?key=hunter2", "https://login.example.com (the rest is not shown)")]
    [InlineData("HTTPS_PROXY", "http://me:hunter2@proxy.example.com:3128", "http://proxy.example.com:3128 (the rest is not shown)")]
    [InlineData("HTTPS_PROXY", "hunter2", "(set; not shown)")]
    [InlineData("Namespaces", "", "(empty)")]
    [InlineData("DATABASE_URL", null, "(set; not shown)")]
    public void A_setting_is_shown_as_far_as_it_is_known_not_to_be_secret(string name, string? value, string shown) =>
        SettingsPage.Render([new OperatorSetting(name, value, "the Deployment")]).Should().Be($"{name} = {shown}   from the Deployment\n");
}
