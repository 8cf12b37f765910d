using System.Reflection;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Api;

public sealed class ReasonInfoTests
{
    [Fact]
    public void Every_reason_has_one_entry_in_the_table() =>
        ReasonInfo.All.Select(info => info.Name)
            .Should().Equal(typeof(Reasons).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!));

    [Fact]
    public Task The_documentation_shows_the_table() => DocumentTable.CheckAsync(
        "docs/conditions.md", "# Conditions and reasons",
        ["Reason", "Who acts", "What it means", "What to do"],
        ReasonInfo.All.Select(info => new[] { $"`{info.Name}`", Who(info.Actor), info.Meaning, info.WhatToDo }));

    [Fact]
    public void Every_kind_of_failure_is_a_reason_and_both_agree_on_whether_someone_must_act() =>
        Enum.GetValues<FailureKind>().Should().AllSatisfy(kind => ReasonInfo.Of(kind.ToString()).NeedsHuman.Should().Be(kind.NeedsHuman(), kind.ToString()));

    [Theory]
    [InlineData(Reasons.FirstToken, "Normal", "Publish")]
    [InlineData(Reasons.Recovered, "Normal", "Refresh")]
    [InlineData(Reasons.ProviderUnavailable, "Warning", "Refresh")]
    [InlineData(Reasons.ReauthorizationRequired, "Warning", "Refresh")]
    [InlineData(Reasons.TokenExpired, "Warning", "Publish")]
    [InlineData(Reasons.CleanupFailed, "Warning", "Delete")]
    [InlineData(Reasons.AccountKept, "Normal", "Delete")]
    [InlineData(Reasons.Revoked, "Normal", "Revoke")]
    public void A_reason_determines_the_type_and_the_action_of_its_event(string reason, string type, string action) =>
        (ReasonInfo.Of(reason).EventType, ReasonInfo.Of(reason).EventAction).Should().Be((type, action));

    [Fact]
    public void Every_reason_that_needs_someone_to_act_names_who_and_a_remedy() =>
        ReasonInfo.All.Where(info => info.NeedsHuman).Should().AllSatisfy(info =>
        {
            info.Actor.Should().NotBe(ReasonActor.Nobody, info.Name);
            info.Remedy.Should().NotBe(ReasonRemedy.None, info.Name);
        });

    [Fact]
    public void A_consent_helps_only_where_a_new_token_file_helps_too() =>
        ReasonInfo.All.Where(info => info.ConsentHelps).Should().OnlyContain(info => info.SeedHelps);

    [Fact]
    public void A_reason_of_another_version_of_the_operator_is_not_found()
    {
        ReasonInfo.Find("FromTheFuture").Should().BeNull();
        ReasonInfo.Find(null).Should().BeNull();
        ReasonInfo.Find(Reasons.Suspended)!.DefaultMessage.Should().Be(ConditionMessages.Suspended);
        var unknown = () => ReasonInfo.Of("FromTheFuture");
        unknown.Should().Throw<ArgumentException>();
    }

    private static string Who(ReasonActor actor) => actor switch
    {
        ReasonActor.Nobody => "Nobody",
        ReasonActor.AccountOwner => "The account's owner",
        ReasonActor.NamespaceUser => "A user of the namespace",
        ReasonActor.OperatorAdministrator => "An administrator of the operator",
        _ => "The provider's administrator",
    };
}
