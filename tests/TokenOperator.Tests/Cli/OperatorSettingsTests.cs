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
    public void Namespaces_are_named_with_commas_between(string? setting, params string[] namespaces) =>
        Read(setting).Namespaces.Should().Equal(namespaces);

    [Theory]
    [InlineData("mail calendar")]
    [InlineData("mail,*")]
    [InlineData("mail,Calendar")]
    public void A_name_that_no_namespace_can_have_stops_the_start(string setting)
    {
        var read = () => Read(setting);
        read.Should().Throw<InvalidSettingException>().WithMessage("The setting Namespaces is *expected names of namespaces with commas between.");
    }

    private static OperatorSettings Read(string? namespaces) =>
        OperatorSettings.From(new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("Namespaces", namespaces)]).Build());
}
