using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Benchmarks;

/// <summary>What the ClusterOAuthProviders of a cluster cost an operator that does not use them: memory, and requests at idle.</summary>
internal static class ProviderCost
{
    private const string Path = "/apis/tokenoperator.dev/v1beta1/clusteroauthproviders";

    /// <summary>Longer than the interval at which the operator counts the users of a provider.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(90);

    /// <summary>Measures an operator without providers, and one with <paramref name="count"/> of them.</summary>
    public static async Task<JsonObject> MeasureAsync(BenchmarkFixture fixture, Programs programs, int count, CancellationToken ct)
    {
        var stage = await fixture.PrepareAsync("providers", programs.Operator, Array.Empty<string>(), ct);
        var without = await RunAsync(fixture, programs, stage, 0, ct);
        for (var i = 0; i < count; i++)
            await fixture.Admin.SendAsync(HttpMethod.Post, Path, Encoding.UTF8.GetBytes(Provider(i)), "application/json", ct);
        var with = await RunAsync(fixture, programs, stage, count, ct);
        return new JsonObject
        {
            ["providers"] = count,
            ["memoryMiBWithout"] = Math.Round(without.Memory, 1),
            ["memoryMiBWith"] = Math.Round(with.Memory, 1),
            ["memoryMiBOfProviders"] = Math.Round(with.Memory - without.Memory, 1),
            ["requestsAtIdle"] = with.Requests,
            ["cpuMsPerMinuteAtIdleWithout"] = Math.Round(without.Cpu.TotalMilliseconds),
            ["cpuMsPerMinuteAtIdleWith"] = Math.Round(with.Cpu.TotalMilliseconds),
        };
    }

    private static async Task<(double Memory, int Requests, TimeSpan Cpu)> RunAsync(BenchmarkFixture fixture, Programs programs, Stage stage, int count, CancellationToken ct)
    {
        await using var process = OperatorProcess.Start(new OperatorProcessOptions
        {
            Program = programs.Operator,
            Kubeconfig = fixture.Kubeconfig,
            DatabaseUrl = stage.Database.Uri,
            TokenEndpoint = fixture.TokenEndpoint,
            RevocationEndpoint = new Uri(fixture.TokenEndpoint, "/revoke"),
            LogFile = fixture.LogFile($"providers-{count}"),
            Settings = new Dictionary<string, string?> { ["LeaderElection__LeaseNamespace"] = BenchmarkFixture.OperatorNamespace },
        });
        await process.ReadyAsync(ct);
        await Eventually.SeesAsync(async () => (await RequestsAsync(fixture, ct)).Count(request => request.Resource == "clusteroauthproviders/status"), written => written >= count, TimeSpan.FromMinutes(5), ct: ct);
        // Past the first count of the users.
        await Task.Delay(IdleTime, ct);
        var meter = new ProcessMeter(process.Id);
        var (requests, cpu) = ((await RequestsAsync(fixture, ct)).Count, meter.Cpu());
        await Task.Delay(IdleTime, ct);
        var made = (await RequestsAsync(fixture, ct)).Count - requests;
        var result = (meter.Memory(), made, (meter.Cpu() - cpu) / IdleTime.TotalMinutes);
        await process.StopAsync(ct);
        return result;
    }

    /// <summary>All requests so far but for leases and watches, which end and start again after some minutes.</summary>
    private static async Task<IReadOnlyList<AuditedRequest>> RequestsAsync(BenchmarkFixture fixture, CancellationToken ct) =>
        [.. (await fixture.RequestsAsync(ct)).Where(request => request.Resource is not ("leases" or "") && request.Verb != "watch")];

    private static string Provider(int i) => new JsonObject
    {
        ["apiVersion"] = "tokenoperator.dev/v1beta1",
        ["kind"] = "ClusterOAuthProvider",
        ["metadata"] = new JsonObject { ["name"] = string.Create(CultureInfo.InvariantCulture, $"tenant-{i}") },
        ["spec"] = new JsonObject
        {
            ["extends"] = "microsoft",
            ["parameters"] = new JsonObject { ["tenant"] = string.Create(CultureInfo.InvariantCulture, $"tenant-{i}.example") },
            ["timeout"] = "20s",
        },
    }.ToJsonString();
}
