using KubeRuntime;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class RejectedClientsTests
{
    private static readonly OAuthClient Client = new("client-1", new SecretValue("secret"));
    private static readonly DateTimeOffset Issued = new(2026, 5, 1, 11, 0, 0, TimeSpan.Zero);
    private static readonly NamespacedName Owner = new("mail", "waiting");

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly CalledAccounts _queue = new();
    private readonly RejectedClients _rejected;

    public RejectedClientsTests() => _rejected = new RejectedClients(_queue, _time);

    [Fact]
    public void One_refresh_token_says_nothing_about_the_client_under_however_many_names_and_times()
    {
        Reject("alice", "token-1");
        Reject("alice", "token-1");
        Reject("bob", "token-1");
        IsHeld().Should().BeFalse("one refresh token was rejected, which can belong to another client");
        Reject("alice", "token-2");
        IsHeld().Should().BeTrue("a second refresh token was rejected");
        Look().HeldFor.Should().Be(TimeSpan.FromMinutes(1));
        _rejected.Look("google", new OAuthClient("client-1", new SecretValue("new secret")), Owner).Should().Be(default(ClientReputation));
        _rejected.Look("other", Client, Owner).Should().Be(default(ClientReputation));
    }

    [Fact]
    public void Refresh_tokens_that_never_worked_with_the_client_stop_nobody_else()
    {
        for (var number = 0; number < 100; number++)
            _rejected.Reject(Account($"seed-{number}", $"token-{number}") with { LastRefreshAt = null }, Client);
        for (var number = 0; number < 100; number++)
            _rejected.Reject(Account($"new-seed-{number}", $"new-token-{number}") with { Token = new TokenSet { RefreshToken = new SecretValue($"new-{number}") } }, Client);
        IsHeld().Should().BeFalse("any namespace can bring such tokens");

        _rejected.Accept("google", Client);
        _time.Advance(TimeSpan.FromSeconds(5));
        Look().AcceptedAgo.Should().Be(TimeSpan.FromSeconds(5), "they are tried again once the client works for others");
    }

    [Fact]
    public void One_success_clears_the_rejection_and_wakes_those_that_wait()
    {
        Reject("alice", "token-1");
        Reject("bob", "token-2");
        Look();
        _rejected.Accept("google", Client);
        _queue.Owners.Should().Equal(Owner);
        _time.Advance(TimeSpan.FromSeconds(5));
        Look().Should().Be(new ClientReputation(null, TimeSpan.FromSeconds(5)));
        Reject("alice", "token-1");
        IsHeld().Should().BeFalse("what was said before the success does not count");
        _rejected.Accept("google", new OAuthClient("healthy", new SecretValue("s")));
        _queue.Owners.Should().HaveCount(1);
    }

    [Fact]
    public void The_word_of_a_deleted_object_does_not_count_and_those_that_wait_are_tried_at_once()
    {
        Reject("alice", "token-1");
        Reject("bob", "token-2");
        Look();
        _rejected.Forget(new AccountKey("google", "carol"));
        IsHeld().Should().BeTrue();
        _rejected.Forget(new AccountKey("google", "bob"));
        IsHeld().Should().BeFalse();
        _queue.Owners.Should().Equal(Owner);
    }

    [Fact]
    public void An_account_that_waits_may_ask_after_minutes_however_many_were_rejected()
    {
        Reject("alice", "token-1");
        Reject("bob", "token-2");
        _time.Advance(TimeSpan.FromMinutes(1));
        IsHeld().Should().BeFalse("only an account that works can show that the client does");
        for (var number = 0; number < 100; number++)
            Reject($"account-{number}", $"token-{number + 10}");
        Look().HeldFor.Should().Be(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public void Accounts_that_are_rejected_again_and_again_do_not_keep_the_others_from_asking()
    {
        Reject("eve", "token-1");
        Reject("mallory", "token-2");
        for (var second = 0; second < 59; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Reject("eve", "token-1");
            IsHeld().Should().BeTrue();
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        IsHeld().Should().BeFalse("the minute is over, whatever was rejected during it");
        Reject("eve", "token-1");
        IsHeld().Should().BeTrue("the client was rejected again");
    }

    [Fact]
    public void Clients_that_tenants_make_up_do_not_fill_the_memory()
    {
        for (var number = 0; number < 5000; number++)
            _rejected.Reject(Account("alice", "token-1"), new OAuthClient($"client-{number}", new SecretValue("s")));
        Reject("alice", "token-1");
        Reject("bob", "token-2");
        IsHeld().Should().BeTrue();
    }

    [Fact]
    public void The_identifier_of_a_client_without_its_secret_or_key_stops_nobody()
    {
        var signing = new OAuthClient("client-1", null, new ClientKey(new PrivateKey(new SecretValue("key-of-the-owner"), PrivateKeyKind.Rsa), null));
        OAuthClient[] forged = [new("client-1", new SecretValue("guess")), new("client-1", null, new ClientKey(new PrivateKey(new SecretValue("key-of-mallory"), PrivateKeyKind.Rsa), null)), new("client-1", null)];
        foreach (var client in forged)
        {
            for (var number = 0; number < 10; number++)
                _rejected.Reject(Account($"mallory-{number}", $"token-{number}"), client);
            _rejected.IsHeld("google", client.Fingerprint).Should().BeTrue();
        }

        IsHeld().Should().BeFalse();
        _rejected.IsHeld("google", signing.Fingerprint).Should().BeFalse();
    }

    [Fact]
    public void Two_accounts_of_a_grant_without_a_refresh_token_count_if_they_ask_for_different_things()
    {
        Reject("alice", "inputs-1");
        Reject("bob", "inputs-1");
        IsHeld().Should().BeFalse("one request was rejected, under two names");
        Reject("carol", "inputs-2");
        IsHeld().Should().BeTrue();

        void Reject(string name, string inputs) =>
            _rejected.Reject(Account(name, "none") with { Token = new TokenSet { AccessToken = new SecretValue("access"), GrantInputs = inputs, IssuedAt = Issued } }, Client);
    }

    private static AccountRecord Account(string name, string token) =>
        new() { Key = new AccountKey("google", name), Generation = 1, Token = new TokenSet { RefreshToken = new SecretValue(token), IssuedAt = Issued }, LastRefreshAt = Issued };

    private void Reject(string name, string token) => _rejected.Reject(Account(name, token), Client);

    private bool IsHeld() => _rejected.IsHeld("google", Client.Fingerprint);

    private ClientReputation Look() => _rejected.Look("google", Client, Owner);
}
