using System.Text.Json.Nodes;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.Providers.Registry;

public sealed class ProviderRegistryTests
{
    private readonly CountedUsers _users = new();
    private readonly RecordingFactory _factory = new();

    [Fact]
    public void A_change_replaces_the_provider_and_the_same_document_keeps_it()
    {
        var registry = Registry(Document("acme", """{"tokenEndpoint": "https://idp.example/token"}"""));
        var first = registry.Find("acme")!;

        registry.Set(Document("acme", """{"tokenEndpoint": "https://idp.example/token", "documentation": {"console": "https://idp.example"}}""")).Should().BeEmpty("documentation changes no request");
        registry.Find("acme").Should().BeSameAs(first);

        registry.Set(Document("acme", """{"tokenEndpoint": "https://idp.example/token", "timeout": "10s"}""")).Should().Equal("acme");
        registry.Find("acme")!.Should().NotBeSameAs(first);
        _factory.Made.Should().HaveCount(2);
    }

    [Fact]
    public void A_provider_that_nobody_asks_for_is_not_made()
    {
        Registry(Document("acme", """{"tokenEndpoint": "https://idp.example/token"}""")).Look("acme").Should().BeOfType<ProviderState.Usable>();

        _factory.Made.Should().BeEmpty();
    }

    [Fact]
    public void A_change_of_a_base_changes_everything_that_builds_on_it_and_nothing_else()
    {
        var registry = Registry(
            Document("base", """{"tokenEndpoint": "https://idp.example/token"}"""),
            Document("middle", """{"extends": "base"}"""),
            Document("top", """{"extends": "middle"}"""),
            Document("other", """{"tokenEndpoint": "https://other.example/token"}"""));
        var other = registry.Find("other");

        registry.Set(Document("base", """{"tokenEndpoint": "https://idp.example/token", "timeout": "7s"}""")).Should().BeEquivalentTo("base", "middle", "top");

        registry.Report("top")!.Document.ReadProvider()!.Timeout.Should().Be(TimeSpan.FromSeconds(7));
        registry.Find("other").Should().BeSameAs(other);
    }

    [Fact]
    public void What_a_name_means_tells_unknown_missing_parameters_and_errors_apart()
    {
        var registry = Registry(
            Document("acme", """{"tokenEndpoint": "https://idp.example/{tenant}/token", "parameterDeclarations": {"tenant": {"description": "The tenant."}}}"""),
            Document("broken", """{"tokenEndpoint": "https://idp.example/token", "colour": "red"}""", DocumentSource.Cluster));

        registry.Look("none").Should().BeOfType<ProviderState.Unknown>().Which.Known.Should().Equal("acme", "broken");
        registry.Look("acme").Should().BeOfType<ProviderState.NeedsParameters>().Which.Parameters.Should().Equal("tenant");
        var invalid = registry.Look("broken").Should().BeOfType<ProviderState.Invalid>().Subject;
        invalid.Document.Origin.Should().Be("Cluster broken");
        invalid.Errors.Should().ContainSingle(error => error.StartsWith("spec.colour is not a field", StringComparison.Ordinal));
        registry.Find("acme").Should().BeNull();
        registry.Find("broken").Should().BeNull();
    }

    [Theory]
    [InlineData(DocumentSource.Settings, DocumentSource.Cluster)]
    [InlineData(DocumentSource.Cluster, DocumentSource.Folder)]
    [InlineData(DocumentSource.Folder, DocumentSource.Catalogue)]
    public void Of_two_documents_of_one_name_the_source_decides_and_the_other_is_named(DocumentSource winner, DocumentSource loser)
    {
        var documents = new[]
        {
            Document("acme", """{"tokenEndpoint": "https://winner.example/token"}""", winner),
            Document("acme", """{"tokenEndpoint": "https://loser.example/token"}""", loser),
        };
        foreach (var registry in new[] { Registry(documents), Registry([documents[1], documents[0]]) })
        {
            registry.Report("acme")!.Host.Should().Be("winner.example");
            registry.FindDocument("acme")!.Hidden.Select(hidden => hidden.Source).Should().Equal(loser);

            registry.Remove(winner, "acme").Should().Equal("acme");
            registry.Report("acme")!.Host.Should().Be("loser.example");
        }
    }

    [Fact]
    public void Settings_build_on_the_catalogue_or_the_folder_and_not_on_the_ClusterOAuthProvider_that_they_hide()
    {
        var registry = Registry(
            Document("acme", """{"extends": "acme", "timeout": "7s"}""", DocumentSource.Settings),
            Document("acme", """{"tokenEndpoint": "https://cluster.example/token", "colour": "blue"}""", DocumentSource.Cluster),
            Document("acme", """{"tokenEndpoint": "https://folder.example/token"}""", DocumentSource.Folder));

        registry.Find("acme");
        _factory.Made[^1].Should().Match<ProviderDocument>(document => document.TokenHost == "folder.example" && document.Timeout == TimeSpan.FromSeconds(7));
        registry.FindDocument("acme")!.Hidden.Select(hidden => hidden.Source).Should().Equal(DocumentSource.Cluster, DocumentSource.Folder);
    }

    [Fact]
    public void While_a_document_is_not_valid_the_previous_one_stays_in_use()
    {
        var registry = Registry(Document("acme", """{"tokenEndpoint": "https://idp.example/token"}"""));
        var first = registry.Find("acme");

        registry.Set(Document("acme", """{"tokenEndpoint": 3}""")).Should().Equal("acme");

        registry.Find("acme").Should().BeSameAs(first);
        registry.Report("acme").Should().Match<ProviderReport>(report => !report.IsLatestInUse && report.Host == "idp.example" && report.Document.Errors.Count > 0);
    }

    [Fact]
    public void A_move_of_accounts_in_use_to_another_host_waits_for_a_permission_that_names_the_old_host()
    {
        _users.Default = 1;
        var registry = Registry(Document("acme", """{"tokenEndpoint": "https://old.example/token"}"""));
        var first = registry.Find("acme");
        var moved = Document("acme", """{"tokenEndpoint": "https://new.example:8443/token"}""");

        registry.Set(moved).Should().Equal("acme");
        registry.Find("acme").Should().BeSameAs(first);
        registry.Report("acme")!.Move.Should().Be(new EndpointMove("old.example", "new.example:8443"));

        registry.Set(moved with { MovesFrom = "another.example" });
        registry.Find("acme").Should().BeSameAs(first);

        registry.Set(moved with { MovesFrom = "old.example" }).Should().Equal("acme");
        registry.Find("acme").Should().NotBeSameAs(first);
        registry.Report("acme").Should().Match<ProviderReport>(report => report.Move == null && report.Host == "new.example:8443" && report.IsLatestInUse);
    }

    [Fact]
    public void A_permission_applies_to_accounts_that_were_refreshed_before_this_process_started()
    {
        _users.Default = 1;
        var document = Document("acme", """{"tokenEndpoint": "https://new.example/token"}""", DocumentSource.Settings);
        var registry = Registry(document);
        registry.Find("acme");
        _factory.Made[^1].TakesAccountsFrom("old.example").Should().BeFalse();
        registry.Look("acme").Should().BeOfType<ProviderState.Usable>().Which.MoveFrom("old.example").Should().Be(new EndpointMove("old.example", "new.example"));

        registry.Set(document with { MovesFrom = "older.example old.example" }).Should().Equal("acme");

        registry.Find("acme");
        _factory.Made[^1].TakesAccountsFrom("old.example").Should().BeTrue();
        registry.Look("acme").Should().BeOfType<ProviderState.Usable>().Which.MoveFrom("old.example").Should().BeNull();
    }

    [Fact]
    public void A_move_is_refused_where_only_the_base_or_the_refresh_endpoint_moves()
    {
        _users.Default = 1;
        var registry = Registry(Document("base", """{"tokenEndpoint": "https://old.example/token"}"""), Document("acme", """{"extends": "base"}"""));
        registry.Find("acme");

        registry.Set(Document("base", """{"tokenEndpoint": "https://old.example/token", "refresh": {"endpoint": "https://new.example/refresh"}}"""));

        registry.Report("acme")!.Move.Should().Be(new EndpointMove("old.example", "old.example+new.example"));
    }

    [Theory]
    [InlineData("new.example", "refresh.example", true)]
    [InlineData("old.example", "new.example", true)]
    [InlineData("old.example", "refresh.example", false)]
    public void Neither_the_token_endpoint_nor_the_refresh_endpoint_moves_without_a_permission(string token, string refresh, bool moves)
    {
        _users.Default = 1;
        static SourceDocument At(string token, string refresh) =>
            Document("acme", $$$"""{"tokenEndpoint": "https://{{{token}}}/token", "refresh": {"endpoint": "https://{{{refresh}}}/refresh"}, "displayName": "{{{token}}}"}""");
        var registry = Registry(At("old.example", "refresh.example"));
        registry.Find("acme");

        registry.Set(At(token, refresh) with { LastHost = "old.example+refresh.example" });
        registry.Report("acme")!.Move.Should().Be(moves ? new EndpointMove("old.example+refresh.example", $"{token}+{refresh}") : null);

        registry.Set(At(token, refresh) with { MovesFrom = "old.example+refresh.example" });
        registry.Report("acme")!.Move.Should().BeNull();
        registry.Find("acme");
        _factory.Made[^1].TakesAccountsFrom(refresh).Should().BeFalse("the token endpoint of an account that is only there has moved");
    }

    [Fact]
    public void A_provider_without_users_moves_freely_and_users_that_come_later_change_nothing()
    {
        var registry = Registry(Document("acme", """{"tokenEndpoint": "https://old.example/token"}"""));
        registry.Find("acme");

        registry.Set(Document("acme", """{"tokenEndpoint": "https://new.example/token"}"""));
        _users.Default = 1;

        registry.Report("acme").Should().Match<ProviderReport>(report => report.Move == null && report.Host == "new.example");
    }

    [Fact]
    public void A_document_that_is_deleted_and_created_again_does_not_move_accounts_either()
    {
        _users.Default = 1;
        var registry = Registry(Document("acme", """{"tokenEndpoint": "https://old.example/token"}"""));
        registry.Find("acme");

        registry.Remove(DocumentSource.Folder, "acme");
        registry.Look("acme").Should().BeOfType<ProviderState.Unknown>();
        registry.Set(Document("acme", """{"tokenEndpoint": "https://new.example/token"}"""));

        registry.Look("acme").Should().BeOfType<ProviderState.Moved>().Which.Move.Should().Be(new EndpointMove("old.example", "new.example"));
        registry.Find("acme").Should().BeNull();
    }

    [Fact]
    public void After_a_restart_the_recorded_host_decides()
    {
        _users.Default = 1;
        var document = Document("acme", """{"tokenEndpoint": "https://new.example/token"}""", DocumentSource.Cluster);

        Registry(document with { LastHost = "old.example" }).Look("acme").Should().BeOfType<ProviderState.Moved>();
        Registry(document with { LastHost = "old.example", MovesFrom = "old.example" }).Look("acme").Should().BeOfType<ProviderState.Usable>();
        Registry(document with { LastHost = "new.example" }).Look("acme").Should().BeOfType<ProviderState.Usable>();
        Registry(document).Look("acme").Should().BeOfType<ProviderState.Usable>("nothing is known of it");
    }

    [Fact]
    public void What_arrives_while_the_users_are_not_known_yet_is_no_move()
    {
        _users.Default = 1;
        _users.AreKnown = false;
        var registry = Registry(Document("google", """{"tokenEndpoint": "https://catalogue.example/token"}""", DocumentSource.Catalogue));
        registry.Find("google").Should().BeNull();

        registry.Set(Document("google", """{"tokenEndpoint": "https://own.example/token"}""", DocumentSource.Cluster));
        _users.AreKnown = true;

        registry.Report("google").Should().Match<ProviderReport>(report => report.Move == null && report.Host == "own.example");
    }

    [Fact]
    public void A_standby_that_nobody_has_asked_knows_what_was_in_use_before_a_change()
    {
        _users.Default = 1;
        var registry = Registry(Document("acme", """{"tokenEndpoint": "https://old.example/token"}"""));

        registry.Set(Document("acme", """{"tokenEndpoint": "https://new.example/token"}"""));

        registry.Report("acme").Should().Match<ProviderReport>(report => report.Move != null && report.Host == "old.example");
        registry.Look("acme").Should().BeOfType<ProviderState.Usable>("the old document is in use");
    }

    [Fact]
    public void Replacing_a_source_removes_what_it_no_longer_has()
    {
        var registry = Registry(Document("one", """{"tokenEndpoint": "https://one.example/token"}"""), Document("two", """{"tokenEndpoint": "https://two.example/token"}"""));

        registry.Replace(DocumentSource.Folder, [Document("two", """{"tokenEndpoint": "https://two.example/token"}"""), Document("three", """{"tokenEndpoint": "https://three.example/token"}""")])
            .Should().BeEquivalentTo("one", "three");

        registry.NamesFrom(DocumentSource.Folder).Should().BeEquivalentTo("two", "three");
    }

    private ProviderRegistry Registry(params SourceDocument[] documents) => new(documents, _factory, _users);

    private static SourceDocument Document(string name, string json, DocumentSource source = DocumentSource.Folder) =>
        new(name, source, $"{source} {name}", JsonNode.Parse(json)!.AsObject());

    private sealed class RecordingFactory : ITokenProviderFactory
    {
        public List<ProviderDocument> Made { get; } = [];

        public ITokenProvider Create(ProviderDocument document)
        {
            Made.Add(document);
            return new ScriptedProvider(document.Limits.Rate, document.Name);
        }
    }
}
