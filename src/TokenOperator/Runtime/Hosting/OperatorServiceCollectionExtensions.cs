using Microsoft.Extensions.DependencyInjection;

namespace TokenOperator.Runtime.Hosting;

/// <summary>Adds an operator to a host.</summary>
public static class OperatorServiceCollectionExtensions
{
    /// <summary>
    /// Adds the runtime: caches run on every replica, workers only where this process leads. The host ends with exit code 1 when the
    /// lease is lost.
    /// </summary>
    public static IOperatorBuilder AddKubernetesOperator(this IServiceCollection services, Action<OperatorOptions>? configure = null) =>
        throw new NotImplementedException();
}
