namespace TokenOperator.TestBed;

/// <summary>The options of an <see cref="OperatorProcess"/>.</summary>
public sealed record OperatorProcessOptions
{
    /// <summary>The program: <c>token-operator.dll</c>, or an executable.</summary>
    public required string Program { get; init; }

    /// <summary>The kubeconfig.</summary>
    public required string Kubeconfig { get; init; }

    /// <summary>The address of Postgres.</summary>
    public required string DatabaseUrl { get; init; }

    /// <summary>The token endpoint.</summary>
    public required Uri TokenEndpoint { get; init; }

    /// <summary>The revocation endpoint.</summary>
    public required Uri RevocationEndpoint { get; init; }

    /// <summary>The file for its output.</summary>
    public required string LogFile { get; init; }

    /// <summary>The folder with the encryption keys.</summary>
    public string KeyringPath { get; init; } = TestKeyring.Shared.Folder;

    /// <summary>Further settings.</summary>
    public IReadOnlyDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>();
}

/// <summary>The operator in its own process, as in a pod.</summary>
public sealed class OperatorProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;

    private OperatorProcess(ChildProcess process, Uri address)
    {
        _process = process;
        Address = address;
    }

    /// <summary>The address of probes and metrics.</summary>
    public Uri Address { get; }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>True once it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>The file that its output is appended to.</summary>
    public string LogFile => _process.LogFile;

    /// <summary>Everything that it has printed.</summary>
    public string Log => File.ReadAllText(_process.LogFile);

    /// <summary>Starts the operator, and does not wait until it is ready.</summary>
    public static OperatorProcess Start(OperatorProcessOptions options)
    {
        var port = Ports.Free();
        var environment = new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = options.Kubeconfig,
            ["DATABASE_URL"] = options.DatabaseUrl,
            ["ConnectionStrings__Postgres"] = null,
            [TestKeyring.Setting] = options.KeyringPath,
            ["Providers__google__TokenEndpoint"] = options.TokenEndpoint.ToString(),
            ["Providers__google__RevocationEndpoint"] = options.RevocationEndpoint.ToString(),
            ["Http__Address"] = "127.0.0.1",
            ["Http__Port"] = $"{port}",
        };
        foreach (var (name, value) in options.Settings)
            environment[name] = value;

        var isAssembly = options.Program.EndsWith(".dll", StringComparison.Ordinal);
        // The shell that starts the process passes on no variable whose name it could not set itself.
        var hyphenated = environment.Where(variable => variable.Key.Contains('-', StringComparison.Ordinal)).Select(variable => $"{variable.Key}={variable.Value}");
        // The operator handles Ctrl-C as at a terminal, even if this process was started with SIGINT ignored.
        var process = ChildProcess.Start(new ChildProcessOptions(
            "/usr/bin/env", ["--default-signal=INT", .. hyphenated, .. isAssembly ? (string[])[Command.Find("dotnet") ?? throw new InvalidOperationException("dotnet is not on PATH."), options.Program] : [options.Program], "run"])
        {
            LogFile = options.LogFile,
            Environment = environment,
        });
        return new OperatorProcess(process, new Uri($"http://127.0.0.1:{port}"));
    }

    /// <summary>Waits until its caches are synchronized.</summary>
    public async Task<OperatorProcess> ReadyAsync(CancellationToken ct = default)
    {
        using var http = new HttpClient { BaseAddress = Address };
        await Eventually.SeesAsync(
            async () =>
            {
                using var answer = await http.GetAsync(new Uri("/readyz", UriKind.Relative), ct);
                return answer.IsSuccessStatusCode;
            },
            ready => ready || _process.HasExited,
            ct: ct);
        _process.ThrowIfExited();
        return this;
    }

    /// <summary>Sends SIGTERM, as a kubelet does, and returns the exit code.</summary>
    public Task<int> StopAsync(CancellationToken ct = default) => _process.StopAsync(ct);

    /// <summary>Sends SIGKILL, to simulate a crash.</summary>
    public Task<int> KillAsync(CancellationToken ct = default) => _process.KillAsync(ct);

    /// <summary>Sends a signal, such as STOP or CONT.</summary>
    public Task SignalAsync(string signal, CancellationToken ct = default) => _process.SignalAsync(signal, ct);

    /// <summary>Waits until it has ended.</summary>
    public Task<int> WaitForExitAsync(CancellationToken ct = default) => _process.WaitForExitAsync(ct);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
