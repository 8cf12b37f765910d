using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>A password of the database that changes while the operator runs, as the kubelet hands it over.</summary>
[Collection(FaultGroup.Name)]
public sealed class DatabasePasswordTests(ClusterFixture cluster) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("password-");

    private string UrlFile => Path.Combine(_folder.FullName, "uri");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Refreshes_continue_in_the_same_process_after_the_password_was_rotated()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var role = $"rotated_{fixture.Database.Name}";
        await fixture.QueryAsync($"create role {role} login password 'the-first'; grant all on schema public to {role}");
        await WriteAsync("the-first");
        await fixture.StartOperatorAsync(("DATABASE_URL", ""), ("DATABASE_URL_FILE", UrlFile));
        await fixture.AddAccountAsync("rotated");
        await fixture.ReadyAsync("rotated");

        await fixture.QueryAsync($"alter role {role} password 'the-second'");
        await fixture.QueryAsync($"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'");
        await fixture.RequestRefreshAsync("rotated", "too early");
        await fixture.SeesAsync("rotated", "Persisted", "False", "StoreUnavailable");
        await fixture.Operator.LogsAsync($"Put the current password into {UrlFile}");

        await WriteAsync("the-second");
        await fixture.SeesAsync("rotated", "Persisted", "True");
        await fixture.RequestRefreshAsync("rotated", "now");
        await Eventually.SeesAsync(async () => (await fixture.GetAsync("rotated"))["lastHandledRefreshRequest"], handled => handled == "now");
        await fixture.SeesAsync("rotated", "Persisted", "True");
        fixture.Operator.HasExited.Should().BeFalse();
        fixture.Operator.Log.Should().NotContain("the-first").And.NotContain("the-second");

        // The kubelet replaces a whole folder, so a reader sees either the old or the new file.
        async Task WriteAsync(string password)
        {
            var file = UrlFile + ".new";
            await File.WriteAllTextAsync(file, $"postgresql://{role}:{password}@127.0.0.1:{fixture.Postgres.Port}/{fixture.Database.Name}");
            File.Move(file, UrlFile, overwrite: true);
        }
    }
}
