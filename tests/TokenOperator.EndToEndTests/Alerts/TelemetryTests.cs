using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>The telemetry that the operator sends by OTLP.</summary>
[Collection(AlertGroup.Name)]
public sealed class TelemetryTests(ClusterFixture cluster)
{
    [Fact]
    public async Task Metrics_and_traces_of_Postgres_and_HTTP_are_sent_by_OTLP_and_contain_no_secret()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.Address.ToString()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000"), ("OTEL_BSP_SCHEDULE_DELAY", "500"));
        var grant = await fixture.AddAccountAsync("traced");
        await fixture.ReadyAsync("traced");
        await fixture.Postgres.ExecuteAsync($"alter database \"{fixture.Database.Name}\" set default_transaction_read_only = on");
        await fixture.Postgres.ExecuteAsync($"alter database \"{fixture.Database.Name}\" set log_parameter_max_length_on_error = -1");
        await fixture.Postgres.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{fixture.Database.Name}'");
        await fixture.AddAccountAsync("refused");

        await Eventually.IsTrueAsync(() => receiver.Received("/v1/metrics").Contains("tokenoperator_oauthtoken_ready", StringComparison.Ordinal));
        await Eventually.IsTrueAsync(() => receiver.Received("/v1/traces") is var sent
            && sent.Contains("oauth_tokens", StringComparison.Ordinal)
            && sent.Contains(fixture.Tokens.TokenEndpoint.ToString(), StringComparison.Ordinal)
            && sent.Contains("exception.stacktrace", StringComparison.Ordinal)
            && sent.Contains("25006", StringComparison.Ordinal));

        var all = receiver.Received("/v1/traces") + receiver.Received("/v1/metrics");
        var secret = (await fixture.SecretAsync("traced"))!["access_token"]!;
        foreach (var word in new[] { grant.RefreshToken, secret, "client-secret-1", "Username=", "with parameters", "$1 = " })
            all.Should().NotContain(word);
    }
}
