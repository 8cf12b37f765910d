using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres.Rows;

/// <summary>The tables <c>token_operator_consents</c> and <c>token_operator_devices</c>. Every method is one statement.</summary>
internal sealed class PostgresPendingAuthorizations(StatementRunner statements, TokenCipher cipher) : IPendingAuthorizations
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

    /// <summary>$1 scope, $2 name.</summary>
    private static readonly string CanAddDevice =
        $"select (select count(*) from token_operator_devices where object_namespace = $1 and object_name = $2 and expires_at > now()) < {MaxPending}";

    /// <summary>$1 id, $2 scope, $3 name, $4 owner's id, $5 owner's generation, $6 row generation, $7 device code, $8 user code, $9 page, $10 page with code, $11 interval, $12 lifetime.</summary>
    private static readonly string AddDevice = $"""
        with expired as (delete from token_operator_devices where expires_at <= now())
        insert into token_operator_devices
          (id_hash, object_namespace, object_name, object_uid, object_generation, row_generation, device_code, user_code, verification_uri, complete_uri,
           poll_interval, next_poll_at, expires_at)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + $11, now() + $12
        where (select count(*) from token_operator_devices where object_namespace = $2 and object_name = $3 and expires_at > now()) < {MaxPending}
        """;

    /// <summary>$1 id. A statement that waited for another one sees the moment that the other one set, and does not poll.</summary>
    private const string FindDevice = """
        with due as (update token_operator_devices set next_poll_at = now() + poll_interval where id_hash = $1 and next_poll_at <= now() returning id_hash)
        select object_namespace, object_name, object_uid, object_generation, row_generation, device_code, user_code, verification_uri, complete_uri, poll_interval,
          exists (select from due)
        from token_operator_devices where id_hash = $1 and expires_at > now()
        """;

    /// <summary>$1 id, $2 by.</summary>
    private const string SlowDown =
        "update token_operator_devices set poll_interval = poll_interval + $2, next_poll_at = next_poll_at + $2 where id_hash = $1";

    /// <summary>$1 id.</summary>
    private const string RemoveDevice = "delete from token_operator_devices where id_hash = $1";

    /// <inheritdoc/>
    public async Task<bool> AddAsync(string stateHash, PendingAuthorization authorization, TimeSpan lifetime, CancellationToken cancellationToken) =>
        await statements.ExecuteAsync(
            Add, cancellationToken, SqlValue.Of(stateHash),
            SqlValue.Of(authorization.Owner.Scope), SqlValue.Of(authorization.Owner.Name), SqlValue.Of(authorization.Owner.Id), SqlValue.Of(authorization.OwnerGeneration),
            SqlValue.Of(authorization.RowGeneration), SqlValue.Of(authorization.BrowserHash), SqlValue.Of(cipher.Seal(VerifierOf(stateHash), authorization.Verifier.Reveal())), SqlValue.Of(lifetime)) == 1;

    /// <inheritdoc/>
    public Task<PendingAuthorization?> TakeAsync(string stateHash, CancellationToken cancellationToken) => statements.QueryAsync(
        Take,
        async reader => await reader.ReadAsync(cancellationToken) && reader.GetBoolean(7)
            ? new PendingAuthorization(
                new AuthorizationOwner(reader.GetString(0), reader.GetString(1), reader.GetString(2)), reader.GetInt64(3),
                reader.GetInt64(4), reader.GetString(5), new SecretValue(cipher.Open(VerifierOf(stateHash), reader.GetString(6))))
            : null,
        cancellationToken, SqlValue.Of(stateHash));

    /// <inheritdoc/>
    public Task<bool> CanAddDeviceAsync(AuthorizationOwner owner, CancellationToken cancellationToken) => statements.QueryAsync(
        CanAddDevice, async reader => await reader.ReadAsync(cancellationToken) && reader.GetBoolean(0), cancellationToken, SqlValue.Of(owner.Scope), SqlValue.Of(owner.Name));

    /// <inheritdoc/>
    public async Task<bool> AddDeviceAsync(string idHash, PendingDeviceAuthorization authorization, TimeSpan lifetime, CancellationToken cancellationToken) =>
        await statements.ExecuteAsync(
            AddDevice, cancellationToken, SqlValue.Of(idHash),
            SqlValue.Of(authorization.Owner.Scope), SqlValue.Of(authorization.Owner.Name), SqlValue.Of(authorization.Owner.Id), SqlValue.Of(authorization.OwnerGeneration),
            SqlValue.Of(authorization.RowGeneration), SqlValue.Of(cipher.Seal(DeviceOf(idHash), authorization.DeviceCode.Reveal())), SqlValue.Of(cipher.Seal(UserCodeOf(idHash), authorization.UserCode)),
            SqlValue.Of(authorization.VerificationUri.AbsoluteUri),
            SqlValue.Of(authorization.CompleteVerificationUri is { } complete ? cipher.Seal(CompleteUriOf(idHash), complete.AbsoluteUri) : null), SqlValue.Of(authorization.Interval), SqlValue.Of(lifetime)) == 1;

    /// <inheritdoc/>
    public Task<(PendingDeviceAuthorization Authorization, bool MustPoll)?> FindDeviceAsync(string idHash, CancellationToken cancellationToken) =>
        statements.QueryAsync<(PendingDeviceAuthorization, bool)?>(
            FindDevice,
            async reader => await reader.ReadAsync(cancellationToken)
                ? (new PendingDeviceAuthorization(
                    new AuthorizationOwner(reader.GetString(0), reader.GetString(1), reader.GetString(2)), reader.GetInt64(3), reader.GetInt64(4),
                    new SecretValue(cipher.Open(DeviceOf(idHash), reader.GetString(5))), cipher.Open(UserCodeOf(idHash), reader.GetString(6)), new Uri(reader.GetString(7)),
                    reader.IsDBNull(8) ? null : new Uri(cipher.Open(CompleteUriOf(idHash), reader.GetString(8))), reader.GetTimeSpan(9)), reader.GetBoolean(10))
                : null,
            cancellationToken, SqlValue.Of(idHash));

    /// <inheritdoc/>
    public Task SlowDownAsync(string idHash, TimeSpan by, CancellationToken cancellationToken) =>
        statements.ExecuteAsync(SlowDown, cancellationToken, SqlValue.Of(idHash), SqlValue.Of(by));

    /// <inheritdoc/>
    public Task RemoveDeviceAsync(string idHash, CancellationToken cancellationToken) =>
        statements.ExecuteAsync(RemoveDevice, cancellationToken, SqlValue.Of(idHash));

    /// <summary>Binds an encrypted code to its row. No provider has a name with an underscore, so no account has this key.</summary>
    private static AccountKey DeviceOf(string idHash) => new("token_operator_devices", idHash);

    /// <summary>The same for the code that the page shows. It differs from the above, so that nobody can have the page show the device code.</summary>
    private static AccountKey UserCodeOf(string idHash) => new("token_operator_devices.user_code", idHash);

    /// <summary>The same for the address with that code in it.</summary>
    private static AccountKey CompleteUriOf(string idHash) => new("token_operator_devices.complete_uri", idHash);

    /// <summary>The same for a verifier.</summary>
    private static AccountKey VerifierOf(string stateHash) => new("token_operator_consents", stateHash);
}
