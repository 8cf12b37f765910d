using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres.Rows;

/// <summary>The table <c>token_operator_consents</c>. Every method is one statement.</summary>
internal sealed class PostgresPendingAuthorizations(StatementRunner statements) : IPendingAuthorizations
{
    /// <summary>The most that one owner can have: anyone who has the link can start as often as they like.</summary>
    public const int MaxPending = 20;

    /// <summary>$1 state, $2 scope, $3 name, $4 id, $5 owner's generation, $6 row generation, $7 browser, $8 verifier, $9 lifetime.</summary>
    private static readonly string Add = $"""
        with expired as (delete from token_operator_consents where expires_at <= now())
        insert into token_operator_consents
          (state_hash, object_namespace, object_name, object_uid, object_generation, row_generation, browser_hash, verifier, expires_at)
        select $1, $2, $3, $4, $5, $6, $7, $8, now() + $9
        where (select count(*) from token_operator_consents where object_namespace = $2 and object_name = $3 and expires_at > now()) < {MaxPending}
        """;

    /// <summary>$1 state. If two statements delete a row at the same time, one of them returns it.</summary>
    private const string Take = """
        delete from token_operator_consents where state_hash = $1
        returning object_namespace, object_name, object_uid, object_generation, row_generation, browser_hash, verifier, expires_at > now()
        """;

    /// <inheritdoc/>
    public async Task<bool> AddAsync(string stateHash, PendingAuthorization authorization, TimeSpan lifetime, CancellationToken cancellationToken) =>
        await statements.ExecuteAsync(
            Add, cancellationToken, SqlValue.Of(stateHash),
            SqlValue.Of(authorization.Owner.Scope), SqlValue.Of(authorization.Owner.Name), SqlValue.Of(authorization.Owner.Id), SqlValue.Of(authorization.OwnerGeneration),
            SqlValue.Of(authorization.RowGeneration), SqlValue.Of(authorization.BrowserHash), SqlValue.Of(authorization.Verifier.Reveal()), SqlValue.Of(lifetime)) == 1;

    /// <inheritdoc/>
    public Task<PendingAuthorization?> TakeAsync(string stateHash, CancellationToken cancellationToken) => statements.QueryAsync(
        Take,
        async reader => await reader.ReadAsync(cancellationToken) && reader.GetBoolean(7)
            ? new PendingAuthorization(
                new AuthorizationOwner(reader.GetString(0), reader.GetString(1), reader.GetString(2)), reader.GetInt64(3),
                reader.GetInt64(4), reader.GetString(5), new SecretValue(reader.GetString(6)))
            : null,
        cancellationToken, SqlValue.Of(stateHash));
}
