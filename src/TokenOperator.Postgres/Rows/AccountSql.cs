using TokenOperator.Postgres.Migrations;

namespace TokenOperator.Postgres.Rows;

/// <summary>
/// The statements of <see cref="PostgresTokenStore"/>. They rely on READ COMMITTED: an UPDATE that waited for another one sees
/// the row as that one left it and evaluates its WHERE again, so one of several concurrent claims wins. A claim is open while
/// <c>claim_expires_at</c> is set. A claim that has ended leaves its <c>claim_id</c> in the row, so that a repeated commit whose
/// answer was lost recognizes its own work. In all statements $1 is the provider and $2 the account.
/// </summary>
internal static class AccountSql
{
    /// <summary>The channel of LISTEN and NOTIFY.</summary>
    public const string Channel = "token_operator";

    /// <summary>A claim lasts 1 hour at most. A longer one was written before the clock of the server was set back, and does not count.</summary>
    public const string ClaimIsTooLong = "claim_expires_at > now() + interval '1 hour'";

    /// <summary>
    /// How long ago a claim was taken, from 0 to 100 years: a claim whose time is not known, or is no time, is that old. Only the clock of the
    /// server counts.
    /// </summary>
    public const string ClaimAge = "now() - least(greatest(claimed_at, now() - interval '36500 days'), now())";

    /// <summary>True when the operator created the table, and no application wrote rows.</summary>
    public const string IsNewDatabase = $"exists (select from token_operator_made where part = '{Adoption.Encrypted}')";

    private static readonly string Columns = AccountRow.Columns;

    private const string ClearFailure =
        "failures = 0, failure_reason = null, failure_detail = null, failed_at = null, retry_at = null, failure_inputs = null, failing_since = null, unanswered_since = null";

    /// <summary>Keeps eight fingerprints of 32 digits, separated by blanks, so that two objects with revoked seeds do not import them alternately forever.</summary>
    private const string AddFingerprint = "right(concat_ws(' ', seed_fingerprint, $6), 8 * 32 + 7)";

    private const string EndClaim = "claim_scope = null, claimed_by = null, claim_term = null, claimed_at = null, claim_expires_at = null";

    /// <summary>Applications select by expires_at, and it may be NOT NULL: a token without a known expiry counts as expired.</summary>
    private const string Expiry = "coalesce($4::timestamptz, now())";

    /// <summary>No parameters.</summary>
    public static readonly string List = $"select {Columns} from oauth_tokens";

    /// <summary>$1 namespace.</summary>
    public const string Count = "select count(*) from oauth_tokens where namespaces @> array[$1]";

    /// <summary>No further parameters.</summary>
    public static readonly string Find = $"select {Columns} from oauth_tokens where provider = $1 and account = $2";

    /// <summary>$3 generation, $4 claim, $5 scope, $6 holder, $7 duration, $8 term. Only the clock of the server counts.</summary>
    public static readonly string Claim = $"""
        update oauth_tokens
        set claim_id = $4, claim_scope = $5, claimed_by = $6, claimed_at = now(), claim_expires_at = now() + $7, claim_term = $8
        where provider = $1 and account = $2 and generation = $3
          and (claim_expires_at is null or claim_expires_at <= now() or {ClaimIsTooLong}
            or claim_scope = $5 and coalesce(claim_term, 0) <= $8)
        returning {Columns}
        """;

    /// <summary>
    /// $3 token_data, $4 expires_at, $5 claim, $6 generation, $7 refreshed at, $8 the seal that token_data is bound to: it is written again if someone
    /// decrypted the row in the meantime. Idempotent.
    /// </summary>
    public static readonly string Commit = $"""
        update oauth_tokens
        set token_data = $3, access_seal = coalesce(access_seal, $8), expires_at = {Expiry}, updated_at = now(), generation = $6 + 1, last_refresh_at = $7, {ClearFailure}, {EndClaim}
        where provider = $1 and account = $2 and claim_id = $5
          and (generation = $6 and claim_expires_at is not null or generation = $6 + 1 and claim_expires_at is null)
        returning {Columns}
        """;

    /// <summary>
    /// $3 token_data, $4 expires_at, $5 id, $6 base generation, $7 refreshed at, $8 scope, $9 new generation, $10 term, $11 seal. A
    /// statement that arrives late finds a higher generation than its own and does nothing.
    /// </summary>
    public static readonly string CommitUnclaimed = $"""
        update oauth_tokens
        set token_data = $3, access_seal = coalesce(access_seal, $11), expires_at = {Expiry}, updated_at = now(), generation = $9, last_refresh_at = $7, {ClearFailure}, claim_id = $5, {EndClaim}
        where provider = $1 and account = $2
          and (generation = $6 and (claim_expires_at is null or claim_expires_at <= now() or claim_scope = $8 and coalesce(claim_term, 0) <= $10)
            or generation > $6 and generation <= $9 and claim_id = $5 and claim_expires_at is null)
        returning {Columns}
        """;

    /// <summary>$3 claim, $4 failures, $5 reason, $6 detail, $7 at, $8 retry at, $9 inputs, $10 since, $11 unanswered since.</summary>
    public static readonly string Fail = $"""
        update oauth_tokens
        set updated_at = now(), failures = $4, failure_reason = $5, failure_detail = $6, failed_at = $7, retry_at = $8, failure_inputs = $9, failing_since = $10, unanswered_since = $11,
          {EndClaim}
        where provider = $1 and account = $2 and claim_id = $3 and (claim_expires_at is not null or failed_at = $7)
        returning {Columns}
        """;

    /// <summary>$3 claim.</summary>
    public const string Release = $"""
        update oauth_tokens set claim_id = null, {EndClaim}
        where provider = $1 and account = $2 and claim_id = $3 and claim_expires_at is not null
        """;

    /// <summary>$3 token_data, $4 expires_at, $5 namespaces, $6 seed fingerprint, $7 writer, $8 namespace UIDs, $9 access seal.</summary>
    public static readonly string Insert = $"""
        with written as (
          insert into oauth_tokens (provider, account, token_data, expires_at, created_at, updated_at, namespaces, seed_fingerprint, namespace_uids, access_seal)
          values ($1, $2, $3, {Expiry}, now(), now(), $5, $6, $8, $9)
          on conflict (provider, account) do nothing
          returning *)
        select {Columns}, {Notify(7)} from written
        """;

    /// <summary>The parameters of <see cref="Insert"/>, and $10 denied namespaces, $11 the row's version, $12 generation.</summary>
    public static readonly string Replace = $"""
        with written as (
          update oauth_tokens
          set token_data = $3, expires_at = {Expiry}, updated_at = now(), generation = generation + 1, seed_fingerprint = {AddFingerprint},
            namespaces = $5, namespace_uids = $8, access_seal = $9, denied_namespaces = $10,
            {ClearFailure}, claim_id = null, {EndClaim}
          where provider = $1 and account = $2 and generation = $12 and xmin::text = $11
          returning *)
        select {Columns}, {Notify(7)} from written
        """;

    /// <summary>Who may use an account, and what a change of that depends on. The columns are those of <see cref="StoredAccess.Read"/>.</summary>
    public const string FindAccess = $"select {StoredAccess.Columns} from oauth_tokens where provider = $1 and account = $2";

    /// <summary>
    /// $3 namespaces, $4 denied namespaces, $5 namespace UIDs, $6 access seal, $7 token_data or null to keep it, $8 the row's version, $9 writer. The
    /// version is that of every write, so nothing is overwritten that was not read.
    /// </summary>
    public static readonly string SetAccess = $"""
        with written as (
          update oauth_tokens
          set namespaces = $3, denied_namespaces = $4, namespace_uids = $5, access_seal = $6, token_data = coalesce($7, token_data), updated_at = now()
          where provider = $1 and account = $2 and xmin::text = $8
          returning *)
        select {Columns}, {Notify(9)} from written
        """;

    /// <summary>$3 claim, $4 writer.</summary>
    public static readonly string Delete = $"""
        with written as (
          delete from oauth_tokens where provider = $1 and account = $2 and claim_id = $3 and claim_expires_at is not null
          returning provider, account)
        select {Notify(4)} from written
        """;

    // Only changes by people and by other controllers notify other processes: a notification costs a lock at commit.
    private static string Notify(int writer) =>
        $"pg_notify('{Channel}', json_build_object('provider', provider, 'account', account, 'by', ${writer}::text)::text)";
}
