namespace TokenOperator.Postgres.Migrations;

/// <summary>What <see cref="CreateOrAdoptTable"/> makes, by the names under which it is remembered in the database.</summary>
internal static class TablePart
{
    /// <summary>The whole table.</summary>
    public const string Table = "table";

    /// <summary>The unique constraint on an adopted table that had none.</summary>
    public const string Unique = "unique";

    /// <summary>A default for an adopted <c>id uuid</c> that the applications filled in themselves.</summary>
    public const string UuidDefault = "id-default-uuid";

    /// <summary>The same for an <c>id</c> that is a text.</summary>
    public const string TextDefault = "id-default-text";
}
