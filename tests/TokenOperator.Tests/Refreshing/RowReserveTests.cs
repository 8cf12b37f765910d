using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class RowReserveTests
{
    private readonly RowReserve _reserve = new();

    [Theory]
    [InlineData(8192, 0)]
    [InlineData(10, 0)]
    [InlineData(10, 1000)]
    public void However_many_rows_there_are_and_whatever_they_contain_the_reserve_has_a_fixed_size(int tokenLength, int namespaces)
    {
        var filling = _reserve.Begin();
        var kept = new List<AccountRecord>();
        for (var i = 0; !filling.IsFull && i < 100_000; i++)
        {
            var row = Row(i, tokenLength, namespaces);
            filling.Add(row);
            if (filling.Rows.ContainsKey(row.Key))
                kept.Add(row);
        }

        // A character has two bytes, and no object is smaller than 24 bytes.
        kept.Sum(row => (2L * row.Token.RefreshToken!.Reveal().Length) + (24L * row.Namespaces!.Count)).Should().BeLessThan(RowReserve.MaxSize);
        kept.Count.Should().BeInRange(10, 5000);
    }

    [Fact]
    public void Exported_values_and_UIDs_count_too()
    {
        var value = new string('x', 1000);
        var filling = _reserve.Begin();
        for (var i = 0; !filling.IsFull && i < 100_000; i++)
        {
            filling.Add(Row(i) with
            {
                Token = new TokenSet { RefreshToken = new SecretValue("refresh"), Exports = Enumerable.Range(0, 50).ToDictionary(key => $"key-{key}", _ => value) },
                NamespaceUids = [.. Enumerable.Range(0, 50).Select(ns => $"n{ns}/{value}")],
            });
        }

        filling.Rows.Values.Sum(row => 2L * (row.Token.Exports.Values.Sum(text => text.Length) + row.NamespaceUids.Sum(text => text.Length))).Should().BeLessThan(RowReserve.MaxSize);
    }

    [Fact]
    public void A_row_is_taken_once()
    {
        Fill(Row(1), Row(2));
        _reserve.Take(Row(1).Key).Should().NotBeNull();
        _reserve.Take(Row(1).Key).Should().BeNull();
        _reserve.Take(Row(2).Key).Should().NotBeNull();
    }

    [Fact]
    public void The_rows_of_a_later_statement_replace_all_earlier_ones()
    {
        Fill(Row(1));
        Fill(Row(2));
        _reserve.Take(Row(1).Key).Should().BeNull();
        _reserve.Take(Row(2).Key).Should().NotBeNull();
    }

    [Fact]
    public void A_row_that_is_removed_while_the_statement_runs_is_not_kept()
    {
        var filling = _reserve.Begin();
        filling.Add(Row(1));
        _reserve.Remove(Row(1).Key);
        _reserve.Replace(filling);
        _reserve.Take(Row(1).Key).Should().BeNull();
    }

    private void Fill(params AccountRecord[] rows)
    {
        var filling = _reserve.Begin();
        foreach (var row in rows)
            filling.Add(row);
        _reserve.Replace(filling);
    }

    private static AccountRecord Row(int number, int tokenLength = 10, int namespaces = 1) => new()
    {
        Key = new AccountKey("google", $"user-{number}"),
        Generation = 1,
        Token = new TokenSet { RefreshToken = new SecretValue(new string('r', tokenLength)) },
        Namespaces = [.. Enumerable.Range(0, namespaces).Select(i => $"n{i}")],
    };
}
