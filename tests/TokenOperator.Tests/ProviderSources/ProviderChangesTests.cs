using System.Text.Json.Nodes;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Providers.Documents;
using TokenOperator.ProviderSources;
using TokenOperator.Tests.KubeRuntime.Fakes;
using TokenOperator.Tests.Postgres;
using TokenOperator.Tests.Providers;

namespace TokenOperator.Tests.ProviderSources;

public sealed class ProviderChangesTests
{
    /// <summary>Nothing else says what is wrong with a file: only a ClusterOAuthProvider has a status.</summary>
    [Fact]
    public void The_log_names_every_error_of_a_file()
    {
        var document = new JsonObject(Enumerable.Range(0, 40).Select(i => KeyValuePair.Create($"unknown-{i}", (JsonNode?)JsonValue.Create(1)))) { ["tokenEndpoint"] = "https://idp.example/token" };
        var registry = TestRegistry.OfDocuments(new SourceDocument("acme", DocumentSource.Folder, "the file acme.yaml", document));
        var tokens = new ResourceCache<V1Beta1OAuthToken>([""], new CacheOptions<V1Beta1OAuthToken>().AddIndex(ProviderUsers.Index, token => [token.Spec.Provider!]));
        var logger = new ListLogger();

        new ProviderChanges(registry, tokens, new CalledObjects<V1Beta1OAuthToken>(), logger).Announce(["acme"]);

        var line = logger.Lines.Should().ContainSingle().Subject;
        line.Should().StartWith("The document of the provider acme, the file acme.yaml, is not valid: ");
        for (var i = 0; i < 40; i++)
            line.Should().Contain($" unknown-{i} is not a field");
    }
}
