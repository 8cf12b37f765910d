using Npgsql;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres;

/// <summary>The table <c>token_operator_consents</c>. Every method is one statement.</summary>
internal sealed class PostgresPendingAuthorizations(NpgsqlDataSource pool, PostgresSettings settings) : IPendingAuthorizations
{
    /// <summary>For one object at a time: who has the link can begin as often as they like.</summary>
    public const int MostOpen = 20;

    /// <summary>$1 state, $2 namespace, $3 name, $4 uid, $5 object generation, $6 row generation, $7 browser, $8 verifier, $9 lifetime.</summary>
    private static readonly string Add = $"""
        with over as (delete from token_operator_consents where expires_at <= now())
        insert into token_operator_consents
          (state_hash, object_namespace, object_name, object_uid, object_generation, row_generation, browser_hash, verifier, expires_at)
        select $1, $2, $3, $4, $5, $6, $7, $8, now() + $9
        where (select count(*) from token_operator_consents where object_namespace = $2 and object_name = $3 and expires_at > now()) < {MostOpen}
        """;

    /// <summary>$1 state. Of two that delete a row at once, one gets it.</summary>
    private const string Take = """
        delete from token_operator_consents where state_hash = $1
        returning object_namespace, object_name, object_uid, object_generation, row_generation, browser_hash, verifier, expires_at > now()
        """;

    /// <inheritdoc/>
    public Task<bool> AddAsync(string stateHash, PendingAuthorization consent, TimeSpan lifetime, CancellationToken ct) => GuardedAsync(async () =>
    {
        await using var command = pool.CreateCommand(Add);
        foreach (var text in new[] { stateHash, consent.Namespace, consent.Name, consent.Uid })
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = text });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = consent.ObjectGeneration });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = consent.RowGeneration });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = consent.BrowserHash });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = consent.Verifier.Reveal() });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = lifetime });
        return await command.ExecuteNonQueryAsync(ct) == 1;
    });

    /// <inheritdoc/>
    public Task<PendingAuthorization?> TakeAsync(string stateHash, CancellationToken ct) => GuardedAsync(async () =>
    {
        await using var command = pool.CreateCommand(Take);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stateHash });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) && reader.GetBoolean(7)
            ? new PendingAuthorization(
                reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3), reader.GetInt64(4),
                reader.GetString(5), new SecretValue(reader.GetString(6)))
            : null;
    });

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
}
