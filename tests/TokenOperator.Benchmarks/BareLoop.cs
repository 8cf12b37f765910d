// The baseline: the cost of the necessary calls alone. It runs in its own process, without a cache, a queue or retries.
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Npgsql;
using NpgsqlTypes;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Rows;

namespace TokenOperator.Benchmarks;

/// <summary>The settings of the bare loop.</summary>
/// <param name="Api">The API server.</param>
/// <param name="DatabaseUrl">Postgres.</param>
/// <param name="TokenEndpoint">The provider.</param>
/// <param name="ClientId">The OAuth client ID, which the operator reads from a Secret.</param>
/// <param name="ClientSecret">Its secret.</param>
/// <param name="Concurrency">The number of objects to process at once.</param>
internal sealed record BareLoopSettings(ApiAddress Api, string DatabaseUrl, Uri TokenEndpoint, string ClientId, string ClientSecret, int Concurrency);

/// <summary>
/// For each object, as soon as the watch reports it: a claim, one POST, a commit (the operator's own two statements), one apply
/// of the Secret, one patch of the status.
/// </summary>
internal sealed class BareLoop(BareLoopSettings settings) : IDisposable
{
    /// <summary>The environment variable with the settings, as JSON.</summary>
    public const string Variable = "BARE_LOOP";

    /// <summary>Printed once the watch is open.</summary>
    public const string Ready = "ready";

    private readonly BenchmarkConnection _api = new(settings.Api);
    private readonly HttpClient _provider = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
    private readonly NpgsqlDataSource _pool = ConnectionStrings.Parse("DATABASE_URL", settings.DatabaseUrl).CreatePool();
    private readonly Channel<Work> _queue = Channel.CreateUnbounded<Work>(new UnboundedChannelOptions { SingleWriter = true });

    private readonly record struct Work(string Namespace, string Name, string Uid, string Account);

    private readonly record struct Token(string AccessToken, string Type, string Scope, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt);

    public async Task RunAsync(CancellationToken ct)
    {
        using var watch = await _api.WatchAsync("/apis/tokenoperator.dev/v1beta1/oauthtokens", "application/json", ct);
        var all = Enumerable.Range(0, settings.Concurrency).Select(_ => Task.Run(() => WorkAsync(ct), ct)).Append(ReadAsync(watch, ct)).ToList();
        Console.WriteLine(Ready);
        // Each of them ends only by a failure, which then ends the process.
        await await Task.WhenAny(all);
    }

    private async Task ReadAsync(WatchLines watch, CancellationToken ct)
    {
        await foreach (var change in watch.ReadAsync("ADDED", ct))
        {
            var (metadata, spec) = (change.GetProperty("object").GetProperty("metadata"), change.GetProperty("object").GetProperty("spec"));
            _queue.Writer.TryWrite(new Work(Text(metadata, "namespace"), Text(metadata, "name"), Text(metadata, "uid"), Text(spec, "account")));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _api.Dispose();
        _provider.Dispose();
        _pool.Dispose();
    }

    private async Task WorkAsync(CancellationToken ct)
    {
        await foreach (var work in _queue.Reader.ReadAllAsync(ct))
        {
            var claim = Guid.NewGuid();
            var (refreshToken, generation) = await ClaimAsync(work, claim, ct);
            var token = await AskAsync(refreshToken, ct);
            await CommitAsync(work, claim, generation, refreshToken, token, ct);
            await _api.SendAsync(
                HttpMethod.Patch, $"/api/v1/namespaces/{work.Namespace}/secrets/{work.Name}?fieldManager=token-operator&force=true",
                Secret(work, token), "application/apply-patch+yaml", ct);
            await _api.SendAsync(
                HttpMethod.Patch, $"/apis/tokenoperator.dev/v1beta1/namespaces/{work.Namespace}/oauthtokens/{work.Name}/status?fieldManager=token-operator",
                Status(work, token), "application/merge-patch+json", ct);
        }
    }

    private async Task<(string RefreshToken, long Generation)> ClaimAsync(Work work, Guid claim, CancellationToken ct)
    {
        await using var command = _pool.CreateCommand(AccountSql.Claim);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = "google" });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = work.Account });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = 0 });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = claim });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = "bare-loop" });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = "bare-loop" });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = TimeSpan.FromMinutes(1) });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = 0 });
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
            throw new InvalidOperationException($"The row of {work.Account} cannot be claimed.");
        using var document = JsonDocument.Parse(reader.GetString(reader.GetOrdinal("token_data")));
        return (Text(document.RootElement, "refresh_token"), reader.GetInt64(reader.GetOrdinal("generation")));
    }

    private async Task<Token> AskAsync(string refreshToken, CancellationToken ct)
    {
        using var form = new FormUrlEncodedContent(
        [
            new("client_id", settings.ClientId), new("client_secret", settings.ClientSecret),
            new("grant_type", "refresh_token"), new("refresh_token", refreshToken),
        ]);
        var sent = DateTimeOffset.UtcNow;
        using var response = await _provider.PostAsync(settings.TokenEndpoint, form, ct);
        response.EnsureSuccessStatusCode();
        using var reply = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(ct));
        var root = reply.RootElement;
        return new Token(
            Text(root, "access_token"), Text(root, "token_type"), Text(root, "scope"), sent, sent.AddSeconds(root.GetProperty("expires_in").GetInt32()));
    }

    private async Task CommitAsync(Work work, Guid claim, long generation, string refreshToken, Token token, CancellationToken ct)
    {
        var document = Json(json =>
        {
            json.WriteString("access_token", token.AccessToken);
            json.WriteString("refresh_token", refreshToken);
            json.WriteString("token_type", token.Type);
            json.WriteString("scope", token.Scope);
            json.WriteNumber("issued_at", token.IssuedAt.ToUnixTimeSeconds());
            json.WriteNumber("expires_at", token.ExpiresAt.ToUnixTimeSeconds());
        });
        await using var command = _pool.CreateCommand(AccountSql.Commit);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = "google" });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = work.Account });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Encoding.UTF8.GetString(document), NpgsqlDbType = NpgsqlDbType.Unknown });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = token.ExpiresAt });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = claim });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = generation });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = token.IssuedAt });
        if (await command.ExecuteScalarAsync(ct) is null)
            throw new InvalidOperationException($"The row of {work.Account} was changed by someone else.");
    }

    /// <summary>The same fields as the operator's Secret.</summary>
    private static byte[] Secret(Work work, Token token) => Json(json =>
    {
        json.WriteString("apiVersion", "v1");
        json.WriteString("kind", "Secret");
        json.WriteString("type", "Opaque");
        json.WriteStartObject("metadata");
        json.WriteString("name", work.Name);
        json.WriteString("namespace", work.Namespace);
        json.WriteStartObject("labels");
        json.WriteString("app.kubernetes.io/managed-by", "token-operator");
        json.WriteEndObject();
        json.WriteStartObject("annotations");
        json.WriteString("tokenoperator.dev/content-hash", work.Uid);
        json.WriteEndObject();
        json.WriteStartArray("ownerReferences");
        json.WriteStartObject();
        json.WriteString("apiVersion", "tokenoperator.dev/v1beta1");
        json.WriteString("kind", "OAuthToken");
        json.WriteString("name", work.Name);
        json.WriteString("uid", work.Uid);
        json.WriteBoolean("controller", true);
        json.WriteBoolean("blockOwnerDeletion", true);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject("data");
        json.WriteBase64String("access_token", Encoding.UTF8.GetBytes(token.AccessToken));
        json.WriteBase64String("token_type", Encoding.UTF8.GetBytes(token.Type));
        json.WriteBase64String("expires_at", Encoding.UTF8.GetBytes(Iso(token.ExpiresAt)));
        json.WriteBase64String("scope", Encoding.UTF8.GetBytes(token.Scope));
        json.WriteBase64String("provider", "google"u8);
        json.WriteBase64String("account", Encoding.UTF8.GetBytes(work.Account));
        json.WriteEndObject();
    });

    /// <summary>The same fields as the operator's status.</summary>
    private static byte[] Status(Work work, Token token) => Json(json =>
    {
        json.WriteStartObject("status");
        json.WriteNumber("observedGeneration", 1);
        json.WriteString("expiresAt", Iso(token.ExpiresAt));
        json.WriteString("lastRefreshTime", Iso(token.IssuedAt));
        json.WriteString("nextRefreshTime", Iso(token.ExpiresAt));
        json.WriteStartArray("scopes");
        json.WriteStringValue(token.Scope);
        json.WriteEndArray();
        json.WriteString("secretName", work.Name);
        json.WriteNumber("failures", 0);
        json.WriteStartArray("conditions");
        foreach (var (type, status) in new[] { ("Ready", "True"), ("Refreshed", "True"), ("Persisted", "True"), ("Reconciling", "False"), ("Stalled", "False") })
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("status", status);
            json.WriteString("reason", "Refreshed");
            json.WriteString("message", "Written by the bare loop, at about the length of the operator's.");
            json.WriteString("lastTransitionTime", Iso(token.IssuedAt));
            json.WriteNumber("observedGeneration", 1);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static string Iso(DateTimeOffset moment) => moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Text(JsonElement element, string property) =>
        element.GetProperty(property).GetString() ?? throw new InvalidOperationException($"{property} is null.");
}
