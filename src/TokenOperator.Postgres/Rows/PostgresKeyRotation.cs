using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres.Rows;

/// <summary>Reads the rows in batches, in the order of their keys, and replaces each row in its own statement.</summary>
internal sealed class PostgresKeyRotation(StatementRunner statements, TokenCipher cipher, TimeProvider time) : IKeyRotation
{
    private const int BatchSize = 200;

    /// <summary>The most passes over the table. Another pass follows when other processes changed rows during one.</summary>
    private const int MaxPasses = 10;

    private const string KeyId = "case when token_data -> 'ciphertext' is not null then token_data ->> 'kid' end";

    private const string SealKeyId = "split_part(access_seal, ':', 1)";

    /// <summary>A row whose document and seal are under different keys needs both, so it counts for both.</summary>
    private const string CountSql = $"""
        select key_id, count(*)
        from (select {KeyId} as key_id from oauth_tokens
              union all select {SealKeyId} from oauth_tokens where access_seal is not null and {SealKeyId} is distinct from {KeyId}) uses
        group by 1 order by 1
        """;

    /// <summary>Whether the document alone is a reason to rewrite the row; $3 and $4 are the selection and the current key.</summary>
    private const string DocumentIsSelected = $"""
        case $3 when 'PlainText' then token_data -> 'ciphertext' is null or token_data ->> 'generation' is distinct from generation::text
                when 'Encrypted' then token_data -> 'ciphertext' is not null or access_seal is not null
                else {KeyId} is distinct from $4 or access_seal is not null and not starts_with(access_seal, $4 || ':') end
        """;

    // Only the keys can tell whether a seal is that of its row, so the rows in question are all.
    private const string NextSql = $"""
        select provider, account, {DocumentIsSelected}, {StoredAccess.Columns} from oauth_tokens
        where (provider, account) > ($1, $2) and token_data is not null and ($3 = 'PlainText' or {DocumentIsSelected})
        order by provider, account limit $5
        """;

    // xmin identifies the transaction that wrote the row. Every later write changes it, also the write of an application
    // that does not know generations.
    private const string ReplaceSql = "update oauth_tokens set token_data = $3, access_seal = $5 where provider = $1 and account = $2 and xmin::text = $4";

    /// <inheritdoc/>
    public Task<IReadOnlyList<KeyUsage>> CountAsync(CancellationToken cancellationToken) => statements.QueryAsync<IReadOnlyList<KeyUsage>>(
        CountSql,
        async reader =>
        {
            var counts = new List<KeyUsage>();
            while (await reader.ReadAsync(cancellationToken))
                counts.Add(new KeyUsage(reader.IsDBNull(0) ? null : KeyFolder.IsName(reader.GetString(0)) ? reader.GetString(0) : KeyUsage.InvalidName, reader.GetInt64(1)));
            return [.. counts.GroupBy(count => count.KeyId).Select(rows => new KeyUsage(rows.Key, rows.Sum(row => row.Rows)))];
        },
        cancellationToken);

    /// <inheritdoc/>
    public async Task<RewriteResult> RewriteAsync(RowSelection selection, CancellationToken cancellationToken)
    {
        var count = 0;
        for (var pass = 1; ; pass++)
        {
            var (done, problems) = await RewriteAllAsync(selection, cancellationToken);
            count += done;
            if (problems.All(problem => problem is not null) || pass == MaxPasses)
                return new RewriteResult(count, [.. problems.Select(problem => problem ?? "A row changed repeatedly in the meantime. Run the command again.")]);
        }
    }

    /// <summary>One pass over the table. A problem that is null is a row that another process changed in the meantime.</summary>
    private async Task<(int Done, List<string?> Problems)> RewriteAllAsync(RowSelection selection, CancellationToken cancellationToken)
    {
        var (done, problems) = (0, new List<string?>());
        var last = new AccountKey("", "");
        while (await NextAsync(selection, last, cancellationToken) is { Count: > 0 } rows)
        {
            foreach (var row in rows)
            {
                if (selection == RowSelection.PlainText && !row.IsSelected && IsSealed(row.Access))
                    continue;
                var (isDone, problem) = await RewriteRowAsync(row.Access, trustsRow: selection == RowSelection.PlainText, cancellationToken);
                if (isDone)
                    done++;
                else
                    problems.Add(problem);
            }

            last = rows[^1].Access.Key;
        }

        return (done, problems);
    }

    private Task<List<StoredRow>> NextAsync(RowSelection selection, AccountKey after, CancellationToken cancellationToken) => statements.QueryAsync(
        NextSql,
        async reader =>
        {
            var rows = new List<StoredRow>();
            while (await reader.ReadAsync(cancellationToken))
                rows.Add(new StoredRow(StoredAccess.Read(reader, new AccountKey(reader.GetString(0), reader.GetString(1)), 3), reader.GetBoolean(2)));
            return rows;
        },
        cancellationToken, SqlValue.Of(after.Provider), SqlValue.Of(after.Account), SqlValue.Of(selection.ToString()), SqlValue.Of(cipher.CurrentKeyId ?? ""), SqlValue.Of(BatchSize));

    private bool IsSealed(StoredAccess row)
    {
        try
        {
            return row.Check(cipher) is not null;
        }
        catch (UnreadableRowException)
        {
            return false;
        }
    }

    private async Task<(bool Done, string? Problem)> RewriteRowAsync(StoredAccess row, bool trustsRow, CancellationToken cancellationToken)
    {
        string document;
        long? access;
        try
        {
            (document, access) = trustsRow ? (cipher.Open(row.Key, row.TokenData!), NewVersion(row)) : Verified(row);
            // A document without tokens was not written by an operator, and stays as it is.
            TokenDocument.Read(document);
        }
        catch (UnreadableRowException e)
        {
            return (false, e.Message);
        }
        catch (InvalidDocumentException e)
        {
            return (false, new UnreadableRowException(row.Key, e.Message).Message);
        }

        var replaced = await statements.ExecuteAsync(
            ReplaceSql, cancellationToken, SqlValue.Of(row.Key.Provider), SqlValue.Of(row.Key.Account), SqlValue.Json(cipher.Seal(row.Key, document, row.Generation, access)),
            SqlValue.Of(row.Version), SqlValue.Of(access is { } version ? cipher.SealAccess(row.Key, row.Access, version) : null));
        return (replaced == 1, null);
    }

    /// <summary>The access of a row that was read as it is has no version that anyone confirms.</summary>
    private long NewVersion(StoredAccess row) => TokenCipher.NextAccessVersion(row.Document(cipher)?.AccessVersion, time.GetUtcNow());

    private (string Document, long? Access) Verified(StoredAccess row)
    {
        var document = cipher.OpenRow(row.Key, row.TokenData!, row.Generation, row.IsNewDatabase);
        // A row that was never sealed is sealed with the rest of it.
        return (document.Text, cipher.CheckAccess(row.Key, row.Access, row.Seal, document, row.Generation, row.IsNewDatabase) ?? (cipher.CurrentKeyId is null ? null : NewVersion(row)));
    }

    private sealed record StoredRow(StoredAccess Access, bool IsSelected);
}
