namespace TokenOperator.Core.Tokens;

/// <summary>Identifies an account: the unique key of its row in Postgres. Case-sensitive.</summary>
/// <param name="Provider">The provider's name, such as <c>google</c>.</param>
/// <param name="Account">The name that the user chose for the account, such as <c>marcus</c>.</param>
public readonly record struct AccountKey(string Provider, string Account)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Provider}/{Account}";
}
