using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.TestBed;

public sealed class ChildProcessTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("child-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Its_exit_code_and_both_output_streams_are_kept()
    {
        await using var child = Shell("echo out; echo err >&2; echo \"$GREETING\"; exit 7");

        (await child.WaitForExitAsync()).Should().Be(7);
        (await File.ReadAllLinesAsync(child.LogFile)).Should().Equal("out", "err", "hello");
        child.Invoking(c => c.ThrowIfExited()).Should().Throw<InvalidOperationException>().WithMessage("*exit code 7*err*");
    }

    [Fact]
    public async Task A_stop_lets_the_program_finish_its_SIGTERM_handler()
    {
        await using var child = Shell("trap 'echo finishing; exit 3' TERM; echo ready; while :; do sleep 0.01; done");
        await Eventually.IsTrueAsync(() => File.ReadAllText(child.LogFile).Contains("ready", StringComparison.Ordinal));

        (await child.StopAsync()).Should().Be(3);
        (await File.ReadAllTextAsync(child.LogFile)).Should().Contain("finishing");
    }

    [Fact]
    public async Task Its_id_is_that_of_the_program_and_disposing_ends_it()
    {
        var child = Shell("exec sleep 600");
        await Eventually.SeesAsync(() => File.ReadAllText($"/proc/{child.Id}/cmdline"), command => command.StartsWith("sleep\0", StringComparison.Ordinal));

        await child.DisposeAsync();

        Directory.Exists($"/proc/{child.Id}").Should().BeFalse();
    }

    [Fact]
    public void A_missing_program_is_named()
    {
        var start = () => ChildProcess.Start(new ChildProcessOptions("/nowhere/etcd", []) { LogFile = Path.Combine(_folder, "log") });

        start.Should().Throw<FileNotFoundException>().WithMessage("*/nowhere/etcd*");
    }

    private ChildProcess Shell(string script) => ChildProcess.Start(new ChildProcessOptions("/bin/sh", ["-c", script])
    {
        LogFile = Path.Combine(_folder, "log"),
        Environment = new Dictionary<string, string?> { ["GREETING"] = "hello" },
    });
}
