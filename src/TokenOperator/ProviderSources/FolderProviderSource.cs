using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.ProviderSources;

/// <summary>
/// Reads the folder with documents again while the operator runs, so that a change of a mounted ConfigMap needs no restart. While the folder cannot be
/// read, its documents stay in use. Does nothing if the settings name no folder.
/// </summary>
public sealed partial class FolderProviderSource(
    ProviderRegistry registry, ProviderChanges changes, TimeProvider time, ILogger<FolderProviderSource> logger, ProviderFolder? folder = null) : BackgroundService
{
    // The kubelet takes about a minute to update a mounted ConfigMap, so more frequent checks find nothing sooner.
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(5);

    private string? _problem;

    /// <summary>Reads the folder once.</summary>
    internal void Check()
    {
        try
        {
            if (folder!.Read() is not { } documents)
                return;
            var changed = registry.Replace(DocumentSource.Folder, documents);
            _problem = null;
            LogRead(folder.Path, documents.Count, changed.Count);
            changes.Announce(changed);
        }
        catch (InvalidSettingException e)
        {
            if (_problem != e.Message)
                LogKept(e.Message);
            _problem = e.Message;
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (folder is null)
            return;
        // What the registry has read at the start is reported like every change.
        changes.Announce(registry.NamesFrom(DocumentSource.Folder));
        using var timer = new PeriodicTimer(CheckInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                Check();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
    }

    [LoggerMessage(253, LogLevel.Information, "The folder {Folder} has {Count} documents of providers. {Changed} providers have changed")]
    private partial void LogRead(string folder, int count, int changed);

    [LoggerMessage(254, LogLevel.Warning, "The documents of providers that were read before stay in use: {Problem}")]
    private partial void LogKept(string problem);
}
