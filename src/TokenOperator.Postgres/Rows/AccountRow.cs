using Npgsql;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres.Rows;

/// <summary>One row: the record, and the document in plain text that contains its tokens.</summary>
internal sealed record AccountRow(AccountRecord Record, string Document)
{
    // Each field adds its column to the list and keeps its position there, so the order exists only once: here. The casts
    // support tables of applications: json, timestamp.
    private static readonly List<string> ColumnList = [];
    private static readonly int Provider = Column("provider");
    private static readonly int Account = Column("account");
    private static readonly int TokenData = Column("token_data::text");
    private static readonly int ExpiresAt = Column("expires_at::timestamptz");
    private static readonly int Namespaces = Column("namespaces");
    private static readonly int Generation = Column("generation");
    private static readonly int LastRefreshAt = Column("last_refresh_at");
    private static readonly int Failures = Column("failures");
    private static readonly int FailureReason = Column("failure_reason");
    private static readonly int FailureDetail = Column("failure_detail");
    private static readonly int FailedAt = Column("failed_at");
    private static readonly int RetryAt = Column("retry_at");
    private static readonly int FailureInputs = Column("failure_inputs");
    private static readonly int SeedFingerprint = Column("seed_fingerprint");
    private static readonly int DeniedNamespaces = Column("denied_namespaces");
    private static readonly int ClaimScope = Column("claim_scope");
    private static readonly int ClaimedBy = Column("claimed_by");
    private static readonly int IsClaimOver = Column($"claim_expires_at <= now() or {AccountSql.ClaimIsTooLong}");
    private static readonly int CreatedAt = Column("created_at::text");

    /// <summary>The select list of the statements whose rows <see cref="Read"/> reads.</summary>
    public static string Columns { get; } = string.Join(", ", ColumnList);

    /// <summary>The key of the current row.</summary>
    public static AccountKey KeyOf(NpgsqlDataReader reader) => new(Text(reader, Provider) ?? "", Text(reader, Account) ?? "");

    /// <summary>Reads the current row of a statement that selects <see cref="Columns"/>.</summary>
    /// <exception cref="UnreadableRowException">It is not the row of an account.</exception>
    public static AccountRow Read(NpgsqlDataReader reader, TokenCipher cipher)
    {
        var key = KeyOf(reader);
        if (key.Provider.Length == 0 || key.Account.Length == 0)
            throw new UnreadableRowException(key, "provider or account is empty, expected a name.");
        var namespaces = Names(reader, Namespaces);
        var plain = new AccountRecord
        {
            Key = key,
            Generation = reader.GetInt64(Generation),
            Incarnation = Text(reader, CreatedAt),
            Token = new TokenSet(),
            Namespaces = namespaces.Length > 0 ? namespaces : null,
            SeedFingerprints = Text(reader, SeedFingerprint)?.Split(' ') ?? [],
            DeniedNamespaces = Names(reader, DeniedNamespaces),
            OpenClaim = reader.IsDBNull(IsClaimOver)
                ? null
                : new OpenClaim(Text(reader, ClaimScope) ?? "", Text(reader, ClaimedBy) ?? "", reader.GetBoolean(IsClaimOver)),
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
        var stored = Text(reader, TokenData) ?? throw new UnreadableRowException(key, "token_data is null, expected a JSON object with tokens.");
        var document = cipher.Open(key, stored);
        return new AccountRow(
            plain with
            {
                Token = ReadToken(key, document, plain.IsAdopted ? Moment(key, reader, ExpiresAt) : null),
                LastRefreshAt = Moment(key, reader, LastRefreshAt),
                Failure = ReadFailure(key, reader),
            },
            document);
    }

    private static TokenSet ReadToken(AccountKey key, string document, DateTimeOffset? applicationsExpiry)
    {
        try
        {
            var token = TokenDocument.Read(document);
            // An application may store the expiry only in its column.
            return token is { AccessToken: not null, ExpiresAt: null } ? token with { ExpiresAt = applicationsExpiry } : token;
        }
        catch (InvalidDocumentException e)
        {
            throw new UnreadableRowException(key, e.Message);
        }
    }

    private static RefreshFailure? ReadFailure(AccountKey key, NpgsqlDataReader reader)
    {
        var count = reader.GetInt32(Failures);
        if (count == 0 || Text(reader, FailureReason) is not { } reason)
            return null;
        if (!Enum.TryParse<FailureKind>(reason, out var kind) || Moment(key, reader, FailedAt) is not { } failedAt)
            throw new UnreadableRowException(key, "failure_reason or failed_at has a value that this version does not write.");
        return new RefreshFailure(
            kind, Text(reader, FailureDetail) ?? "", count, failedAt, Moment(key, reader, RetryAt) ?? failedAt, Text(reader, FailureInputs) ?? "");
    }

    private static int Column(string expression)
    {
        ColumnList.Add(expression);
        return ColumnList.Count - 1;
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
            throw new UnreadableRowException(key, $"{reader.GetName(column)} is outside the years 1 to 9999.");
        }
    }
}
