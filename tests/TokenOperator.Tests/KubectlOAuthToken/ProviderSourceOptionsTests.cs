using System.CommandLine;
using KubectlOAuthToken.Output;
using KubectlOAuthToken.Verbs;
using TokenOperator.Core.Settings;
using TokenOperator.Providers.Documents;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class ProviderSourceOptionsTests : IAsyncLifetime
{
    private const string InCluster =
        """
        {"apiVersion": "tokenoperator.dev/v1beta1", "kind": "ClusterOAuthProvider", "metadata": {"name": "NAME"}, "spec": SPEC}
        """;

    private readonly Dictionary<string, string> _specs = [];
    private FakeApiServer _server = null!;
    private int _refusal;

    public async Task InitializeAsync()
    {
        _server = await FakeApiServer.StartAsync();
        _server.Intercept = async (context, _) =>
        {
            var name = context.Request.Path.Value!.Split('/')[^1];
            if (_refusal == 0 && name == "clusteroauthproviders")
                await FakeApiServer.AnswerAsync(context, 200, List());
            else if (_refusal > 0 || !_specs.TryGetValue(name, out var spec))
                await FakeApiServer.RefuseAsync(context, _refusal > 0 ? _refusal : 404, "Refused", "no");
            else
                await FakeApiServer.AnswerAsync(context, 200, Show(name, spec));
            return true;
        };
    }

    private static string Show(string name, string spec) => InCluster.Replace("NAME", name, StringComparison.Ordinal).Replace("SPEC", spec, StringComparison.Ordinal);

    private string List() =>
        $$"""{"apiVersion": "tokenoperator.dev/v1beta1", "kind": "ClusterOAuthProviderList", "metadata": {}, "items": [{{string.Join(", ", _specs.Select(spec => Show(spec.Key, spec.Value)))}}]}""";

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData(0)]
    [InlineData(403)]
    [InlineData(404)]
    public async Task Without_an_object_in_the_cluster_the_catalogue_describes_the_provider(int refusal)
    {
        _refusal = refusal;

        (await FindAsync("google")).TokenEndpoint.Host.Should().Be("oauth2.googleapis.com");
    }

    [Fact]
    public async Task An_object_in_the_cluster_wins_over_the_catalogue_and_brings_what_it_extends()
    {
        _specs["team"] = """{"extends": "base", "parameters": {"tenant": "contoso"}}""";
        _specs["base"] = """{"extends": "microsoft"}""";

        (await FindAsync("team")).TokenEndpoint.AbsolutePath.Should().StartWith("/contoso/");
    }

    [Fact]
    public async Task The_command_line_wins_over_the_cluster()
    {
        _specs["team"] = """{"tokenEndpoint": "https://idp.example.com/token"}""";

        (await FindAsync("team", "--token-endpoint", "https://other.example.com/token")).TokenEndpoint.Host.Should().Be("other.example.com");
        (await FindAsync("new", "--token-endpoint", "https://other.example.com/token")).TokenEndpoint.Host.Should().Be("other.example.com");
    }

    [Theory]
    [InlineData("nobody", 0, "this cluster has no ClusterOAuthProvider of this name")]
    [InlineData("nobody", 403, "you have no right to get clusteroauthproviders")]
    [InlineData("microsoft", 403, "needs values for tenant*extends: microsoft*you have no right to get clusteroauthproviders*bind the ClusterRole token-operator-provider-reader")]
    public async Task What_is_missing_is_named(string name, int refusal, string text)
    {
        _refusal = refusal;

        (await FluentActions.Awaiting(() => FindAsync(name)).Should().ThrowAsync<PluginException>()).WithMessage($"*{text}*");
    }

    [Theory]
    [InlineData("gogle", 0, "Did you mean google*Known are *github*google*slack*zoom*in this cluster base, team*--token-endpoint")]
    [InlineData("teem", 0, "Did you mean team")]
    [InlineData("gogle", 403, "Did you mean google*Known are *google*zoom*")]
    public async Task The_names_of_the_providers_that_exist_are_shown_for_one_that_does_not(string name, int refusal, string text)
    {
        _refusal = refusal;
        _specs["team"] = """{"extends": "base"}""";
        _specs["base"] = """{"tokenEndpoint": "https://idp.example.com/token"}""";

        (await FluentActions.Awaiting(() => FindAsync(name)).Should().ThrowAsync<PluginException>()).WithMessage($"*{text}*");
    }

    /// <summary>The output has a line for each, so that a line of 2,000 characters has room for all of an error.</summary>
    [Fact]
    public async Task Each_error_of_a_document_is_one_error_of_its_own()
    {
        _specs["team"] = $"{{\"tokenEndpoint\": \"https://idp.example.com/token\", {string.Join(", ", Enumerable.Range(0, 40).Select(i => $"\"unknown-{i}\": 1"))}}}";

        var errors = (await FluentActions.Awaiting(() => FindAsync("team")).Should().ThrowAsync<InvalidSettingException>()).Which.Errors;

        errors.Should().HaveCount(41);
        errors[0].Should().Be("The provider \"team\" of ClusterOAuthProvider team cannot be used:");
        errors[40].Should().Contain("unknown-39 is not a field");
    }

    private async Task<ProviderDocument> FindAsync(string name, params string[] words)
    {
        var sources = new ProviderSourceOptions();
        var command = new RootCommand();
        sources.AddTo(command);
        using var cluster = TestCluster.Connect(_server.Address);
        return await (await sources.FindAsync(cluster, name, command.Parse(words), CancellationToken.None)).ReadAsync();
    }
}
