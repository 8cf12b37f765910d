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
    public async Task An_invalid_namespace_name_is_rejected(string ns)
    {
        await FluentActions.Awaiting(() => SeedCommand.ExecuteAsync("token.json", Marcus, ns, replace: false, CancellationToken.None))
            .Should().ThrowAsync<InvalidSettingException>().WithMessage("--namespace *expected 1 to 63 of a-z*");
        await FluentActions.Awaiting(() => AccountsCommand.AllowAsync(Marcus, ns, CancellationToken.None))
            .Should().ThrowAsync<InvalidSettingException>();
    }

    [Fact]
    public async Task A_token_file_that_is_a_folder_or_missing_is_rejected_with_a_reason()
    {
        var folder = Path.GetTempPath();
        await FluentActions.Awaiting(() => SeedCommand.ExecuteAsync(folder, Marcus, null, replace: false, CancellationToken.None))
            .Should().ThrowAsync<InvalidDocumentException>().WithMessage("*is a folder; expected a token file.");
        await FluentActions.Awaiting(() => SeedCommand.ExecuteAsync(Path.Combine(folder, "no such file"), Marcus, null, replace: false, CancellationToken.None))
            .Should().ThrowAsync<InvalidDocumentException>().WithMessage("*does not exist*");
    }

    [Fact]
    public void An_unknown_log_level_is_rejected_with_the_name_of_its_setting()
    {
        var settings = new ConfigurationBuilder().AddInMemoryCollection([new("Logging:LogLevel:TokenOperator", "Loud")]).Build();
        FluentActions.Invoking(() => LoggerFactory.Create(logging => SettingsReader.Read(settings, reader =>
            {
                Logs.Configure(logging, reader);
                return true;
            })))
            .Should().Throw<InvalidSettingException>().WithMessage("The setting Logging__LogLevel__TokenOperator is \"Loud\"; expected one of Trace,*");
    }
}
