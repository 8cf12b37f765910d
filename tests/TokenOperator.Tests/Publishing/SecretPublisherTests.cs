using System.Text.Json.Nodes;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;

namespace TokenOperator.Tests.Publishing;

public sealed class SecretPublisherTests : IAsyncLifetime
{
    private SecretFixture? _started;

    private SecretFixture Fixture => _started ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync() => _started = await SecretFixture.StartAsync();

    public async Task DisposeAsync() => await Fixture.DisposeAsync();

    [Fact]
    public async Task A_missing_Secret_is_created_by_one_request_that_cannot_overwrite_another_Secret()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");

        (await PublishAsync(owner, "access-1")).Outcome.Should().Be(SecretOutcome.UpToDate);

        Fixture.Published("marcus").Should().Be("access-1");
        var request = Fixture.Server.Requests.Should().ContainSingle().Subject;
        request.Method.Should().Be("PATCH");
        request.Query.Should().Contain("fieldManager=").And.Contain("force=true");
        Metadata(request.Body)["resourceVersion"]!.ToString().Should().Be("1");
        request.Body.Should().NotContain("refresh-token");
    }

    [Fact]
    public async Task A_Secret_that_is_up_to_date_costs_no_request()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));

        (await PublishAsync(owner, "access-1")).Outcome.Should().Be(SecretOutcome.UpToDate);

        Fixture.Methods.Should().BeEmpty();
    }

    [Fact]
    public async Task A_new_token_is_written_by_one_request_that_names_the_known_Secret()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        var seen = Metadata(Fixture.Server.Store.Get("secrets", SecretFixture.Namespace, "marcus")!.ToJsonString());

        (await PublishAsync(owner, "access-2")).Outcome.Should().Be(SecretOutcome.UpToDate);

        Fixture.Published("marcus").Should().Be("access-2");
        var written = Metadata(Fixture.Server.Requests.Should().ContainSingle().Subject.Body);
        (written["uid"]!.ToString(), written["resourceVersion"]!.ToString()).Should().Be((seen["uid"]!.ToString(), seen["resourceVersion"]!.ToString()));
    }

    [Fact]
    public async Task A_Secret_that_someone_else_created_is_not_changed_and_the_message_names_it()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddSecret("marcus", ("password", "p"));

        var result = await PublishAsync(owner, "access-1");

        result.Outcome.Should().Be(SecretOutcome.Conflict);
        result.Message.Should().Contain("mail/marcus").And.Contain("spec.secretName");
        Fixture.Methods.Should().BeEmpty();
    }

    [Fact]
    public async Task The_Secret_of_another_existing_OAuthToken_is_a_conflict_that_names_the_owner()
    {
        var other = Fixture.AddOwner("other", "uid-2");
        other.Spec = other.Spec with { SecretName = "shared" };
        Fixture.AddPublished(other, SecretFixture.Token("access-1"));
        var owner = Fixture.AddOwner("marcus", "uid-1");
        owner.Spec = owner.Spec with { SecretName = "shared" };

        var result = await PublishAsync(owner, "access-2");

        result.Outcome.Should().Be(SecretOutcome.Conflict);
        result.Message.Should().Contain("mail/shared").And.Contain("other");
        Fixture.Methods.Should().BeEmpty();
    }

    [Theory]
    [InlineData("marcus", "the object was deleted and created again")]
    [InlineData("gone", "its owner does not exist any more")]
    public async Task A_leftover_Secret_is_taken_over(string formerOwner, string because)
    {
        var former = SecretFixture.Owner(formerOwner, "uid-0");
        former.Spec = former.Spec with { SecretName = "marcus" };
        Fixture.AddPublished(former, SecretFixture.Token("access-0"));
        var owner = Fixture.AddOwner("marcus", "uid-1");

        (await PublishAsync(owner, "access-1")).Outcome.Should().Be(SecretOutcome.UpToDate, because);

        Fixture.Published("marcus").Should().Be("access-1");
    }

    [Fact]
    public async Task After_a_409_the_Secret_is_read_once_and_written_if_it_is_the_operators_own()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublishedToServer(owner, SecretFixture.Token("access-0"));
        Fixture.RefuseNext("PATCH", 409, "Conflict");

        (await PublishAsync(owner, "access-1")).Outcome.Should().Be(SecretOutcome.UpToDate);

        Fixture.Methods.Should().Equal("PATCH", "GET", "PATCH");
        Fixture.Published("marcus").Should().Be("access-1");
    }

    [Fact]
    public async Task After_a_409_a_Secret_of_someone_else_is_not_changed()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddSecretToServer("marcus", ("password", "p"));
        Fixture.RefuseNext("PATCH", 409, "Conflict");

        (await PublishAsync(owner, "access-1")).Outcome.Should().Be(SecretOutcome.Conflict);

        Fixture.Methods.Should().Equal("PATCH", "GET");
        Fixture.Published("marcus").Should().BeNull();
    }

    [Theory]
    [InlineData(403, "Forbidden")]
    [InlineData(422, "Invalid")]
    public async Task A_write_that_the_API_server_refuses_fails_with_its_reason_and_without_the_token(int code, string reason)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.RefuseNext("PATCH", code, reason);

        var result = await PublishAsync(owner, "access-1");

        result.Outcome.Should().Be(SecretOutcome.Failed);
        result.Message.Should().Contain("mail/marcus").And.Contain("refused by the test").And.NotContain("access-1");
        Fixture.Methods.Should().Equal("PATCH");
    }

    [Theory]
    [InlineData(SecretAction.Write)]
    [InlineData(SecretAction.Withdraw)]
    public async Task A_process_that_has_lost_the_lease_writes_and_deletes_nothing(SecretAction action)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        Fixture.Guard.IsLeader = false;

        (await PublishAsync(owner, "access-2", action)).Outcome.Should().Be(SecretOutcome.LeadershipLost);

        Fixture.Methods.Should().BeEmpty();
    }

    [Theory]
    [InlineData("marcus", SecretOutcome.Untouched)]
    [InlineData("absent", SecretOutcome.Missing)]
    [InlineData("foreign", SecretOutcome.Missing)]
    public async Task Keeping_a_Secret_costs_no_request_and_the_result_says_whether_it_exists(string name, SecretOutcome outcome)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        Fixture.AddSecret("foreign", ("password", "p"));
        owner.Spec = owner.Spec with { SecretName = name };

        (await PublishAsync(owner, "access-2", SecretAction.Keep)).Outcome.Should().Be(outcome);

        Fixture.Methods.Should().BeEmpty();
    }

    [Fact]
    public async Task Withdrawing_deletes_the_Secret_of_the_spec_and_that_of_the_status()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        owner.Status = new V1Alpha1OAuthToken.EntityStatus { SecretName = "marcus" };
        owner.Spec = owner.Spec with { SecretName = "renamed" };
        Fixture.AddPublished(owner, SecretFixture.Token("access-0"));

        (await PublishAsync(owner, "access-2", SecretAction.Withdraw)).Outcome.Should().Be(SecretOutcome.Missing);

        Fixture.Methods.Should().Equal("DELETE", "DELETE");
        Fixture.Server.Requests.Should().OnlyContain(request => request.Body.Contains("\"preconditions\":{\"uid\":"));
        (Fixture.Published("marcus"), Fixture.Published("renamed")).Should().Be((null, null));
    }

    [Fact]
    public async Task The_Secret_that_an_earlier_spec_named_is_deleted_after_the_new_one_is_written()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        owner.Status = new V1Alpha1OAuthToken.EntityStatus { SecretName = "marcus" };
        owner.Spec = owner.Spec with { SecretName = "renamed" };

        (await PublishAsync(owner, "access-1")).Outcome.Should().Be(SecretOutcome.UpToDate);

        Fixture.Methods.Should().Equal("PATCH", "DELETE");
        (Fixture.Published("marcus"), Fixture.Published("renamed")).Should().Be((null, "access-1"));
    }

    [Theory]
    [InlineData("foreign")]
    [InlineData("other")]
    [InlineData("absent")]
    public async Task A_Secret_of_someone_else_is_never_deleted(string name)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddSecret("foreign", ("password", "p"));
        Fixture.AddPublished(Fixture.AddOwner("other", "uid-2"), SecretFixture.Token("access-2"));
        owner.Status = new V1Alpha1OAuthToken.EntityStatus { SecretName = name };

        await PublishAsync(owner, "access-1", SecretAction.Withdraw);

        Fixture.Methods.Should().BeEmpty();
    }

    [Fact]
    public async Task A_Secret_that_was_replaced_in_the_meantime_is_left_to_its_new_owner()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        Fixture.RefuseNext("DELETE", 409, "Conflict");

        (await PublishAsync(owner, "access-1", SecretAction.Withdraw)).Outcome.Should().Be(SecretOutcome.Missing);

        Fixture.Published("marcus").Should().Be("access-1");
    }

    private Task<SecretResult> PublishAsync(V1Alpha1OAuthToken owner, string accessToken, SecretAction action = SecretAction.Write)
    {
        var account = new AccountRecord { Key = new AccountKey("google", "marcus"), Generation = 1, Token = SecretFixture.Token(accessToken) };
        return Fixture.Publisher.PublishAsync(owner, SecretFixture.Request(owner), new DesiredState(account, Problem: null, NextRefresh: null) { Secret = action }, CancellationToken.None);
    }

    private static JsonNode Metadata(string json) => JsonNode.Parse(json)!["metadata"]!;
}
