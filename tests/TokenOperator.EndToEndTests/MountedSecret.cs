using System.Collections.Concurrent;
using System.Globalization;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// A Secret in a folder, as a kubelet mounts it: each version in its own folder, and the link <c>..data</c> replaced atomically.
/// An application reads it continuously and records every token that it could not have used.
/// </summary>
public sealed class MountedSecret : IAsyncDisposable
{
    private static readonly TimeSpan Sync = TimeSpan.FromMilliseconds(200);

    private readonly OperatorFixture _fixture;
    private readonly string _name;
    private readonly string _folder = Directory.CreateTempSubdirectory("token-operator-mount-").FullName;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _faults = new();
    private Task _running = Task.CompletedTask;
    private string? _version;

    private MountedSecret(OperatorFixture fixture, string name) => (_fixture, _name) = (fixture, name);

    /// <summary>The times and reasons at which an application would have failed.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    /// <summary>Mounts the Secret, and updates it until this object is disposed of.</summary>
    public static async Task<MountedSecret> MountAsync(OperatorFixture fixture, string name)
    {
        var mounted = new MountedSecret(fixture, name);
        await mounted.SyncAsync();
        mounted._running = mounted.RunAsync();
        return mounted;
    }

    /// <summary>The content of a file, as an application reads it.</summary>
    public string Read(string key) => File.ReadAllText(Path.Combine(_folder, "..data", key));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Sync);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                await SyncAsync();
                Use();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Unmounted.
        }
    }

    private async Task SyncAsync()
    {
        if (await _fixture.SecretAsync(_name) is not { } secret || secret.Version == _version)
            return;
        var data = Path.Combine(_folder, $"..{secret.Version}");
        Directory.CreateDirectory(data);
        foreach (var key in secret.Keys)
            await File.WriteAllTextAsync(Path.Combine(data, key), secret[key]);
        var link = Path.Combine(_folder, "..data_tmp");
        File.CreateSymbolicLink(link, data);
        // rename(2) replaces the old link atomically. File.Move would follow the link.
        (await Command.RunAsync("mv", ["-T", link, Path.Combine(_folder, "..data")])).ExitCode.Should().Be(0);
        _version = secret.Version;
    }

    private void Use()
    {
        var end = DateTimeOffset.Parse(Read("expires_at"), CultureInfo.InvariantCulture);
        if (Read("access_token").Length == 0 || end <= DateTimeOffset.UtcNow)
            _faults.Enqueue($"at {DateTimeOffset.UtcNow:O} the file held a token that ended at {end:O}");
    }
}
