using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using TokenOperator.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Tokens;
using TokenOperator.Hosting;

namespace TokenOperator.Tests.Cli;

public sealed class BadCallTests
{
    private static readonly AccountKey Marcus = new("google", "marcus");

    [Theory]
    [InlineData("Mail")]
    [InlineData("mail_x")]
    [InlineData("-mail")]
    [InlineData("")]
    public async Task A_name_that_no_namespace_can_have_is_refused(string ns)
    {
        await FluentActions.Awaiting(() => SeedCommand.ExecuteAsync("token.json", Marcus, ns, replace: false, CancellationToken.None))
            .Should().ThrowAsync<InvalidSettingException>().WithMessage("--namespace *expected 1 to 63 of a-z*");
        await FluentActions.Awaiting(() => AccountsCommand.AllowAsync(Marcus, ns, CancellationToken.None))
            .Should().ThrowAsync<InvalidSettingException>();
    }

    [Fact]
    public async Task A_seed_that_is_a_folder_or_missing_is_called_so()
    {
        var folder = Path.GetTempPath();
        await FluentActions.Awaiting(() => SeedCommand.ExecuteAsync(folder, Marcus, null, replace: false, CancellationToken.None))
            .Should().ThrowAsync<InvalidDocumentException>().WithMessage("*is a folder, a token file was expected.");
        await FluentActions.Awaiting(() => SeedCommand.ExecuteAsync(Path.Combine(folder, "no such file"), Marcus, null, replace: false, CancellationToken.None))
            .Should().ThrowAsync<InvalidDocumentException>().WithMessage("*does not exist*");
    }

    [Fact]
    public void A_log_level_that_there_is_not_stops_the_start_with_its_setting()
    {
        var settings = new ConfigurationBuilder().AddInMemoryCollection([new("Logging:LogLevel:TokenOperator", "Loud")]).Build();
        FluentActions.Invoking(() => LoggerFactory.Create(logging => Logs.Configure(logging, settings)))
            .Should().Throw<InvalidSettingException>().WithMessage("The setting Logging__LogLevel__TokenOperator is \"Loud\"; expected one of Trace,*");
    }
}
