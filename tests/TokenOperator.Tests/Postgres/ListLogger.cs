using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using TokenOperator.Inputs;
using TokenOperator.Postgres.Rows;
using TokenOperator.ProviderSources;
using TokenOperator.Reconcile;

namespace TokenOperator.Tests.Postgres;

/// <summary>Collects the lines that were logged, with their exceptions.</summary>
internal sealed class ListLogger : ILogger<PostgresTokenStore>, ILogger<DeletionReporter>, ILogger<NamespaceReader>, ILogger<ProviderChanges>
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue($"{formatter(state, exception)} {exception}");
}
