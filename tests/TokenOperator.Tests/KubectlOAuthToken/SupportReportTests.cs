using System.Formats.Tar;
using System.IO.Compression;
using KubectlOAuthToken.Output;
using KubectlOAuthToken.Report;
using Microsoft.AspNetCore.Http;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class SupportReportTests : IAsyncLifetime
{
    private const string Pods =
        """
        {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [{"metadata": {"name": "operator-a", "namespace": "system"},
         "spec": {"containers": [{"name": "mesh"}, {"name": "manager", "ports": [{"name": "http", "containerPort": 9090}]}]},
         "status": {"containerStatuses": [{"name": "manager", "restartCount": 2}]}}]}
        """;

    private readonly Dictionary<string, string> _answers = new()
    {
        ["/api/v1/namespaces/system/pods"] = Pods,
        ["/api/v1/namespaces/system/pods/operator-a:9090/proxy/metrics"] = "oauth_tokens 3\n",
        ["/api/v1/namespaces/system/pods/operator-a/log"] = "2026-05-01T12:00:00Z a line with Password=hunter2\n",
    };

    private FakeApiServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await FakeApiServer.StartAsync();
        _server.Intercept = async (context, _) =>
        {
            if (_answers.TryGetValue(context.Request.Path.Value!, out var answer))
                await context.Response.WriteAsync(answer);
            else
                await FakeApiServer.RefuseAsync(context, 403, "Forbidden", "you may not");
            return true;
        };
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task What_is_forbidden_is_missing_and_the_rest_is_there()
    {
        using var cluster = TestCluster.Connect(_server.Address);
        var report = new SupportReport(cluster, "mail", "system", TimeProvider.System);

        var files = await WriteAsync(await report.GatherAsync("report", CancellationToken.None));

        files.Keys.Should().BeEquivalentTo(
            "report/README.txt", "report/operator/pods.json", "report/operator/logs/operator-a.log", "report/operator/logs/operator-a.previous.log", "report/operator/metrics/operator-a.txt");
        files["report/operator/metrics/operator-a.txt"].Should().Be("oauth_tokens 3\n");
        files["report/operator/logs/operator-a.log"].Should().Be("2026-05-01T12:00:00Z a line with Password=***\n");
        _server.Requests.Should().Contain(request => request.Query.Contains("container=manager") && request.Query.Contains("previous=true"));
        string[] missing = ["settings.txt", "status.txt", "oauthtokens.json", "clusteroauthproviders.json", "events.txt", "doctor.txt", "versions.txt", "operator/events.txt"];
        report.Missing.Select(line => line.Split(':')[0]).Should().BeEquivalentTo(missing);
        report.Missing.Should().Contain(line => line.StartsWith("status.txt: list oauthtokens") && line.Contains("403"));
        missing.Should().OnlyContain(name => files["report/README.txt"].Contains(name));
    }

    [Fact]
    public async Task Nothing_is_written_if_nothing_can_be_read()
    {
        _answers.Clear();
        using var cluster = TestCluster.Connect(_server.Address);

        await FluentActions.Awaiting(() => new SupportReport(cluster, "mail", "system", TimeProvider.System).GatherAsync("report", CancellationToken.None))
            .Should().ThrowAsync<Exception>().Where(e => PluginErrors.IsExpected(e));
    }

    [Fact]
    public async Task A_report_is_for_its_owner_only_and_replaces_no_file()
    {
        var bundle = new SupportBundle("report", DateTimeOffset.UnixEpoch);
        bundle.Add("a.txt", "text");
        var path = Path.Combine(Directory.CreateTempSubdirectory("report").FullName, "report.tar.gz");

        await bundle.WriteAsync(path, CancellationToken.None);

        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(path).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await FluentActions.Awaiting(() => bundle.WriteAsync(path, CancellationToken.None)).Should().ThrowAsync<IOException>();
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    private static async Task<Dictionary<string, string>> WriteAsync(SupportBundle bundle)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("report").FullName, "report.tar.gz");
        await bundle.WriteAsync(path, CancellationToken.None);
        var files = new Dictionary<string, string>();
        await using (var tar = new TarReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress)))
        {
            while (await tar.GetNextEntryAsync() is { } entry)
                files[entry.Name] = await new StreamReader(entry.DataStream ?? Stream.Null).ReadToEndAsync();
        }

        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        return files;
    }
}
