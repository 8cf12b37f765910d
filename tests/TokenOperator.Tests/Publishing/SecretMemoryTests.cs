using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using TokenOperator.Publishing;

namespace TokenOperator.Tests.Publishing;

/// <summary>Tests that measure the memory of the whole process run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MemoryGroup
{
    internal const string Name = "Memory";
}

/// <summary>How much memory the Secrets of a cluster take. Compares amounts, and never times.</summary>
[Collection(MemoryGroup.Name)]
public sealed partial class SecretMemoryTests
{
    private const int Count = 20_000;
    private const int SecretsInACluster = 100_000;

    private static readonly ApiJson Json = new();

    [Fact]
    public void A_hundred_thousand_Secrets_take_less_than_a_quarter_of_the_memory_that_the_manifest_allows()
    {
        var match = MemoryLimit().Match(File.ReadAllText(Repository.File("config/manager/deployment.yaml")));
        var limit = long.Parse(match.Groups["mebibytes"].Value, CultureInfo.InvariantCulture) * 1024 * 1024;

        (BytesOfEach(Metadata("""{"a":"b"}""", "{}")) * SecretsInACluster).Should().BeLessThan(limit / 4);
    }

    [Theory]
    [InlineData("long annotations")]
    [InlineData("many annotations")]
    [InlineData("many labels")]
    [InlineData("managed fields")]
    [InlineData("many owners")]
    public void Nothing_that_others_write_into_a_Secret_makes_it_larger_in_memory(string what)
    {
        var many = string.Join(',', Enumerable.Range(0, 50).Select(i => $"\"example.com/name-{i}\":\"value\""));
        var large = what switch
        {
            "long annotations" => Metadata($"{{\"a\":\"{new string('x', 4000)}\"}}", "{}"),
            "many annotations" => Metadata($"{{{many}}}", "{}"),
            "many labels" => Metadata("{}", $"{{{many}}}"),
            "managed fields" => Metadata("{}", "{}", $"\"managedFields\":[{{\"manager\":\"kubectl\",\"operation\":\"Update\",\"fieldsV1\":{{\"f:data\":{{{many}}}}}}}],"),
            _ => Metadata("{}", "{}", $"\"ownerReferences\":[{string.Join(',', Enumerable.Range(0, 50).Select(i => $"{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"n{i}\",\"uid\":\"u{i}\"}}"))}],"),
        };

        BytesOfEach(large).Should().BeLessThan(BytesOfEach(Metadata("{}", "{}")) * 1.1 + 8);
    }

    [Theory]
    [InlineData("content-hash", """{"tokenoperator.dev/content-hash":"TEXT"}""", "ownerReferences")]
    [InlineData("written-for", """{"tokenoperator.dev/written-for":"mail/TEXT/s"}""", "")]
    [InlineData("written-for with more parts", """{"tokenoperator.dev/written-for":"mail/marcus/s/TEXT"}""", "")]
    [InlineData("owners", """{"tokenoperator.dev/written-for":"mail/marcus/s"}""", "ownerReferences")]
    public void Nothing_that_others_write_into_a_Secret_of_the_operator_makes_it_large_in_memory(string because, string annotations, string more)
    {
        var text = new string('x', 200_000);
        var owners = string.Join(',', Enumerable.Range(0, 100).Select(i =>
            $$"""{"apiVersion":"tokenoperator.dev/v1beta1","kind":"OAuthToken","name":"{{text}}","uid":"{{i}}{{text}}","controller":{{(i == 0 ? "true" : "false")}}}"""));
        var references = more.Length > 0 ? $"\"{more}\":[{owners}]," : "";
        var json = $$"""{"metadata":{"name":"s","namespace":"mail","uid":"u","resourceVersion":"1",{{references}}"annotations":{{annotations.Replace("TEXT", text)}} } }""";

        var info = SecretInfo.From(JsonSerializer.Deserialize(Encoding.UTF8.GetBytes(json), Json.Info<PartialObjectMetadata>())!);

        info.ToString().Length.Should().BeLessThan(10_000, because);
        (info.Mark?.Owners ?? []).Sum(owner => owner.ToString().Length).Should().BeLessThan(10_000, because);
    }

    private static Func<int, string> Metadata(string annotations, string labels, string more = "") => i => $$$"""
        {"metadata":{"name":"secret-with-a-usual-name-{{{i}}}","namespace":"namespace-{{{i % 100}}}","uid":"8f9a3f0e-0000-4000-8000-{{{i:000000000000}}}",
         "resourceVersion":"{{{1_000_000 + i}}}",{{{more}}}"annotations":{{{annotations}}},"labels":{{{labels}}}}}
        """;

    private static double BytesOfEach(Func<int, string> json)
    {
        var cache = new ResourceCache<SecretInfo>([""], new CacheOptions<SecretInfo>());
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Count; i++)
            cache.Observe(SecretInfo.From(JsonSerializer.Deserialize(Encoding.UTF8.GetBytes(json(i)), Json.Info<PartialObjectMetadata>())!));
        var after = GC.GetTotalMemory(forceFullCollection: true);
        cache.List().Should().HaveCount(Count);
        return (after - before) / (double)Count;
    }

    [GeneratedRegex(@"limits:\s+memory: (?<mebibytes>[0-9]+)Mi")]
    private static partial Regex MemoryLimit();
}
