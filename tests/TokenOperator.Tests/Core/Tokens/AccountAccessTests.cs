using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Tokens;

/// <summary>Lists are written as <c>namespaces | denied | UIDs</c>, with blanks between names.</summary>
public sealed class AccountAccessTests
{
    [Theory]
    [InlineData("mail | | mail/1", "mail | | ", "the next use records the namespace that has the name now")]
    [InlineData("mail | web | mail/1", "mail | web | ")]
    [InlineData(" | mail | ", "mail | | ", "it ends the denial")]
    [InlineData("web | mail | web/7", "web mail | | web/7")]
    public void An_administrator_allows_whatever_was_recorded(string before, string after, string because = "") =>
        Text(Parse(before).Allow("mail")).Should().Be(after, because);

    [Theory]
    [InlineData("mail web | | mail/1 web/7", "web | mail | web/7")]
    [InlineData(" | mail | ", " | mail | ")]
    public void An_administrator_denies_and_the_UID_goes(string before, string after) => Text(Parse(before).Deny("mail")).Should().Be(after);

    [Fact]
    public void A_release_keeps_denials_only() => Text(Parse("mail | web | mail/1").Release()).Should().Be(" | web | ");

    [Theory]
    [InlineData(" | | ", "mail | | mail/2")]
    [InlineData("mail | | mail/1", "mail | | mail/2", "the namespace was created again")]
    [InlineData("mail | | mailbox/1", "mail | | mailbox/1 mail/2")]
    [InlineData(" | mail | ", null)]
    [InlineData("web | | ", null)]
    public void Proof_gives_an_account_of_nobody_or_of_an_earlier_namespace_of_the_name(string before, string? after, string because = "") =>
        (Parse(before).AllowByProof(new AccountUser("mail", "2")) is { } changed ? Text(changed) : null).Should().Be(after, because);

    [Theory]
    [InlineData("mail | | ", "mail | | mail/2")]
    [InlineData("mail | | mail/1", null)]
    [InlineData("web | | ", null)]
    [InlineData("mail | mail | ", null)]
    public void A_UID_is_recorded_once(string before, string? after) =>
        (Parse(before).Record(new AccountUser("mail", "2")) is { } changed ? Text(changed) : null).Should().Be(after);

    [Theory]
    [InlineData("mail | | mail/1", "1", true)]
    [InlineData("mail | | mail/1", "2", false)]
    [InlineData("mail | | mail/1", null, false)]
    [InlineData("mail | | ", "2", true)]
    [InlineData("mail | | ", null, true)]
    [InlineData("mail | mail | ", "1", false)]
    [InlineData("web | | web/1", "1", false)]
    public void A_row_is_open_to_the_recorded_namespace_only(string access, string? uid, bool isOpen)
    {
        var record = Parse(access) is var parsed ? new AccountRecord
        {
            Key = new AccountKey("google", "marcus"),
            Generation = 1,
            Token = new TokenSet(),
            Namespaces = parsed.Namespaces,
            DeniedNamespaces = parsed.Denied,
            NamespaceUids = parsed.Uids,
        } : null!;
        record.IsOpenTo(new AccountUser("mail", uid)).Should().Be(isOpen);
        record.IsClosedTo(new AccountUser("mail", uid)).Should().Be(!isOpen);
    }

    private static AccountAccess Parse(string text) => text.Split('|') is [var namespaces, var denied, var uids]
        ? new AccountAccess(Names(namespaces), Names(denied), Names(uids))
        : throw new ArgumentException(text);

    private static string[] Names(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string Text(AccountAccess access) =>
        string.Join(" | ", string.Join(' ', access.Namespaces), string.Join(' ', access.Denied), string.Join(' ', access.Uids)).Replace("|  |", "| |", StringComparison.Ordinal);
}
