using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenOperator.Benchmarks;

/// <summary>The latencies of a load.</summary>
/// <param name="Wall">From the first create request until all objects were Ready.</param>
/// <param name="ToSecret">For each object, from its create request until its Secret was seen; sorted.</param>
internal sealed record Load(TimeSpan Wall, IReadOnlyList<TimeSpan> ToSecret);

/// <summary>Creates OAuthTokens in one namespace as a user does, and watches their progress.</summary>
internal sealed class LoadGenerator : IAsyncDisposable
{
    private const int Concurrency = 16;
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);
    private const string MetadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

    private readonly BenchmarkConnection _api;
    private readonly string _path;
    private readonly string _namespace;
    private readonly ConcurrentDictionary<string, Traced> _objects = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _watching = Task.CompletedTask;

    private LoadGenerator(BenchmarkConnection api, string ns)
    {
        _api = api;
        _namespace = ns;
        _path = $"/apis/tokenoperator.dev/v1beta1/namespaces/{ns}/oauthtokens";
    }

    /// <summary>Opens the watches.</summary>
    public static async Task<LoadGenerator> StartAsync(BenchmarkConnection api, string ns, CancellationToken ct)
    {
        var generator = new LoadGenerator(api, ns);
        var objects = await api.WatchAsync(generator._path, "application/json", ct);
        var secrets = await api.WatchAsync($"/api/v1/namespaces/{ns}/secrets", MetadataOnly, ct);
        generator._watching = Task.WhenAll(generator.FollowObjectsAsync(objects), generator.FollowSecretsAsync(secrets));
        return generator;
    }

    /// <summary>Creates all objects, 16 at once, and waits until all are Ready.</summary>
    public async Task<Load> CreateAsync(IReadOnlyList<string> names, CancellationToken ct, string provider = "google")
    {
        var started = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(
            names, new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = ct }, async (name, token) => await CreateAsync(name, provider, token));
        var ends = await WaitAsync(Task.WhenAll(names.Select(name => _objects[name].Ready.Task)), ct);
        return new Load(Stopwatch.GetElapsedTime(started, ends.Max()), await ToSecretsAsync(names, ct));
    }

    /// <summary>Creates the objects one after the other, each when the previous one is Ready.</summary>
    public async Task<Load> CreateOneByOneAsync(IReadOnlyList<string> names, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        foreach (var name in names)
        {
            await CreateAsync(name, "google", ct);
            await WaitAsync(_objects[name].Ready.Task, ct);
        }

        return new Load(Stopwatch.GetElapsedTime(started), await ToSecretsAsync(names, ct));
    }

    /// <summary>Requests a refresh of all objects, 16 at once, and waits until all requests were handled.</summary>
    /// <param name="names">The objects.</param>
    /// <param name="request">The value of the annotation: another one each time.</param>
    /// <param name="ct">Gives up.</param>
    public async Task RefreshAsync(IReadOnlyList<string> names, string request, CancellationToken ct)
    {
        var patch = JsonSerializer.SerializeToUtf8Bytes(new JsonObject
        {
            ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["tokenoperator.dev/refresh-requested-at"] = request } },
        });
        var refreshes = names.Select(name => _objects[name].Request(request)).ToList();
        await Parallel.ForEachAsync(
            names, new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = ct },
            async (name, token) => await _api.SendAsync(HttpMethod.Patch, $"{_path}/{name}", patch, "application/merge-patch+json", token));
        await WaitAsync(Task.WhenAll(refreshes), ct);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task CreateAsync(string name, string provider, CancellationToken ct)
    {
        var manifest = new JsonObject
        {
            ["apiVersion"] = "tokenoperator.dev/v1beta1",
            ["kind"] = "OAuthToken",
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = _namespace },
            ["spec"] = new JsonObject
            {
                ["provider"] = provider,
                ["account"] = name,
                ["clientSecretRef"] = new JsonObject { ["name"] = Stage.ClientSecretName },
            },
        };
        _objects[name] = new Traced(Stopwatch.GetTimestamp());
        await _api.SendAsync(HttpMethod.Post, _path, JsonSerializer.SerializeToUtf8Bytes(manifest), "application/json", ct);
    }

    // After a failure of a watch no further events arrive.
    private async Task<T> WaitAsync<T>(Task<T> task, CancellationToken ct)
    {
        if (await Task.WhenAny(task, _watching).WaitAsync(Timeout, ct) == _watching)
            await _watching;
        return await task;
    }

    // The two watches are independent: a Secret can be seen after the status that mentions it.
    private async Task<IReadOnlyList<TimeSpan>> ToSecretsAsync(IEnumerable<string> names, CancellationToken ct)
    {
        var times = new List<TimeSpan>();
        foreach (var traced in names.Select(name => _objects[name]))
            times.Add(Stopwatch.GetElapsedTime(traced.Created, await WaitAsync(traced.Secret.Task, ct)));
        times.Sort();
        return times;
    }

    private async Task FollowObjectsAsync(WatchLines watch)
    {
        using (watch)
        {
            await foreach (var change in watch.ReadAsync("MODIFIED", _stop.Token))
            {
                var item = change.GetProperty("object");
                if (Find(item) is { } traced && IsReady(item))
                    traced.Ready.TrySetResult(Stopwatch.GetTimestamp());
                if (item.TryGetProperty("status", out var status) && status.TryGetProperty("lastHandledRefreshRequest", out var handled))
                    Find(item)?.Handle(handled.GetString());
            }
        }
    }

    private async Task FollowSecretsAsync(WatchLines watch)
    {
        using (watch)
        {
            await foreach (var change in watch.ReadAsync("ADDED", _stop.Token))
                Find(change.GetProperty("object"))?.Secret.TrySetResult(Stopwatch.GetTimestamp());
        }
    }

    private Traced? Find(JsonElement item) => _objects.GetValueOrDefault(item.GetProperty("metadata").GetProperty("name").GetString()!);

    private static bool IsReady(JsonElement item) =>
        item.TryGetProperty("status", out var status)
        && status.TryGetProperty("conditions", out var conditions)
        && conditions.EnumerateArray().Any(c => c.GetProperty("type").ValueEquals("Ready"u8) && c.GetProperty("status").ValueEquals("True"u8));

    private sealed record Traced(long Created)
    {
        public TaskCompletionSource<long> Secret { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<long> Ready { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private (string Request, TaskCompletionSource<long> Handled)? _refresh;

        /// <summary>Begins to wait for a refresh. The result is the time at which it was handled.</summary>
        public Task<long> Request(string request)
        {
            var handled = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            _refresh = (request, handled);
            return handled.Task;
        }

        public void Handle(string? request)
        {
            if (_refresh is var (wanted, handled) && wanted == request)
                handled.TrySetResult(Stopwatch.GetTimestamp());
        }
    }
}
