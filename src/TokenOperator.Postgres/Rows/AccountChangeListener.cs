using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using Npgsql;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres.Rows;

/// <summary>
/// Listens for changed accounts on its own connection. It reconnects after 1 s when the connection breaks, and waits longer
/// each time, up to 30 s, while the database is unreachable. Npgsql's keepalive (30 s unless configured) detects a dead
/// connection. Behind a pooler that assigns a session for one transaction at a time no notification arrives, so there any account
/// may have changed every 10 s. Notifications that arrive within a second, or within 5 s after all rows were read, are reported
/// together.
/// </summary>
/// <param name="settings">The address of the database.</param>
/// <param name="ownWriter">The writer whose notifications are skipped.</param>
/// <param name="metrics">Records whether the connection is established.</param>
/// <param name="time">Measures the waits.</param>
/// <param name="logger">Receives the failures.</param>
internal sealed partial class AccountChangeListener(PostgresSettings settings, string ownWriter, StoreMetrics metrics, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan MinDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SchemaPollInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(10);

    // A role that can only connect can send notifications. At most one batch in each interval costs statements, whatever it sends.
    private static readonly TimeSpan MinInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MinIntervalAfterAny = TimeSpan.FromSeconds(5);

    /// <summary>The most accounts in one batch. When more changed, one statement reads all rows.</summary>
    private const int MaxChanged = 100;

    /// <summary>A notification of the operator is shorter. Others are not parsed.</summary>
    private const int MaxPayloadLength = 2048;

    private readonly HashSet<AccountKey> _changed = [];
    private bool _anyChanged;
    private long _reportedAt;
    private TimeSpan _interval;
    private NpgsqlConnection? _connection;
    private TimeSpan _delay = MinDelay;
    private bool _pollOnly;

    /// <summary>
    /// Waits for the next changes. Null means that any account may have changed: a new connection has missed earlier notifications,
    /// and a notification in an unknown form does not say what changed. Until the database has been migrated, it waits.
    /// </summary>
    public async Task<IReadOnlyList<AccountKey?>> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                if (_pollOnly)
                {
                    await Task.Delay(PollInterval, time, cancellationToken);
                    return [null];
                }

                if (_connection is null)
                {
                    await ConnectAsync(cancellationToken);
                    return [null];
                }

                while (_changed.Count == 0 && !_anyChanged)
                    await _connection.WaitAsync(cancellationToken);
                // Npgsql counts the timeout in milliseconds, and 0 has none.
                while (_interval - time.GetElapsedTime(_reportedAt) is var rest && rest.TotalMilliseconds >= 1)
                    await _connection.WaitAsync(rest, cancellationToken);
                _delay = MinDelay;
                return TakeChanged();
            }
            catch (Exception e) when (PostgresErrors.IsOfDatabase(e))
            {
                await DisconnectAsync();
                settings.ReadFilesAgain();
                metrics.Listening(good: false);
                LogFailed(_delay, PostgresErrors.Translate(e, settings).Message);
                await Task.Delay(_delay, time, cancellationToken);
                _delay = _delay * 2 < MaxDelay ? _delay * 2 : MaxDelay;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await DisconnectAsync();

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        var connection = await settings.ConnectAsync(cancellationToken);
        try
        {
            connection.Notification += (_, e) => OnNotification(e.Payload);
            await WaitForSchemaAsync(connection, cancellationToken);
            if (await IsPooledAsync(connection, cancellationToken))
            {
                _pollOnly = true;
                LogPollOnly(settings, PollInterval);
                return;
            }

            await using var listen = new NpgsqlCommand($"listen {AccountSql.Channel}", connection);
            await listen.ExecuteNonQueryAsync(cancellationToken);
            (_connection, connection) = (connection, null);
        }
        finally
        {
            if (connection is not null)
                await connection.DisposeAsync();
        }

        metrics.Listening(good: true);
        LogListening(settings);
    }

    /// <summary>A migration creates the table of versions in the same transaction as everything else.</summary>
    private async Task WaitForSchemaAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select to_regclass('oauth_tokens') is not null and to_regclass('token_operator_versions') is not null", connection);
        for (var isFirst = true; !(bool)(await command.ExecuteScalarAsync(cancellationToken))!; isFirst = false)
        {
            if (isFirst)
                LogWaitingForSchema(settings);
            await Task.Delay(SchemaPollInterval, time, cancellationToken);
        }
    }

    /// <summary>True when the process that works for this session is not the one that accepted the connection: a pooler is in between.</summary>
    private static async Task<bool> IsPooledAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_backend_pid()", connection);
        return (int)(await command.ExecuteScalarAsync(cancellationToken))! != connection.ProcessID;
    }

    private AccountKey?[] TakeChanged()
    {
        AccountKey?[] changed = _anyChanged ? [null] : [.. _changed];
        _interval = _anyChanged ? MinIntervalAfterAny : MinInterval;
        _reportedAt = time.GetTimestamp();
        ForgetChanged();
        return changed;
    }

    private void ForgetChanged()
    {
        _changed.Clear();
        _anyChanged = false;
    }

    private async Task DisconnectAsync()
    {
        ForgetChanged();
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    private void OnNotification(string payload)
    {
        if (_anyChanged)
            return;
        var notification = payload.Length > MaxPayloadLength ? null : Parse(payload);
        if (notification?.By == ownWriter)
            return;
        if (notification is { Provider: { } provider, Account: { } account })
            _changed.Add(new AccountKey(provider, account));
        else
            _anyChanged = true;
        _anyChanged |= _changed.Count > MaxChanged;
    }

    private static Change? Parse(string payload)
    {
        try
        {
            return JsonSerializer.Deserialize(payload, ChangeJson.Default.Change);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Change(string? Provider, string? Account, string? By);

    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    [JsonSerializable(typeof(Change))]
    private sealed partial class ChangeJson : JsonSerializerContext;

    [LoggerMessage(6001, LogLevel.Warning, "Cannot listen for changes of accounts, next attempt in {Delay}: {Problem}")]
    private partial void LogFailed(TimeSpan delay, string problem);

    [LoggerMessage(6002, LogLevel.Debug, "Listening for changes of accounts in {Database}")]
    private partial void LogListening(PostgresSettings database);

    [LoggerMessage(6003, LogLevel.Warning, "{Database} is behind a connection pooler that does not support LISTEN, so the operator looks for changes every {Interval}. To see changes immediately, connect to Postgres directly")]
    private partial void LogPollOnly(PostgresSettings database, TimeSpan interval);

    [LoggerMessage(6004, LogLevel.Information, "{Database} has no table oauth_tokens of the operator yet; waiting for a migration")]
    private partial void LogWaitingForSchema(PostgresSettings database);
}
