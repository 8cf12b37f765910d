using k8s;
using TokenOperator.TestBed.Containers;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.TestBed;

/// <summary>The options of an <see cref="OperatorProcess"/>.</summary>
public sealed record OperatorProcessOptions
{
    /// <summary>The program: <c>token-operator.dll</c>, or an executable.</summary>
    public required string Program { get; init; }

    /// <summary>The image to run in a container instead of <see cref="Program"/>, as the Deployment does; null for none. The caller disposes of it.</summary>
    public OperatorImage? Image { get; init; }

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

/// <summary>The operator in its own process, or in a container as in a pod.</summary>
public sealed class OperatorProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly OperatorContainer? _container;
    private bool _mayEnd;

    private OperatorProcess(ChildProcess process, Uri address, OperatorContainer? container = null)
    {
        _process = process;
        _container = container;
        Address = address;
    }

    /// <summary>The address of probes and metrics.</summary>
    public Uri Address { get; }

    /// <summary>Its process id on this machine.</summary>
    public int Id => _container is null ? _process.Id : _container.ProcessId ?? throw new InvalidOperationException("The container has not started.");

    /// <summary>True once it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>The file that its output is appended to.</summary>
    public string LogFile => _process.LogFile;

    /// <summary>All lines that it has printed. It may be in the middle of writing another one.</summary>
    public string Log
    {
        get
        {
            var text = File.ReadAllText(_process.LogFile);
            return text[..(text.LastIndexOf('\n') + 1)];
        }
    }

    /// <summary>Starts the operator, and does not wait until it is ready.</summary>
    public static OperatorProcess Start(OperatorProcessOptions options)
    {
        if (options.Image is { } image)
            return StartContainer(image, options);
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

    /// <summary>Starts the operator as config/default does: the database and the keys in mounted Secrets, and the ServiceAccount of a pod.</summary>
    private static OperatorProcess StartContainer(OperatorImage image, OperatorProcessOptions options)
    {
        var port = Ports.Free();
        var folder = Directory.CreateTempSubdirectory("to-volumes-").FullName;
        var client = KubernetesClientConfiguration.BuildConfigFromConfigFile(options.Kubeconfig);
        var (postgres, account) = (Directory.CreateDirectory(Path.Combine(folder, "postgres")).FullName, Directory.CreateDirectory(Path.Combine(folder, "account")).FullName);
        File.WriteAllText(Path.Combine(postgres, "uri"), options.DatabaseUrl);
        File.WriteAllText(Path.Combine(account, "token"), client.AccessToken);
        File.WriteAllText(Path.Combine(account, "ca.crt"), KubeconfigFile.Authority(options.Kubeconfig));
        File.WriteAllText(Path.Combine(account, "namespace"), "token-operator-system");
        var settings = new Dictionary<string, string>
        {
            ["Providers__google__TokenEndpoint"] = options.TokenEndpoint.ToString(),
            ["Providers__google__RevocationEndpoint"] = options.RevocationEndpoint.ToString(),
            // The container shares the network of this machine, where each operator needs its own port.
            ["Http__Address"] = "127.0.0.1",
            ["Http__Port"] = $"{port}",
        };
        foreach (var (name, value) in options.Settings)
            settings[name] = value ?? throw new NotSupportedException($"A container inherits no variable that could be removed: {name}.");
        var container = OperatorContainer.Create(image, new ContainerOptions
        {
            Settings = settings,
            Volumes = new Dictionary<string, string> { ["postgres"] = postgres, ["keys"] = options.KeyringPath },
            ServiceAccountFolder = account,
            ApiServer = new Uri(client.Host),
            FolderToDelete = folder,
        });
        var (program, arguments) = container.RunCommand;
        var process = ChildProcess.Start(new ChildProcessOptions(program, arguments) { LogFile = options.LogFile, CommandWhenOrphaned = container.DeleteCommand });
        return new OperatorProcess(process, new Uri($"http://127.0.0.1:{port}"), container);
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

    /// <summary>Waits until its log contains a text. A line is written a moment after what it is about.</summary>
    public Task LogsAsync(string text, TimeSpan? within = null) =>
        Eventually.IsTrueAsync(() => Log.Contains(text, StringComparison.Ordinal), within, condition: $"the log of the operator contains: {text}");

    /// <summary>Throws if it has ended, and the test neither sent it a signal nor waits for its end. An operator that loses its lease ends, for example.</summary>
    /// <exception cref="InvalidOperationException">It has ended. The message contains its exit code and the last lines of its log.</exception>
    public void ThrowIfEnded()
    {
        if (!_mayEnd)
            _process.ThrowIfExited();
    }

    /// <summary>Sends SIGTERM, and SIGKILL after the grace period of the pod, as a kubelet does, and returns the exit code.</summary>
    public async Task<int> StopAsync(CancellationToken ct = default)
    {
        _mayEnd = true;
        if (_container is null)
            return await _process.StopAsync(ct);
        await SignalAsync("TERM", ct);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(_container.TerminationGracePeriod);
        try
        {
            return await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return await KillAsync(ct);
        }
    }

    /// <summary>Sends SIGKILL, to simulate a crash.</summary>
    public async Task<int> KillAsync(CancellationToken ct = default)
    {
        _mayEnd = true;
        if (_container is null)
            return await _process.KillAsync(ct);
        await SignalAsync("KILL", ct);
        return await _process.WaitForExitAsync(ct);
    }

    /// <summary>Sends a signal, such as STOP or CONT.</summary>
    public async Task SignalAsync(string signal, CancellationToken ct = default)
    {
        _mayEnd = true;
        if (!HasExited)
            await ChildProcess.SignalAsync(Id, signal, ct);
    }

    /// <summary>Runs a verb of token-operator in the container of this one, as <c>kubectl exec</c> does.</summary>
    /// <param name="settings">Further variables.</param>
    /// <param name="arguments">The verb and its arguments.</param>
    /// <returns>Null if it does not run, or not in a container.</returns>
    public async Task<CommandResult?> ExecAsync(IReadOnlyDictionary<string, string> settings, params IEnumerable<string> arguments)
    {
        if (_container is null || HasExited)
            return null;
        var (program, all) = _container.ExecCommand(settings, ["/app/token-operator", .. arguments]);
        return await Command.RunAsync(program, all);
    }

    /// <summary>Waits until it has ended.</summary>
    public Task<int> WaitForExitAsync(CancellationToken ct = default)
    {
        _mayEnd = true;
        return _process.WaitForExitAsync(ct);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _container?.Dispose();
        await _process.DisposeAsync();
    }
}
