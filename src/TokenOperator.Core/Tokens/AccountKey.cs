namespace TokenOperator.Core.Tokens;

/// <summary>What names an account everywhere: the unique key of its row in Postgres. Compared exactly, case included.</summary>
/// <param name="Provider">The provider's name, such as <c>google</c>.</param>
/// <param name="Account">The account's name at the user's choice, such as <c>marcus</c>.</param>
public readonly record struct AccountKey(string Provider, string Account)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Provider}/{Account}";
}
