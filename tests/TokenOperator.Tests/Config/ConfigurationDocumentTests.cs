using TokenOperator.Core.Net;
using TokenOperator.Core.Settings;
using TokenOperator.Hosting;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Providers;
using TokenOperator.SelfService;

namespace TokenOperator.Tests.Config;

public sealed class ConfigurationDocumentTests
{
    private static readonly Dictionary<string, SettingInfo[]> Sections = new()
    {
        ["## Postgres and encryption"] = [.. ConnectionStrings.All, .. EncryptionSettings.All],
        ["## Providers"] = [.. ProviderSettings.All],
        ["## The operator"] = [.. OperatorSettings.All],
        ["## Metrics"] = [.. MetricsSettings.All],
        ["## Self-service pages"] = [.. SelfServiceSettings.All],
        ["## Proxies"] = [.. EnvironmentProxy.All],
        ["## Logs and traces"] = [.. Telemetry.All, .. Logs.All],
    };

    [Theory]
    [InlineData("## Postgres and encryption")]
    [InlineData("## Providers")]
    [InlineData("## The operator")]
    [InlineData("## Metrics")]
    [InlineData("## Self-service pages")]
    [InlineData("## Proxies")]
    [InlineData("## Logs and traces")]
    public Task The_documentation_lists_every_setting_as_the_code_declares_it(string heading) => DocumentTable.CheckAsync(
        "docs/configuration.md", heading,
        ["Setting", "Value", "Default", "Meaning"],
        Sections[heading].Select(setting => new[] { $"`{setting.Name}`", setting.Expected, setting.DefaultText, setting.Description }));

    [Fact]
    public void Every_setting_is_declared_once() =>
        Sections.Values.SelectMany(settings => settings).Select(setting => setting.Name).Should().OnlyHaveUniqueItems();
}
