using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Controllers;
using KubeRuntime.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Example;

[KubernetesEntity(Group = "example.dev", ApiVersion = "v1", Kind = "Greeting", PluralName = "greetings")]
public sealed class Greeting : CustomKubernetesEntity<GreetingSpec, GreetingStatus>;

public sealed record GreetingSpec { public string? Name { get; set; } }

public sealed record GreetingStatus { public string? Text { get; set; } }

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Greeting))]
internal sealed partial class GreetingJson : JsonSerializerContext;

public sealed class GreetingController(ResourceClient client) : IEntityController<Greeting>
{
    private static readonly ResourceKind Kind = ResourceKind.Of<Greeting>();

    public async Task<ReconciliationResult<Greeting>> ReconcileAsync(Greeting entity, CancellationToken cancellationToken)
    {
        var body = new JsonObject
        {
            ["apiVersion"] = Kind.ApiVersion,
            ["kind"] = Kind.Kind,
            ["metadata"] = new JsonObject { ["name"] = entity.Metadata.Name },
            ["status"] = new JsonObject { ["text"] = $"Hello, {entity.Spec.Name}!" },
        };
        await client.ApplyAsync<Greeting>(Kind, entity.Key(), body, force: true, subresource: "status", cancellationToken);
        return ReconciliationResult<Greeting>.Success(entity);
    }

    public Task<ReconciliationResult<Greeting>> DeletedAsync(Greeting entity, CancellationToken cancellationToken) =>
        Task.FromResult(ReconciliationResult<Greeting>.Success(entity));
}

public static class GreetingOperator
{
    public static async Task<int> RunAsync(HostApplicationBuilder builder, CancellationToken cancellationToken)
    {
        builder.Services.AddKubernetesOperator(options =>
        {
            options.Name = "greeter";
            options.Json.Add(GreetingJson.Default);
        }).AddController<GreetingController, Greeting>();
        using var host = builder.Build();
        var health = host.Services.GetRequiredService<OperatorHealth>();
        await host.RunAsync(cancellationToken);
        return health.HasLostLeadership ? 1 : 0;
    }
}
