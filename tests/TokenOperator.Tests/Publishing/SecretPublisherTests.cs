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

    /// <summary>
    /// The operator of an earlier release wrote it for the same object. When that version is no longer served, Kubernetes does not find the owner.
    /// </summary>
    [Theory]
    [InlineData(SecretAction.Write, SecretOutcome.UpToDate, "PATCH")]
    [InlineData(SecretAction.Keep, SecretOutcome.Untouched, "GET", "PATCH")]
    public async Task A_Secret_whose_owner_reference_has_an_earlier_version_of_the_API_is_the_objects_own_and_gets_the_current_one_once(
        SecretAction action, SecretOutcome outcome, params string[] requests)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"), metadata => metadata["ownerReferences"]![0]!["apiVersion"] = "tokenoperator.dev/v1alpha1");

        (await PublishAsync(owner, "access-1", action)).Outcome.Should().Be(outcome);
        Fixture.Methods.Should().Equal(requests);
        (await PublishAsync(owner, "access-1", action)).Outcome.Should().Be(outcome);
        Fixture.Methods.Should().Equal(requests, "it has the current version now");

        Fixture.Published("marcus").Should().Be("access-1");
        Fixture.Owners("marcus").Should().Equal("OAuthToken/marcus/uid-1*");
        ((string?)Fixture.Server.Store.Get("secrets", SecretFixture.Namespace, "marcus")!["metadata"]!["ownerReferences"]![0]!["apiVersion"]).Should().Be("tokenoperator.dev/v1beta1");
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

    public static TheoryData<string, Action<JsonObject>> Restores => new()
    {
        { "a backup tool drops the owner", secret => secret.Remove("ownerReferences") },
        { "a backup tool drops the owner and the managed fields", secret => { secret.Remove("ownerReferences"); secret.Remove("managedFields"); } },
        { "a policy sets the label", secret => secret["labels"]!["app.kubernetes.io/managed-by"] = "Helm" },
        { "the owner is dropped, and a policy sets the label", secret => { secret.Remove("ownerReferences"); secret["labels"]!["app.kubernetes.io/managed-by"] = "velero"; } },
        { "the owner is one that is gone", secret => secret["ownerReferences"] = new JsonArray(SecretFixture.OwnerReference("gone", "uid-0")) },
        { "the owner is the same object before it was deleted and created again", secret => secret["ownerReferences"] = new JsonArray(SecretFixture.OwnerReference("marcus", "uid-0")) },
        { "a dead owner stands beside it", secret => secret["ownerReferences"]!.AsArray().Add(SecretFixture.OwnerReference("gone", "uid-0", controller: false)) },
        { "every annotation is gone", secret => secret.Remove("annotations") },
    };

    [Theory]
    [MemberData(nameof(Restores))]
    public async Task A_Secret_of_the_operator_whose_owner_is_lost_or_gone_is_its_own_again(string because, Action<JsonObject> change)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"), change);

        (await PublishAsync(owner, "access-2")).Outcome.Should().Be(SecretOutcome.UpToDate, because);

        Fixture.Published("marcus").Should().Be("access-2", because);
        Fixture.Owners("marcus").Should().Equal(["OAuthToken/marcus/uid-1*"], because);
    }

    [Fact]
    public async Task A_Secret_that_holds_the_right_token_without_its_owner_gets_the_owner_back()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"), secret => secret.Remove("ownerReferences"));

        await PublishAsync(owner, "access-1");

        Fixture.Owners("marcus").Should().Equal("OAuthToken/marcus/uid-1*");
    }

    [Fact]
    public async Task The_owners_that_others_added_stay_when_a_dead_one_is_removed()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"), secret => secret["ownerReferences"] = new JsonArray(
            SecretFixture.OwnerReference("app", "uid-a", kind: "Deployment", apiVersion: "apps/v1", controller: false), SecretFixture.OwnerReference("gone", "uid-0")));

        (await PublishAsync(owner, "access-2")).Outcome.Should().Be(SecretOutcome.UpToDate);

        Fixture.Owners("marcus").Should().Equal("Deployment/app/uid-a", "OAuthToken/marcus/uid-1*");
    }

    [Fact]
    public async Task A_Secret_of_an_older_version_that_loses_its_owner_is_still_recognized()
    {
        var owner = Orphaning("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"), secret =>
        {
            secret["annotations"]!.AsObject().Remove("tokenoperator.dev/written-for");
            secret.Remove("managedFields");
            secret["ownerReferences"] = new JsonArray(SecretFixture.OwnerReference("marcus", "uid-1"));
        });

        (await PublishAsync(owner, "access-1", SecretAction.Keep)).Outcome.Should().Be(SecretOutcome.Untouched);
        Fixture.Owners("marcus").Should().BeEmpty();

        (await PublishAsync(owner, "access-2")).Outcome.Should().Be(SecretOutcome.UpToDate);
        Fixture.Published("marcus").Should().Be("access-2");
    }

    [Fact]
    public async Task A_Secret_that_another_controller_has_taken_is_a_conflict_that_names_it()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"), secret =>
            secret["ownerReferences"] = new JsonArray(SecretFixture.OwnerReference("app", "uid-a", kind: "ExternalSecret", apiVersion: "external-secrets.io/v1")));

        var result = await PublishAsync(owner, "access-2");

        result.Outcome.Should().Be(SecretOutcome.Conflict);
        result.Message.Should().Contain("ExternalSecret app").And.Contain("metadata.ownerReferences");
        Fixture.Methods.Should().BeEmpty();
    }

    [Fact]
    public async Task A_restored_Secret_belongs_to_the_object_for_which_it_was_written_as_long_as_that_one_wants_it()
    {
        var first = Fixture.AddOwner("first", "uid-2");
        first.Spec = first.Spec with { SecretName = "shared" };
        Fixture.AddPublished(first, SecretFixture.Token("access-1"), secret => secret.Remove("ownerReferences"));
        var second = Fixture.AddOwner("second", "uid-3");
        second.Spec = second.Spec with { SecretName = "shared" };

        (await PublishAsync(second, "access-2")).Should().Match<SecretResult>(result => result.Outcome == SecretOutcome.Conflict && result.Message.Contains("first"));
        first.Spec = first.Spec with { SecretName = "another" };
        (await PublishAsync(second, "access-2")).Outcome.Should().Be(SecretOutcome.UpToDate);
    }

    public static TheoryData<string, Action<JsonObject>> Forgeries => new()
    {
        { "a copy under another name", secret => secret["annotations"]!["tokenoperator.dev/written-for"] = "mail/marcus/other" },
        { "a copy in another namespace", secret => secret["annotations"]!["tokenoperator.dev/written-for"] = "other/marcus/marcus" },
        { "a copy of one that an older version wrote", secret => secret["annotations"]!.AsObject().Remove("tokenoperator.dev/written-for") },
    };

    [Theory]
    [MemberData(nameof(Forgeries))]
    public async Task A_copy_of_a_Secret_of_the_operator_is_not_overwritten(string because, Action<JsonObject> change)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"), secret =>
        {
            secret.Remove("ownerReferences");
            secret.Remove("managedFields");
            change(secret);
        });

        (await PublishAsync(owner, "access-2")).Outcome.Should().Be(SecretOutcome.Conflict, because);
        (await PublishAsync(owner, "access-2", SecretAction.Withdraw)).Outcome.Should().Be(SecretOutcome.Missing, because);

        Fixture.Methods.Should().BeEmpty();
    }

    [Theory]
    [InlineData(400, "BadRequest", null, SecretOutcome.Denied)]
    [InlineData(403, "Forbidden", null, SecretOutcome.Denied)]
    [InlineData(403, "Forbidden", "NamespaceTerminating", SecretOutcome.Failed)]
    [InlineData(404, "NotFound", null, SecretOutcome.Failed)]
    [InlineData(413, "RequestEntityTooLarge", null, SecretOutcome.Denied)]
    [InlineData(422, "Invalid", null, SecretOutcome.Denied)]
    [InlineData(401, "Unauthorized", null, SecretOutcome.Failed)]
    [InlineData(500, "InternalError", null, SecretOutcome.Failed)]
    public async Task A_write_that_the_API_server_refuses_fails_with_its_reason(int code, string reason, string? cause, SecretOutcome outcome)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.RefuseNext("PATCH", code, reason, "refused by the test", cause);

        var result = await PublishAsync(owner, "access-1");

        result.Outcome.Should().Be(outcome);
        result.Message.Should().Contain("mail/marcus").And.Contain("refused by the test");
        Fixture.Methods.Should().Equal("PATCH");
    }

    [Theory]
    [InlineData("denied: access-1")]
    [InlineData("denied: YWNjZXNzLTE=")]
    public async Task A_refusal_that_repeats_the_token_is_not_shown(string message)
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.RefuseNext("PATCH", 403, "Forbidden", message);

        var result = await PublishAsync(owner, "access-1");

        result.Message.Should().Contain("mail/marcus").And.Contain(Redactor.Hidden).And.NotContain("access-1").And.NotContain("YWNjZXNzLTE");
    }

    [Fact]
    public async Task A_Secret_that_is_immutable_is_denied_with_the_command_that_helps()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        Fixture.RefuseNext("PATCH", 422, "Invalid", "Secret \"marcus\" is invalid: data: Forbidden: field is immutable when `immutable` is set");

        var result = await PublishAsync(owner, "access-2");

        result.Outcome.Should().Be(SecretOutcome.Denied);
        result.Message.Should().Contain("is immutable").And.Contain("kubectl delete secret -n mail marcus");
    }

    [Fact]
    public async Task A_Secret_that_must_go_and_may_not_be_deleted_is_reported()
    {
        var owner = Fixture.AddOwner("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        Fixture.RefuseNext("DELETE", 403, "Forbidden");

        var result = await PublishAsync(owner, "access-1", SecretAction.Withdraw);

        result.Outcome.Should().Be(SecretOutcome.Denied);
        result.Message.Should().Contain("mail/marcus").And.Contain("refused by the test").And.Contain("delete the Secret yourself");
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
        owner.Status = new V1Beta1OAuthToken.EntityStatus { SecretName = "marcus" };
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
        owner.Status = new V1Beta1OAuthToken.EntityStatus { SecretName = "marcus" };
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
        owner.Status = new V1Beta1OAuthToken.EntityStatus { SecretName = name };

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

    [Fact]
    public async Task A_Secret_that_is_to_stay_is_created_without_an_owner_and_costs_no_request_after_that()
    {
        var owner = Orphaning("marcus", "uid-1");
        await PublishAsync(owner, "access-1");
        Fixture.Owners("marcus").Should().BeEmpty();

        Fixture.AddPublished(Orphaning("other", "uid-2"), SecretFixture.Token("access-2"));
        Fixture.Server.Requests.Clear();
        (await PublishAsync(Orphaning("other", "uid-2"), "access-2")).Outcome.Should().Be(SecretOutcome.UpToDate);
        Fixture.Methods.Should().BeEmpty();
    }

    [Theory]
    [InlineData(SecretAction.Write, "access-1")]
    [InlineData(SecretAction.Write, "access-2")]
    [InlineData(SecretAction.Keep, "access-2")]
    public async Task A_Secret_that_is_to_stay_from_now_on_loses_its_owner_whether_or_not_a_token_is_written(SecretAction action, string token)
    {
        Fixture.AddPublished(Fixture.AddOwner("marcus", "uid-1"), SecretFixture.Token("access-1"), secret =>
            secret["ownerReferences"]!.AsArray().Add(SecretFixture.OwnerReference("app", "uid-a", kind: "Deployment", apiVersion: "apps/v1", controller: false)));

        var result = await PublishAsync(Orphaning("marcus", "uid-1"), token, action);

        result.Outcome.Should().Be(action == SecretAction.Keep ? SecretOutcome.Untouched : SecretOutcome.UpToDate);
        Fixture.Owners("marcus").Should().Equal("Deployment/app/uid-a");
        Fixture.Published("marcus").Should().Be(action == SecretAction.Keep ? "access-1" : token);
    }

    [Fact]
    public async Task A_Secret_that_stayed_is_owned_again_by_an_object_that_deletes_it()
    {
        Fixture.AddPublished(Orphaning("marcus", "uid-0"), SecretFixture.Token("access-1"));
        (await PublishAsync(Fixture.AddOwner("marcus", "uid-1"), "access-1")).Outcome.Should().Be(SecretOutcome.UpToDate);
        Fixture.Owners("marcus").Should().Equal("OAuthToken/marcus/uid-1*");
    }

    [Fact]
    public async Task A_Secret_without_an_owner_is_deleted_when_the_namespace_may_no_longer_use_the_account()
    {
        var owner = Orphaning("marcus", "uid-1");
        Fixture.AddPublished(owner, SecretFixture.Token("access-1"));
        (await PublishAsync(owner, "access-1", SecretAction.Withdraw)).Outcome.Should().Be(SecretOutcome.Missing);
        Fixture.Published("marcus").Should().BeNull();
    }

    [Fact]
    public async Task Of_two_objects_that_name_a_Secret_without_an_owner_the_first_keeps_it()
    {
        var first = Orphaning("first", "uid-1");
        first.Spec = first.Spec with { SecretName = "shared" };
        Fixture.AddPublished(first, SecretFixture.Token("access-1"));
        var second = Orphaning("second", "uid-2");
        second.Spec = second.Spec with { SecretName = "shared" };

        (await PublishAsync(second, "access-2")).Outcome.Should().Be(SecretOutcome.Conflict);
        await PublishAsync(second, "access-2", SecretAction.Withdraw);
        Fixture.Published("shared").Should().Be("access-1");
    }

    private V1Beta1OAuthToken Orphaning(string name, string uid)
    {
        var owner = Fixture.AddOwner(name, uid);
        owner.Spec = owner.Spec with { SecretDeletionPolicy = "Orphan" };
        return owner;
    }

    private Task<SecretResult> PublishAsync(V1Beta1OAuthToken owner, string accessToken, SecretAction action = SecretAction.Write)
    {
        var account = new AccountRecord { Key = new AccountKey("google", "marcus"), Generation = 1, Token = SecretFixture.Token(accessToken) };
        return Fixture.Publisher.PublishAsync(owner, SecretFixture.Request(owner), new DesiredState(account, Problem: null, NextRefresh: null) { Secret = action }, CancellationToken.None);
    }

    private static JsonNode Metadata(string json) => JsonNode.Parse(json)!["metadata"]!;
}
