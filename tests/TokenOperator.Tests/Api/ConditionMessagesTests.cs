using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Api;

public sealed class ConditionMessagesTests
{
    private static readonly TokenRequest Request = new()
    {
        Owner = new NamespacedName("mail", "marcus-gmail"),
        Key = new AccountKey("google", "marcus"),
        Client = new SecretKey("mail", "client", "client.json"),
        SecretName = "marcus-gmail-token",
    };

    [Fact]
    public void Many_scopes_in_a_message_are_counted_so_that_the_remedy_stays_visible()
    {
        var message = ConditionMessages.ScopesMissing(Request, Enumerable.Range(0, 100).Select(i => $"scope{i}{new string('x', 500)}"));

        message.Length.Should().BeLessThan(DisplayText.MaxMessageLength);
        message.Should().Contain(" and 90 more. ").And.Contain("kubectl oauthtoken authorize marcus-gmail -n mail");
    }

    [Fact]
    public void A_mistyped_provider_gets_the_name_that_was_meant_however_many_there_are()
    {
        var message = ConditionMessages.UnknownProvider(Request with { Key = new AccountKey("microsfot", "marcus") }, [.. Enumerable.Range(0, 50).Select(i => $"a-provider-{i}"), "microsoft"]);

        message.Should().Contain("spec.provider is \"microsfot\"").And.Contain("Did you mean microsoft?").And.Contain("docs/providers/README.md").And.Contain("and 41 more");
    }

    [Fact]
    public void Who_has_no_refresh_token_yet_is_told_to_consent_first() =>
        ConditionMessages.NoSeed(Request).Should().MatchRegex("run: kubectl oauthtoken authorize marcus-gmail -n mail.*refresh-token.*token-operator seed FILE");

    [Fact]
    public void A_message_shows_at_most_100_characters_of_an_account_and_its_commands_show_all_of_it()
    {
        var request = Request with { Key = new AccountKey("google", new string('a', TokenRequest.MaxAccountLength)) };

        ConditionMessages.WaitsForProvider(request).Should().Contain($"google/{new string('a', 93)}... ");
        ConditionMessages.NotAllowed(request).Should().Contain($"google/{new string('a', 93)}...").And.Contain($" accounts allow google {request.Key.Account} ");
    }

    [Fact]
    public void Every_kind_of_failure_has_its_own_message_and_only_a_temporary_one_says_that_the_operator_retries()
    {
        var messages = Enum.GetValues<FailureKind>().ToDictionary(kind => kind, kind =>
            ConditionMessages.Failure(Request, new RefreshFailure(kind, "the detail", 1, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, "inputs"), kind.NeedsHuman()));

        messages.Values.Should().OnlyHaveUniqueItems().And.OnlyContain(message => message.Contains("(the detail)", StringComparison.Ordinal));
        messages.Should().AllSatisfy(entry =>
            entry.Value.Contains("the operator retries automatically", StringComparison.Ordinal).Should().Be(!entry.Key.NeedsHuman(), entry.Key.ToString()));
    }

    [Fact]
    public void A_message_says_what_was_answered_while_the_answer_is_in_doubt_and_when_nobody_knows_what_it_means()
    {
        var at = new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
        ConditionMessages.Failure(Request, new RefreshFailure(FailureKind.ReauthorizationRequired, "HTTP 400: invalid_grant", 1, at, at.AddMinutes(1), "inputs"), needsHuman: false)
            .Should().Contain("(HTTP 400: invalid_grant)").And.Contain("the operator asks again at 2026-05-01T12:01:00Z");
        ConditionMessages.Failure(Request, new RefreshFailure(FailureKind.InvalidResponse, "HTTP 403: something_new", 400, at, at.AddMinutes(5), "inputs"), needsHuman: true)
            .Should().Contain("(HTTP 403: something_new)").And.Contain("kubectl oauthtoken authorize marcus-gmail -n mail");
    }
}
