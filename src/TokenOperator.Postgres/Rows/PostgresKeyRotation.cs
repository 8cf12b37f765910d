using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres.Rows;

/// <summary>Reads the rows in batches, in the order of their keys, and replaces each row in its own statement.</summary>
internal sealed class PostgresKeyRotation(StatementRunner statements, TokenCipher cipher) : IKeyRotation
{
    private const int BatchSize = 200;

    /// <summary>The most passes over the table. Another pass follows when other processes changed rows during one.</summary>
    private const int MaxPasses = 10;

    private const string KeyId = "case when token_data -> 'ciphertext' is not null then token_data ->> 'kid' end";

    private const string CountSql = $"select {KeyId}, count(*) from oauth_tokens group by 1 order by 1";

    private const string NextSql = $"""
        select provider, account, token_data::text, xmin::text, generation, {AccountSql.IsNewDatabase} from oauth_tokens
        where (provider, account) > ($1, $2) and token_data is not null
          and case $3 when 'PlainText' then token_data -> 'ciphertext' is null or token_data ->> 'generation' is distinct from generation::text
                      when 'Encrypted' then token_data -> 'ciphertext' is not null
                      else {KeyId} is distinct from $4 end
        order by provider, account limit $5
        """;

    // xmin identifies the transaction that wrote the row. Every later write changes it, also the write of an application
    // that does not know generations.
    private const string ReplaceSql = "update oauth_tokens set token_data = $3 where provider = $1 and account = $2 and xmin::text = $4";

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
                var (isDone, problem) = await RewriteRowAsync(row, trustsRow: selection == RowSelection.PlainText, cancellationToken);
                if (isDone)
                    done++;
                else
                    problems.Add(problem);
            }

            last = rows[^1].Key;
        }

        return (done, problems);
    }

    private Task<List<StoredRow>> NextAsync(RowSelection selection, AccountKey after, CancellationToken cancellationToken) => statements.QueryAsync(
        NextSql,
        async reader =>
        {
            var rows = new List<StoredRow>();
            while (await reader.ReadAsync(cancellationToken))
                rows.Add(new StoredRow(new AccountKey(reader.GetString(0), reader.GetString(1)), reader.GetString(2), reader.GetString(3), reader.GetInt64(4), reader.GetBoolean(5)));
            return rows;
        },
        cancellationToken, SqlValue.Of(after.Provider), SqlValue.Of(after.Account), SqlValue.Of(selection.ToString()), SqlValue.Of(cipher.CurrentKeyId ?? ""), SqlValue.Of(BatchSize));

    private async Task<(bool Done, string? Problem)> RewriteRowAsync(StoredRow row, bool trustsRow, CancellationToken cancellationToken)
    {
        string document;
        try
        {
            document = trustsRow ? cipher.Open(row.Key, row.Stored) : cipher.OpenRow(row.Key, row.Stored, row.Generation, row.IsNewDatabase);
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
            ReplaceSql, cancellationToken, SqlValue.Of(row.Key.Provider), SqlValue.Of(row.Key.Account), SqlValue.Json(cipher.Seal(row.Key, document, row.Generation)), SqlValue.Of(row.Version));
        return (replaced == 1, null);
    }

    private sealed record StoredRow(AccountKey Key, string Stored, string Version, long Generation, bool IsNewDatabase);
}
