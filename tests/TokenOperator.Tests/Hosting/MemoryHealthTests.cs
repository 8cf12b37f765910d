using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Cli;
using TokenOperator.Core.Cli;
using TokenOperator.Hosting;

namespace TokenOperator.Tests.Hosting;

public sealed class MemoryHealthTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_allocation_that_failed_stops_the_process_even_if_someone_handles_the_exception(bool isOutOfMemory)
    {
        var lifetime = new StoppableHost();
        using var health = new MemoryHealth(lifetime, NullLogger<MemoryHealth>.Instance);

        try
        {
            if (isOutOfMemory)
                GC.KeepAlive(new byte[int.MaxValue]);
            throw new InvalidOperationException();
        }
        catch (Exception e) when (e is OutOfMemoryException or InvalidOperationException)
        {
            // As a reconcile does.
        }

        health.IsExhausted.Should().Be(isOutOfMemory);
        if (isOutOfMemory)
            await Eventually.IsTrueAsync(() => lifetime.IsStopped, "the process stops");
    }

    [Theory]
    [InlineData(false, false, false, ExitCodes.Ok)]
    [InlineData(true, false, false, ExitCodes.Failed)]
    [InlineData(false, true, false, ExitCodes.Failed)]
    [InlineData(false, false, true, ExitCodes.Failed)]
    public async Task The_exit_code_is_0_only_after_a_stop_that_someone_asked_for(bool hasLostLeadership, bool isOutOfMemory, bool hasFailed, int exitCode)
    {
        using var service = new ScriptedService(hasFailed ? Task.FromException(new InvalidOperationException()) : Task.CompletedTask);
        _ = service.StartAsync(default);
        await Eventually.IsTrueAsync(() => service.ExecuteTask?.IsCompleted == true, "the service ends");
        RunCommand.ExitCodeAfter(hasLostLeadership, isOutOfMemory, [service]).Should().Be(exitCode);
    }

    private sealed class ScriptedService(Task work) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => work;
    }

    private sealed class StoppableHost : IHostApplicationLifetime
    {
        private volatile bool _isStopped;

        public bool IsStopped => _isStopped;

        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => default;

        public void StopApplication() => _isStopped = true;
    }
}
