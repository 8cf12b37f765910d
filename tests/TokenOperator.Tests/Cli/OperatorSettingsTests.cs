using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Settings;
using TokenOperator.Hosting;

namespace TokenOperator.Tests.Cli;

public sealed class OperatorSettingsTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("mail", "mail")]
    [InlineData(" mail, calendar,,", "mail", "calendar")]
    public void Namespaces_are_separated_by_commas(string? setting, params string[] namespaces) =>
        Read(setting).Namespaces.Should().Equal(namespaces);

    [Theory]
    [InlineData("mail calendar")]
    [InlineData("mail,*")]
    [InlineData("mail,Calendar")]
    public void An_invalid_namespace_name_is_rejected(string setting)
    {
        var read = () => Read(setting);
        read.Should().Throw<InvalidSettingException>().WithMessage("The setting Namespaces is *expected names of namespaces, separated by commas.");
    }

    private static OperatorSettings Read(string? namespaces) =>
        OperatorSettings.Read(new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("Namespaces", namespaces)]).Build());
}
