using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Authentication;
using k8s.Exceptions;

namespace KubeRuntime.Client;

/// <summary>The program by which a kubeconfig signs in gave no credentials. The message never contains its output.</summary>
/// <param name="command">The program.</param>
/// <param name="isStarted">False if the program could not be started.</param>
/// <param name="message">What went wrong.</param>
public sealed class ExecPluginException(string command, bool isStarted, string message) : KubeConfigException(message)
{
    /// <summary>The program.</summary>
    public string Command { get; } = command;

    /// <summary>False if the program could not be started.</summary>
    public bool IsStarted { get; } = isStarted;

    /// <summary>How to install the program; null if the kubeconfig does not say.</summary>
    public string? InstallHint { get; init; }
}

/// <summary>The <c>exec</c> section of a user in a kubeconfig.</summary>
internal sealed record ExecProgram
{
    /// <summary>The version of ExecCredential that the program returns.</summary>
    public required string ApiVersion { get; init; }

    /// <summary>The program: a path, or a name to search for on PATH.</summary>
    public required string Command { get; init; }

    /// <summary>Its arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Environment variables to add.</summary>
    public IReadOnlyList<(string Name, string Value)> Variables { get; init; } = [];

    /// <summary><c>Never</c>, <c>IfAvailable</c> or <c>Always</c>: whether the program may ask the user.</summary>
    public string InteractiveMode { get; init; } = "IfAvailable";

    /// <summary>What the program learns about the cluster; null unless <c>provideClusterInfo</c> is set.</summary>
    public JsonObject? Cluster { get; init; }

    /// <summary>How to install the program; null if the kubeconfig does not say.</summary>
    public string? InstallHint { get; init; }
}

/// <summary>
/// Credentials from a program, such as gke-gcloud-auth-plugin or aws: client.authentication.k8s.io, as in kubectl. The stderr of the
/// program goes to the terminal. The program runs again 30 s before its token expires.
/// </summary>
/// <param name="program">The program.</param>
/// <param name="time">The clock by which a token expires.</param>
internal sealed class ExecCredentials(ExecProgram program, TimeProvider time) : ITokenProvider
{
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);
    private Credentials? _last;

    /// <summary>The credentials that the program returned.</summary>
    /// <param name="Token">The bearer token.</param>
    /// <param name="Certificate">The client certificate (PEM).</param>
    /// <param name="Key">Its key (PEM).</param>
    /// <param name="ExpiresAt">When they expire; null when the program does not say.</param>
    internal sealed record Credentials(string? Token, string? Certificate, string? Key, DateTimeOffset? ExpiresAt);

    /// <summary>Runs the program and waits until it ends, because a person may have to sign in.</summary>
    /// <exception cref="ExecPluginException">The program cannot be started or does not return usable credentials. The message never contains its output.</exception>
    public Credentials Run()
    {
        using var process = Start();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new ExecPluginException(program.Command, isStarted: true, $"{program.Command} ended with exit code {process.ExitCode}");
        return _last = Read(output) ?? throw new ExecPluginException(program.Command, isStarted: true, $"{program.Command} gave no ExecCredential of {program.ApiVersion} with a token or a client certificate");
    }

    /// <inheritdoc/>
    public async Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken)
    {
        var credentials = _last;
        if (credentials is null || credentials.ExpiresAt - Margin <= time.GetUtcNow())
            credentials = await Task.Run(Run, cancellationToken);
        return new AuthenticationHeaderValue("Bearer", credentials.Token);
    }

    private Process Start()
    {
        var isInteractive = program.InteractiveMode != "Never" && !Console.IsInputRedirected;
        if (program.InteractiveMode == "Always" && !isInteractive)
            throw new KubeConfigException($"{program.Command} asks the user (interactiveMode: Always), and standard input is not a terminal");
        // A program that cannot ask the user must not read what is meant for this one.
        var start = new ProcessStartInfo(program.Command, program.Arguments) { RedirectStandardOutput = true, RedirectStandardInput = !isInteractive };
        foreach (var (name, value) in program.Variables)
            start.Environment[name] = value;
        var spec = new JsonObject { ["interactive"] = isInteractive };
        if (program.Cluster is not null)
            spec["cluster"] = program.Cluster.DeepClone();
        start.Environment["KUBERNETES_EXEC_INFO"] = new JsonObject
        {
            ["apiVersion"] = program.ApiVersion,
            ["kind"] = "ExecCredential",
            ["spec"] = spec,
        }.ToJsonString();
        try
        {
            var process = Process.Start(start)!;
            if (!isInteractive)
                process.StandardInput.Close();
            return process;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            throw new ExecPluginException(program.Command, isStarted: false, e.Message) { InstallHint = program.InstallHint?.Trim() };
        }
    }

    private Credentials? Read(string output)
    {
        try
        {
            using var document = JsonDocument.Parse(output);
            var root = document.RootElement;
            if (Text(root, "apiVersion") != program.ApiVersion || !root.TryGetProperty("status", out var status))
                return null;
            var credentials = new Credentials(
                Text(status, "token"), Text(status, "clientCertificateData"), Text(status, "clientKeyData"),
                DateTimeOffset.TryParse(Text(status, "expirationTimestamp"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end) ? end : null);
            return credentials.Token is null && (credentials.Certificate is null || credentials.Key is null) ? null : credentials;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.GetString() is { Length: > 0 } text ? text : null;
}
