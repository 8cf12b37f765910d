using TokenOperator.TestBed;

namespace TokenOperator.Tests.SupplyChain;

/// <summary>hack/audit.sh with stubs for dotnet and curl that print the answers of a feed.</summary>
public sealed class AuditTests : IDisposable
{
    private const string Clean = """{"sources": ["https://feed.example/v3/index.json"], "projects": [{"path": "a.csproj"}]}""";
    private const string Found = """{"projects": [{"frameworks": [{"transitivePackages": [{"id": "Old", "vulnerabilities": [{"severity": "Low"}]}]}]}]}""";
    private readonly string _folder = Directory.CreateTempSubdirectory("audit").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_package_with_a_known_vulnerability_fails()
    {
        Play("dotnet", Found);
        (await RunAsync()).Should().Match<(int Code, string Said)>(ran => ran.Code == 1 && ran.Said.Contains("known vulnerabilities") && ran.Said.Contains("Old"));
    }

    [Fact]
    public async Task A_feed_without_vulnerabilities_passes()
    {
        Play("dotnet", Clean);
        Play("curl", """{"resources": [{"@type": "VulnerabilityInfo/6.7.0"}]}""");
        (await RunAsync()).Should().Match<(int Code, string Said)>(ran => ran.Code == 0 && !ran.Said.Contains("NOT CHECKED"));
    }

    [Theory]
    [InlineData(0, """{"resources": []}""")]
    [InlineData(0, "")]
    [InlineData(1, "")]
    public async Task A_feed_without_data_and_one_that_does_not_answer_pass_and_the_output_says_that_nothing_was_checked(int listed, string index)
    {
        Play("dotnet", Clean, $"[[ $1 == restore ]] || exit {listed}");
        Play("curl", index);
        (await RunAsync()).Should().Match<(int Code, string Said)>(ran => ran.Code == 0 && ran.Said.Contains("NOT CHECKED"));
    }

    [Fact]
    public async Task A_lock_file_that_does_not_match_fails()
    {
        Play("dotnet", Clean, "[[ $1 != restore ]] || exit 1");
        (await RunAsync()).Code.Should().NotBe(0);
    }

    private void Play(string program, string prints, string then = "") =>
        ExecutableFile.Write(
            Path.Combine(_folder, program), $"#!/usr/bin/env bash\n[[ $1 == restore ]] || cat <<'EOF'\n{prints}\nEOF\n{then}\n");

    private async Task<(int Code, string Said)> RunAsync()
    {
        var environment = new Dictionary<string, string?> { ["PATH"] = $"{_folder}:{Environment.GetEnvironmentVariable("PATH")}" };
        var result = await Command.RunAsync(Repository.File("hack/audit.sh"), [], environment: environment);
        return (result.ExitCode, result.Output + result.Errors);
    }
}
