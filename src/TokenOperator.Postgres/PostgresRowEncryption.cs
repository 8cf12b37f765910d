using Npgsql;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres;

/// <summary>Goes through the rows in the order of their keys, in batches, and replaces each by itself.</summary>
internal sealed class PostgresRowEncryption(NpgsqlDataSource pool, PostgresSettings settings, TokenCipher cipher) : IKeyRotation
{
    private const int Batch = 200;

    /// <summary>Passes over the table at most: another one is made while rows changed under our hands.</summary>
    private const int MostPasses = 10;

    private const string KeyId = "case when token_data -> 'ciphertext' is not null then token_data ->> 'kid' end";

    private const string CountSql = $"select {KeyId}, count(*) from oauth_tokens group by 1 order by 1";

    private const string NextSql = $"""
        select provider, account, token_data::text, xmin::text from oauth_tokens
        where (provider, account) > ($1, $2) and token_data is not null
          and case $3 when 'PlainText' then token_data -> 'ciphertext' is null
                      when 'Encrypted' then token_data -> 'ciphertext' is not null
                      else {KeyId} is distinct from $4 end
        order by provider, account limit $5
        """;

    // xmin is the transaction that wrote the row as it was read: any write since then has put another one there, also
    // that of an application which knows nothing of generations.
    private const string ReplaceSql = "update oauth_tokens set token_data = $3 where provider = $1 and account = $2 and xmin::text = $4";

    /// <inheritdoc/>
    public Task<IReadOnlyList<KeyUse>> CountAsync(CancellationToken ct) => GuardedAsync<IReadOnlyList<KeyUse>>(async () =>
    {
        await using var command = pool.CreateCommand(CountSql);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var uses = new List<KeyUse>();
        while (await reader.ReadAsync(ct))
            uses.Add(new KeyUse(reader.IsDBNull(0) ? null : reader.GetString(0), reader.GetInt64(1)));
        return uses;
    });

    /// <inheritdoc/>
    public Task<RewrittenRows> RewriteAsync(RowChoice choice, CancellationToken ct) => GuardedAsync(async () =>
    {
        var count = 0;
        for (var pass = 1; ; pass++)
        {
            var (done, problems) = await PassAsync(choice, ct);
            count += done;
            if (problems.All(problem => problem is not null) || pass == MostPasses)
                return new RewrittenRows(count, [.. problems.Select(problem => problem ?? "A row was changed again and again meanwhile. Run the command again.")]);
        }
    });

    /// <summary>Once over the table. A problem that is null is a row that somebody else wrote meanwhile.</summary>
    private async Task<(int Done, List<string?> Problems)> PassAsync(RowChoice choice, CancellationToken ct)
    {
        var (done, problems) = (0, new List<string?>());
        var last = new AccountKey("", "");
        while (await NextAsync(choice, last, ct) is { Count: > 0 } rows)
        {
            foreach (var row in rows)
            {
                var (isDone, problem) = await RewriteAsync(row, ct);
                if (isDone)
                    done++;
                else
                    problems.Add(problem);
            }

            last = rows[^1].Key;
        }

        return (done, problems);
    }

    private async Task<List<Row>> NextAsync(RowChoice choice, AccountKey after, CancellationToken ct)
    {
        await using var command = pool.CreateCommand(NextSql);
        command.Parameters.AddRange(new NpgsqlParameter[]
        {
            Text(after.Provider), Text(after.Account), Text(choice.ToString()), Text(cipher.CurrentKeyId ?? ""), new NpgsqlParameter<int> { TypedValue = Batch },
        });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<Row>();
        while (await reader.ReadAsync(ct))
            rows.Add(new Row(new AccountKey(reader.GetString(0), reader.GetString(1)), reader.GetString(2), reader.GetString(3)));
        return rows;
    }

    private async Task<(bool Done, string? Problem)> RewriteAsync(Row row, CancellationToken ct)
    {
        string document;
        try
        {
            document = cipher.Open(row.Key, row.Stored);
            // What is no token document is somebody else's, and stays as it is.
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

        await using var command = pool.CreateCommand(ReplaceSql);
        command.Parameters.AddRange(new NpgsqlParameter[]
        {
            Text(row.Key.Provider), Text(row.Key.Account), PostgresTokenStore.Json(cipher.Seal(row.Key, document)), Text(row.Version),
        });
        return (await command.ExecuteNonQueryAsync(ct) == 1, null);
    }

    private async Task<T> GuardedAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (PostgresErrors.IsOfDatabase(e))
        {
            throw PostgresErrors.Translate(e, settings);
        }
    }

    private static NpgsqlParameter<string> Text(string value) => new() { TypedValue = value };

    private sealed record Row(AccountKey Key, string Stored, string Version);
}
