using Npgsql;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres;

/// <summary>One row as read: the record, and the document that its tokens came from, in plain text.</summary>
internal sealed record AccountRow(AccountRecord Record, string Document)
{
    /// <summary>Reads the current row, whose columns are those of <see cref="AccountSql"/>.</summary>
    /// <exception cref="UnreadableRowException">It is not the row of an account.</exception>
    public static AccountRow Read(NpgsqlDataReader reader, TokenCipher cipher)
    {
        var key = new AccountKey(Text(reader, 0) ?? "", Text(reader, 1) ?? "");
        if (key.Provider.Length == 0 || key.Account.Length == 0)
            throw new UnreadableRowException(key, "provider or account is empty, expected a name.");
        var namespaces = Names(reader, 4);
        var plain = new AccountRecord
        {
            Key = key,
            Generation = reader.GetInt64(5),
            Incarnation = Text(reader, 18),
            Token = new TokenSet(),
            Namespaces = namespaces.Length > 0 ? namespaces : null,
            SeedFingerprints = Text(reader, 13)?.Split(' ') ?? [],
            DeniedNamespaces = Names(reader, 14),
            OpenClaim = reader.IsDBNull(17) ? null : new OpenClaim(Text(reader, 15) ?? "", Text(reader, 16) ?? "", reader.GetBoolean(17)),
        };
        try
        {
            return Complete(plain, reader, cipher);
        }
        catch (UnreadableRowException e)
        {
            throw e.With(plain);
        }
    }

    private static AccountRow Complete(AccountRecord plain, NpgsqlDataReader reader, TokenCipher cipher)
    {
        var key = plain.Key;
        var stored = Text(reader, 2) ?? throw new UnreadableRowException(key, "token_data is null, expected a JSON object with tokens.");
        var document = cipher.Open(key, stored);
        return new AccountRow(
            plain with
            {
                Token = ReadToken(key, document, plain.IsAdopted ? Moment(key, reader, 3) : null),
                LastRefreshAt = Moment(key, reader, 6),
                Failure = ReadFailure(key, reader),
            },
            document);
    }

    private static TokenSet ReadToken(AccountKey key, string document, DateTimeOffset? applicationsExpiry)
    {
        try
        {
            var token = TokenDocument.Read(document);
            // An application may have kept the expiry in its column alone.
            return token is { AccessToken: not null, ExpiresAt: null } ? token with { ExpiresAt = applicationsExpiry } : token;
        }
        catch (InvalidDocumentException e)
        {
            throw new UnreadableRowException(key, e.Message);
        }
    }

    private static RefreshFailure? ReadFailure(AccountKey key, NpgsqlDataReader reader)
    {
        var count = reader.GetInt32(7);
        if (count == 0 || Text(reader, 8) is not { } reason)
            return null;
        if (!Enum.TryParse<FailureKind>(reason, out var kind) || Moment(key, reader, 10) is not { } failedAt)
            throw new UnreadableRowException(key, "failure_reason or failed_at is not what this version writes.");
        return new RefreshFailure(kind, Text(reader, 9) ?? "", count, failedAt, Moment(key, reader, 11) ?? failedAt, Text(reader, 12) ?? "");
    }

    private static string[] Names(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? [] : [.. reader.GetFieldValue<string?[]>(column).OfType<string>()];

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    private static DateTimeOffset? Moment(AccountKey key, NpgsqlDataReader reader, int column)
    {
        try
        {
            return reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);
        }
        catch (Exception e) when (e is InvalidCastException or ArgumentException)
        {
            throw new UnreadableRowException(key, $"{reader.GetName(column)} lies outside of the years 1 to 9999.");
        }
    }
}
