using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres.Rows;

/// <summary>Opens the rows in one statement, one by one.</summary>
internal sealed class PostgresRowVerifier(StatementRunner statements, TokenCipher cipher) : IRowVerifier
{
    /// <inheritdoc/>
    public Task<VerifiedRows> VerifyAsync(CancellationToken cancellationToken) => statements.QueryAsync(
        AccountSql.List,
        async reader =>
        {
            var (count, bare, problems) = (0, 0, new List<string>());
            while (await reader.ReadAsync(cancellationToken))
            {
                try
                {
                    // No claim is judged here, so its time does not matter.
                    bare += AccountRow.Read(reader, cipher, sentAt: DateTimeOffset.UnixEpoch).Record.Token.RefreshToken is null ? 1 : 0;
                    count++;
                }
                catch (UnreadableRowException e)
                {
                    problems.Add(e.Message);
                }
            }

            return new VerifiedRows(count, bare, problems);
        },
        cancellationToken);
}
