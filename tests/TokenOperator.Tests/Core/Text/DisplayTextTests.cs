using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Text;

public sealed class DisplayTextTests
{
    [Theory]
    [InlineData("marcus", true)]
    [InlineData("Zoë 東京 🔑", true)]
    [InlineData("mar\ncus", false)]
    [InlineData("mar\u202Ecus", false)]
    [InlineData("mar\u200Bcus", false)]
    [InlineData("mar\u2028cus", false)]
    public void Characters_that_hide_or_reverse_text_are_not_printable(string text, bool printable) => DisplayText.IsPrintable(text).Should().Be(printable);

    [Fact]
    public void A_long_text_is_cut_and_unprintable_characters_are_replaced() => DisplayText.Of("a\u202Eb\nc🔑d", 6).Should().Be("a?b?c\uFFFD...");

    [Fact]
    public void A_cell_of_a_table_stays_in_its_line_and_its_column() =>
        Table.Lines([["ACCOUNT", "REASON"], ["a\nb\e[31m", "c\u202ed"]], (_, _, cell) => cell).Should().Equal("ACCOUNT    REASON", "a?b?[31m   c?d");

    [Theory]
    [InlineData(0, "no keys")]
    [InlineData(1, "key-0001")]
    [InlineData(10, "key-0001, key-0002, key-0003, key-0004, key-0005, key-0006, key-0007, key-0008, key-0009, key-0010")]
    [InlineData(2500, "key-0001, key-0002, key-0003, key-0004, key-0005, key-0006, key-0007, key-0008, key-0009, key-0010 and 2490 more")]
    public void A_list_in_a_message_shows_its_first_items_and_says_how_many_more_there_are(int count, string shown) =>
        DisplayText.List(Enumerable.Range(1, count).Select(i => $"key-{i:0000}"), none: "no keys").Should().Be(shown);

    [Fact]
    public void The_items_of_a_list_in_a_message_are_cut_and_printable() =>
        DisplayText.List(Enumerable.Repeat("a\u202E" + new string('x', 300), 5000)).Length.Should().BeLessThan(1100);

    [Theory]
    [InlineData("marcus@example.com", "marcus@example.com")]
    [InlineData("x; rm -rf /", "'x; rm -rf /'")]
    [InlineData("$(reboot)", "'$(reboot)'")]
    [InlineData("it's", @"'it'\''s'")]
    public void A_name_in_a_command_to_copy_is_one_shell_word(string account, string word)
    {
        var request = new TokenRequest
        {
            Owner = new NamespacedName("mail", "m"),
            Key = new AccountKey("google", account),
            Client = new SecretKey("mail", "client", "credentials.json"),
            SecretName = "m",
        };

        ConditionMessages.NotAllowed(request).Should().EndWith($"token-operator accounts allow google {word} --namespace mail");
        ConditionMessages.NoSeed(request).Should().EndWith($"--account {word} --namespace mail");
    }
}
