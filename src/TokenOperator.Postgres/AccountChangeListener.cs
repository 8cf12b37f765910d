using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using Npgsql;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres;

/// <summary>
/// Listens on a connection of its own, and makes it anew when it breaks: after 1 s, then ever longer up to 30 s while the
/// database is away. Npgsql's keepalive (30 s unless configured) notices a connection that died in silence. Behind a
/// pooler that gives sessions to one transaction at a time nothing can be heard: then any account may have changed, every 10 s.
/// </summary>
/// <param name="settings">Where.</param>
/// <param name="ownWriter">Whose notices are skipped.</param>
/// <param name="metrics">Told whether the connection stands.</param>
/// <param name="clock">Measures the waits.</param>
/// <param name="logger">Hears of failures.</param>
internal sealed partial class AccountChangeListener(PostgresSettings settings, string ownWriter, StoreMetrics metrics, TimeProvider clock, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan ShortestDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    private readonly List<AccountKey?> _arrived = [];
    private NpgsqlConnection? _connection;
    private TimeSpan _delay = ShortestDelay;
    private bool _isDeaf;

    /// <summary>
    /// Waits for the next notices. Null means that any account may have changed: a new connection has heard nothing of
    /// what went before, and a notice of a form that is not ours says nothing of what changed.
    /// </summary>
    public async Task<IReadOnlyList<AccountKey?>> NextAsync(CancellationToken ct)
    {
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            try
            {
                if (_isDeaf)
                {
                    await Task.Delay(LookEvery, clock, ct);
                    return [null];
                }

                if (_connection is null)
                {
                    await ConnectAsync(ct);
                    return [null];
                }

                while (_arrived.Count == 0)
                    await _connection.WaitAsync(ct);
                _delay = ShortestDelay;
                AccountKey?[] arrived = [.. _arrived];
                _arrived.Clear();
                return arrived;
            }
            catch (Exception e) when (PostgresErrors.IsOfDatabase(e))
            {
                await DisconnectAsync();
                metrics.Listening(good: false);
                logger.ListeningFailed(_delay, PostgresErrors.Translate(e, settings).Message);
                await Task.Delay(_delay, clock, ct);
                _delay = _delay * 2 < LongestDelay ? _delay * 2 : LongestDelay;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await DisconnectAsync();

    private async Task ConnectAsync(CancellationToken ct)
    {
        var connection = settings.CreateConnection();
        try
        {
            connection.Notification += (_, notice) => Hear(notice.Payload);
            await connection.OpenAsync(ct);
            if (await IsPooledAsync(connection, ct))
            {
                _isDeaf = true;
                logger.CannotListen(settings, LookEvery);
                return;
            }

            await using var listen = new NpgsqlCommand($"listen {AccountSql.Channel}", connection);
            await listen.ExecuteNonQueryAsync(ct);
            (_connection, connection) = (connection, null);
        }
        finally
        {
            if (connection is not null)
                await connection.DisposeAsync();
        }

        metrics.Listening(good: true);
        logger.Listening(settings);
    }

    /// <summary>Who answered the start of the connection is not who works for it: a pooler stands between.</summary>
    private static async Task<bool> IsPooledAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select pg_backend_pid()", connection);
        return (int)(await command.ExecuteScalarAsync(ct))! != connection.ProcessID;
    }

    private async Task DisconnectAsync()
    {
        _arrived.Clear();
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    private void Hear(string payload)
    {
        var notice = Parse(payload);
        if (notice?.By == ownWriter)
            return;
        _arrived.Add(notice is { Provider: { } provider, Account: { } account } ? new AccountKey(provider, account) : null);
    }

    private static Notice? Parse(string payload)
    {
        try
        {
            return JsonSerializer.Deserialize(payload, NoticeJson.Default.Notice);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Notice(string? Provider, string? Account, string? By);

    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    [JsonSerializable(typeof(Notice))]
    private sealed partial class NoticeJson : JsonSerializerContext;
}
