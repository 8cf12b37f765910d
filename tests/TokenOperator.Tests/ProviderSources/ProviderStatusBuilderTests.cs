using System.Text.Json.Nodes;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using TokenOperator.ProviderSources;
using static TokenOperator.Api.V1Beta1ClusterOAuthProvider;

namespace TokenOperator.Tests.ProviderSources;

public sealed class ProviderStatusBuilderTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_document_in_use_is_accepted_and_says_what_it_hides()
    {
        var condition = Build(Report("""{"tokenEndpoint": "https://idp.example/token"}""", Hidden("the file acme.yaml"))).Find(ConditionTypes.Accepted)!;

        condition.Should().BeEquivalentTo(new { Status = "True", Reason = "Valid", Message = "The document is in use. It takes precedence over the file acme.yaml.", ObservedGeneration = 7L });
    }

    [Fact]
    public void All_errors_are_named_together()
    {
        var condition = Build(Report("""{"tokenEndpoint": "ftp://idp.example", "colour": "red", "timeout": "soon"}""")).Find(ConditionTypes.Accepted)!;

        condition.Should().BeEquivalentTo(new { Status = "False", Reason = "Invalid" });
        condition.Message.Should().Contain("spec.tokenEndpoint is").And.Contain("spec.colour is not a field").And.Contain("spec.timeout is");
    }

    /// <summary>More than fit into the 2,000 characters of another message.</summary>
    [Fact]
    public void Each_of_40_errors_is_named()
    {
        var fields = Enumerable.Range(0, 20).Select(i => $"\"unknown-{i}\": 1");
        var rules = Enumerable.Repeat("{\"status\": 400}", 20);

        var message = Build(Report($"{{\"tokenEndpoint\": \"https://idp.example/token\", {string.Join(", ", fields)}, \"errors\": {{\"rules\": [{string.Join(", ", rules)}]}}}}")).Find(ConditionTypes.Accepted)!.Message!;

        message.Length.Should().BeGreaterThan(2000);
        for (var i = 0; i < 20; i++)
            message.Should().Contain($"spec.unknown-{i} is not a field").And.Contain($"spec.errors.rules[{i}].class is missing");
        message.Should().EndWith(".").And.NotContain("more errors");
    }

    [Fact]
    public void Errors_for_which_a_condition_has_no_room_are_counted_and_what_stays_in_use_is_still_said()
    {
        var longest = new string('x', 1999) + ".";
        var report = Report("""{"colour": "red"}""") with { Host = "idp.example" };
        report = report with { Document = report.Document with { Errors = [.. Enumerable.Repeat(longest, 20)] } };

        var message = Build(report).Find(ConditionTypes.Accepted)!.Message!;

        message.Length.Should().BeInRange(28_000, 32_768);
        message.Should().EndWith(". There are 6 more errors. Until then, the previous document stays in use.");
    }

    [Theory]
    [InlineData("tokenEndpont", "Did you mean tokenEndpoint?")]
    [InlineData("tokenednpoint", "Did you mean tokenEndpoint?")]
    [InlineData("TOKENENDPOINT", "Did you mean tokenEndpoint?")]
    [InlineData("colour", "docs/provider-reference.md lists the fields.")]
    public void An_unknown_field_gets_a_known_one_that_is_near_or_the_page_with_all(string name, string hint) =>
        Build(Report($$"""{"tokenEndpoint": "https://idp.example/token", "{{name}}": "x"}""")).Find(ConditionTypes.Accepted)!.Message
            .Should().Be($"spec.{name} is not a field of a provider document. {hint}");

    [Fact]
    public void A_missing_parameter_has_a_reason_of_its_own()
    {
        var condition = Build(Report("""{"tokenEndpoint": "https://idp.example/{tenant}", "parameterDeclarations": {"tenant": {}}}""")).Find(ConditionTypes.Accepted)!;

        condition.Should().BeEquivalentTo(new { Status = "False", Reason = "ParametersMissing", Message = "spec.tokenEndpoint needs a value for the parameter tenant: set parameters.tenant." });
    }

    [Fact]
    public void A_move_says_what_to_type_and_what_stays_in_use()
    {
        var report = Report("""{"tokenEndpoint": "https://new.example/token"}""") with { Move = new EndpointMove("old.example", "new.example"), Host = "old.example", IsLatestInUse = false };

        var status = Build(report);

        status.TokenEndpointHost.Should().Be("old.example");
        status.Find(ConditionTypes.Accepted)!.Should().BeEquivalentTo(new
        {
            Status = "False",
            Reason = "EndpointMoved",
            Message = "ClusterOAuthProvider acme: the token endpoint moves from old.example to new.example, so that the tokens and client secrets of accounts in use would be sent there. If that is not intended, restore the address. To allow it, "
                + "run: kubectl annotate clusteroauthprovider acme tokenoperator.dev/allow-endpoint-move-from=old.example --overwrite Until then, the previous document stays in use.",
        });
    }

    [Fact]
    public void The_recorded_host_survives_a_restart_with_a_document_that_is_not_in_use()
    {
        var report = Report("""{"tokenEndpoint": "https://new.example/token"}""") with { Move = new EndpointMove("old.example", "new.example"), Host = null, IsLatestInUse = false };

        Build(report, new EntityStatus { TokenEndpointHost = "old.example" }).TokenEndpointHost.Should().Be("old.example");
    }

    [Fact]
    public void A_document_that_the_settings_override_is_not_accepted()
    {
        var resolved = Resolve("""{"tokenEndpoint": "https://idp.example/token"}""", DocumentSource.Settings, "the settings Providers__acme__*");

        Build(new ProviderReport(resolved, null, "idp.example", true)).Find(ConditionTypes.Accepted)!.Should().BeEquivalentTo(
            new { Status = "False", Reason = "Overridden", Message = "Not used: the settings Providers__acme__* describe a provider of the same name and take precedence." });
    }

    [Fact]
    public void Each_success_alone_changes_the_status_only_every_15_minutes()
    {
        var report = Report("""{"tokenEndpoint": "https://idp.example/token"}""");
        var first = Build(report, health: new ProviderHealth(Now, null, null));

        Build(report, first, new ProviderHealth(Now.AddMinutes(14), null, null)).Should().BeEquivalentTo(first);
        Build(report, first, new ProviderHealth(Now.AddMinutes(15), null, null)).LastSuccessTime.Should().Be(Timestamps.Format(Now.AddMinutes(15)));
    }

    [Fact]
    public void The_first_failure_of_a_class_and_the_end_of_failures_show_at_once()
    {
        var report = Report("""{"tokenEndpoint": "https://idp.example/token"}""");
        var good = Build(report, health: new ProviderHealth(Now, null, null));

        var bad = Build(report, good, new ProviderHealth(Now, Now.AddMinutes(2), FailureKind.RateLimited));
        bad.Should().BeEquivalentTo(new { LastFailureTime = Timestamps.Format(Now.AddMinutes(2)), LastFailureReason = "RateLimited" });
        Build(report, bad, new ProviderHealth(Now, Now.AddMinutes(3), FailureKind.RateLimited)).Should().BeEquivalentTo(bad);
        Build(report, bad, new ProviderHealth(Now, Now.AddMinutes(3), FailureKind.ProviderUnavailable)).LastFailureReason.Should().Be("ProviderUnavailable");

        Build(report, bad, new ProviderHealth(Now.AddMinutes(4), Now.AddMinutes(3), FailureKind.RateLimited)).LastSuccessTime.Should().Be(Timestamps.Format(Now.AddMinutes(4)));
    }

    [Fact]
    public void Only_what_is_about_the_document_is_written_without_delay()
    {
        var report = Report("""{"tokenEndpoint": "https://idp.example/token"}""");
        var before = Build(report);

        ProviderStatusBuilder.IsAboutDocument(before, before with { UsedBy = 5, LastSuccessTime = "later", LastFailureReason = "RateLimited" }).Should().BeFalse();
        ProviderStatusBuilder.IsAboutDocument(before, before with { ObservedGeneration = 8 }).Should().BeTrue();
        ProviderStatusBuilder.IsAboutDocument(before, before with { TokenEndpointHost = "other.example" }).Should().BeTrue();
        ProviderStatusBuilder.IsAboutDocument(null, before).Should().BeTrue();
    }

    private static EntityStatus Build(ProviderReport report, EntityStatus? before = null, ProviderHealth? health = null) =>
        ProviderStatusBuilder.Build(before, new ProviderStatusInput(7, report, 3, health), Now);

    private static SourceDocument Hidden(string origin) => new("acme", DocumentSource.Folder, origin, []);

    private static ProviderReport Report(string json, params SourceDocument[] hidden)
    {
        var resolved = Resolve(json, DocumentSource.Cluster, "ClusterOAuthProvider acme") with { Hidden = hidden };
        return new ProviderReport(resolved, null, resolved.TokenHost, resolved.IsValid);
    }

    private static ResolvedDocument Resolve(string json, DocumentSource source, string origin) =>
        ProviderResolver.Resolve([new SourceDocument("acme", source, origin, JsonNode.Parse(json)!.AsObject())])["acme"];
}
