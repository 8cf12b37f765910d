using Npgsql;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres.Rows;

/// <summary>Who may use an account as its row says it, and what a change of that depends on. Nothing of it is trusted before <see cref="Check"/>.</summary>
/// <param name="Key">The account.</param>
/// <param name="Access">Who may use it.</param>
/// <param name="Seal">The seal, or null.</param>
/// <param name="TokenData">The stored document, or null.</param>
/// <param name="Generation">The generation of the row.</param>
/// <param name="Version">Every write of the row changes it, also that of an application.</param>
/// <param name="IsNewDatabase">True when no application has written rows in this database.</param>
internal sealed record StoredAccess(AccountKey Key, AccountAccess Access, string? Seal, string? TokenData, long Generation, string Version, bool IsNewDatabase)
{
    /// <summary>The columns that <see cref="Read"/> reads, from its first column on.</summary>
    public const string Columns =
        $"namespaces, denied_namespaces, namespace_uids, left(access_seal, 300), token_data::text, generation, xmin::text, {AccountSql.IsNewDatabase}";

    /// <summary>Reads the current row of a statement that selects <see cref="Columns"/> from the column <paramref name="first"/> on.</summary>
    public static StoredAccess Read(NpgsqlDataReader reader, AccountKey key, int first = 0) => new(
        key,
        new AccountAccess(AccountRow.Names(reader, first), AccountRow.Names(reader, first + 1), AccountRow.Names(reader, first + 2)),
        AccountRow.Text(reader, first + 3), AccountRow.Text(reader, first + 4), reader.GetInt64(first + 5), reader.GetString(first + 6), reader.GetBoolean(first + 7));

    /// <summary>The version of the access; null if it is not sealed.</summary>
    /// <exception cref="UnreadableRowException">Someone without the keys changed the access list.</exception>
    public long? Check(TokenCipher cipher) => cipher.CheckAccess(Key, Access, Seal, Document(cipher), Generation, IsNewDatabase);

    /// <summary>The document; null if there is none that can be read.</summary>
    public RowDocument? Document(TokenCipher cipher)
    {
        try
        {
            return TokenData is null ? null : cipher.OpenRow(Key, TokenData, Generation, IsNewDatabase);
        }
        catch (UnreadableRowException)
        {
            return null;
        }
    }
}
