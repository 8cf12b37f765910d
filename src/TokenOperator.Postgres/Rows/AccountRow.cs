using Npgsql;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres.Rows;

/// <summary>
/// One row: the record, and the document in plain text that contains its tokens. What the table contains is not trusted: others may be
/// allowed to write to it.
/// </summary>
internal sealed record AccountRow(AccountRecord Record, string Document)
{
    /// <summary>True when the document is stored in plain text.</summary>
    public bool IsPlainText { get; private init; }

    /// <summary>The seal of the access list, as it is stored; null if there is none.</summary>
    public string? Seal { get; private init; }

    /// <summary>More than the operator ever counts to. From here, a generation cannot overflow.</summary>
    private const long MaxGeneration = 1L << 53;

    private const int MaxFailures = 1_000_000;
    private const int MaxDetailLength = 300;
    private const int MaxNameLength = 256;
    private const int MaxNamespaces = 1000;
    private const int MaxSealLength = 300;

    /// <summary>Times that are later than any that a provider or the operator means. Calculations with them cannot overflow.</summary>
    public static readonly DateTimeOffset MaxMoment = new(2199, 12, 31, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The operator never waits longer before it retries.</summary>
    private static readonly TimeSpan MaxRetryDelay = TimeSpan.FromDays(7);

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
    private static readonly int FailureReason = Column("left(failure_reason, 100)");
    private static readonly int FailureDetail = Column($"left(failure_detail, {MaxDetailLength + 1})");
    private static readonly int FailedAt = Column("failed_at");
    private static readonly int RetryAt = Column("retry_at");
    private static readonly int FailureInputs = Column("left(failure_inputs, 200)");
    private static readonly int FailingSince = Column("failing_since");
    private static readonly int SeedFingerprint = Column("right(seed_fingerprint, 300)");
    private static readonly int DeniedNamespaces = Column("denied_namespaces");
    private static readonly int ClaimScope = Column("left(claim_scope, 600)");
    private static readonly int ClaimedBy = Column("left(claimed_by, 300)");
    private static readonly int IsClaimOver = Column($"claim_expires_at <= now() or {AccountSql.ClaimIsTooLong}");
    private static readonly int CreatedAt = Column("created_at::text");
    private static readonly int NamespaceUids = Column("namespace_uids");
    private static readonly int AccessSeal = Column($"left(access_seal, {MaxSealLength})");
    private static readonly int UnansweredSince = Column("unanswered_since");
    private static readonly int ClaimAge = Column(AccountSql.ClaimAge);
    private static readonly int IsNewDatabase = Column(AccountSql.IsNewDatabase);

    /// <summary>The select list of the statements whose rows <see cref="Read"/> reads.</summary>
    public static string Columns { get; } = string.Join(", ", ColumnList);

    /// <summary>The key of the current row.</summary>
    public static AccountKey KeyOf(NpgsqlDataReader reader) => new(Text(reader, Provider) ?? "", Text(reader, Account) ?? "");

    /// <summary>Reads the current row of a statement that selects <see cref="Columns"/>.</summary>
    /// <param name="reader">The result of the statement.</param>
    /// <param name="cipher">Decrypts the document.</param>
    /// <param name="sentAt">When the statement was sent, by the clock of this process.</param>
    /// <exception cref="UnreadableRowException">It is not the row of an account.</exception>
    public static AccountRow Read(NpgsqlDataReader reader, TokenCipher cipher, DateTimeOffset sentAt)
    {
        var key = KeyOf(reader);
        if (key.Provider.Length == 0 || key.Account.Length == 0)
            throw new UnreadableRowException(key, "provider or account is empty, expected a name.");
        if (key.Provider.Length > MaxNameLength || key.Account.Length > MaxNameLength || !DisplayText.IsPrintable(key.Provider) || !DisplayText.IsPrintable(key.Account))
            throw new UnreadableRowException(key, $"provider or account is not a name, expected at most {MaxNameLength} printable characters.");
        var generation = reader.GetInt64(Generation);
        if (generation is < 0 or > MaxGeneration)
            throw new UnreadableRowException(key, "generation has a value that no operator writes.");
        var namespaces = Names(reader, Namespaces);
        if (namespaces.Length > MaxNamespaces || !namespaces.All(NamespaceName.IsValid))
            throw new UnreadableRowException(key, "namespaces contains a text that is not the name of a namespace.");
        if (Names(reader, NamespaceUids).Length > MaxNamespaces || Names(reader, DeniedNamespaces).Length > MaxNamespaces)
            throw new UnreadableRowException(key, $"namespace_uids or denied_namespaces has more than {MaxNamespaces} entries, which no operator writes.");
        var plain = new AccountRecord
        {
            Key = key,
            Generation = generation,
            Incarnation = Text(reader, CreatedAt),
            Token = new TokenSet(),
            Namespaces = namespaces.Length > 0 ? namespaces : null,
            SeedFingerprints = Text(reader, SeedFingerprint)?.Split(' ') ?? [],
            DeniedNamespaces = Names(reader, DeniedNamespaces),
            NamespaceUids = Names(reader, NamespaceUids),
            OpenClaim = reader.IsDBNull(IsClaimOver)
                ? null
                : new OpenClaim(Text(reader, ClaimScope) ?? "", DisplayText.Of(Text(reader, ClaimedBy) ?? "", MaxNameLength), reader.GetBoolean(IsClaimOver))
                {
                    At = sentAt - reader.GetTimeSpan(ClaimAge),
                },
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
        var isNewDatabase = reader.GetBoolean(IsNewDatabase);
        var document = cipher.OpenRow(key, stored, plain.Generation, isNewDatabase);
        var seal = Text(reader, AccessSeal);
        var version = cipher.CheckAccess(key, AccountAccess.Of(plain), seal, document, plain.Generation, isNewDatabase);
        return new AccountRow(
            plain with
            {
                AccessVersion = version,
                Token = ReadToken(key, document.Text, plain.IsAdopted ? Moment(key, reader, ExpiresAt) : null),
                LastRefreshAt = Moment(key, reader, LastRefreshAt),
                Failure = ReadFailure(key, reader),
            },
            document.Text)
        {
            IsPlainText = document.IsPlainText,
            Seal = seal,
        };
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
        // TryParse also reads numbers and lists.
        if (count < 0 || !Enum.TryParse<FailureKind>(reason, out var kind) || kind.ToString() != reason || Moment(key, reader, FailedAt) is not { } failedAt)
            throw new UnreadableRowException(key, "failures, failure_reason or failed_at has a value that this version does not write.");
        var retryAt = Moment(key, reader, RetryAt) ?? failedAt;
        var since = Moment(key, reader, FailingSince) ?? failedAt;
        var unanswered = Moment(key, reader, UnansweredSince);
        return new RefreshFailure(
            kind, DisplayText.Of(Text(reader, FailureDetail) ?? "", MaxDetailLength), Math.Min(count, MaxFailures), failedAt,
            retryAt < failedAt + MaxRetryDelay ? retryAt : failedAt + MaxRetryDelay, Text(reader, FailureInputs) ?? "")
        {
            Since = since < failedAt ? since : failedAt,
            UnansweredSince = unanswered > failedAt ? failedAt : unanswered,
        };
    }

    private static int Column(string expression)
    {
        ColumnList.Add(expression);
        return ColumnList.Count - 1;
    }

    /// <summary>The names in a column of type text[].</summary>
    public static string[] Names(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? [] : [.. reader.GetFieldValue<string?[]>(column).OfType<string>()];

    /// <summary>The text in a column, or null.</summary>
    public static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    /// <summary>A time from 1970 to 2199. Infinity and other times become the nearest of these.</summary>
    private static DateTimeOffset? Moment(AccountKey key, NpgsqlDataReader reader, int column)
    {
        try
        {
            if (reader.IsDBNull(column))
                return null;
            var moment = reader.GetFieldValue<DateTimeOffset>(column);
            return moment > MaxMoment ? MaxMoment : moment < DateTimeOffset.UnixEpoch ? DateTimeOffset.UnixEpoch : moment;
        }
        catch (Exception e) when (e is InvalidCastException or ArgumentException)
        {
            throw new UnreadableRowException(key, $"{reader.GetName(column)} is outside the years 1 to 9999.");
        }
    }
}
