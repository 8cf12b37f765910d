using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace TokenOperator.Hosting;

/// <summary>
/// Notices that memory has run out, wherever it happens, and stops the process: after an allocation that failed, the state of the process is unknown.
/// Until it has ended, <c>/healthz</c> fails, and then the program's exit code is not 0.
/// </summary>
public sealed partial class MemoryHealth : IDisposable
{
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<MemoryHealth> _logger;
    private int _isExhausted;

    /// <summary>Begins to look for exceptions.</summary>
    public MemoryHealth(IHostApplicationLifetime lifetime, ILogger<MemoryHealth> logger)
    {
        (_lifetime, _logger) = (lifetime, logger);
        AppDomain.CurrentDomain.FirstChanceException += OnException;
    }

    /// <summary>True once an allocation has failed.</summary>
    public bool IsExhausted => Volatile.Read(ref _isExhausted) != 0;

    /// <inheritdoc/>
    public void Dispose() => AppDomain.CurrentDomain.FirstChanceException -= OnException;

    private void OnException(object? sender, FirstChanceExceptionEventArgs e)
    {
        // Nothing is allocated here: the handler runs where the allocation failed.
        if (e.Exception is OutOfMemoryException && Interlocked.Exchange(ref _isExhausted, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static health => health.Stop(), this, preferLocal: false);
    }

    private void Stop()
    {
        LogExhausted();
        _lifetime.StopApplication();
    }

    [LoggerMessage(242, LogLevel.Critical, "Memory has run out, so this process stops. Raise the memory limit of the Deployment (docs/install.md)")]
    private partial void LogExhausted();
}
