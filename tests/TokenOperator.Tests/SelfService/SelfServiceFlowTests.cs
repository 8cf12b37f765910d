using System.Web;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.SelfService;

namespace TokenOperator.Tests.SelfService;

public sealed class SelfServiceFlowTests : IAsyncLifetime
{
    private FlowFixture? _started;

    private FlowFixture Fixture => _started ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync() => _started = await FlowFixture.StartAsync();

    public async Task DisposeAsync() => await Fixture.DisposeAsync();

    [Fact]
    public async Task The_page_of_a_link_offers_to_start_and_does_not_use_up_the_link()
    {
        var first = await Fixture.ShowAsync();
        var second = await Fixture.ShowAsync();

        first.Should().BeEquivalentTo(second);
        (first.Status, first.IsOffer, first.Redirect, first.Browser).Should().Be((200, true, null, null));
        first.Text.Should().Contain("mail/marcus");
        first.Details!.Select(detail => detail.Value).Should().Equal("mail", "marcus", Fixture.Row.Key.Account, "google", "client-1", "mail");
        Fixture.Pending.StateHashes.Should().BeEmpty();
    }

    [Fact]
    public async Task A_consent_brings_the_host_of_the_provider_and_needs_permission_if_the_account_is_at_another()
    {
        Fixture.Provider.Exchange = FlowFixture.Granted("marcus@example.com");
        var (browser, state) = await Fixture.BegunAsync();
        var row = Fixture.Row;
        Fixture.Store.Row = row with { Token = row.Token with { TokenHost = "old.example" } };

        (await Fixture.BeginAsync()).Should().Match<Step>(step => step.Status == 403 && step.Text.Contains("no administrator has allowed that"));
        (await Fixture.EndAsync(state, browser)).Status.Should().Be(403);
        Fixture.Provider.ExchangedCodes.Should().BeEmpty();

        Fixture.Store.Row = row;
        (await Fixture.ConsentAsync()).Status.Should().Be(200);
        Fixture.Row.Token.TokenHost.Should().Be("provider.example");
    }

    [Fact]
    public async Task Starting_sends_the_browser_to_the_provider_and_stores_only_hashes()
    {
        Fixture.Put(spec => spec with { Scopes = ["mail", "calendar"] });

        var step = await Fixture.BeginAsync();

        step.Status.Should().Be(303);
        step.Redirect!.GetLeftPart(UriPartial.Path).Should().Be("https://provider.example/authorize");
        var query = HttpUtility.ParseQueryString(step.Redirect.Query);
        query["client_id"].Should().Be("client-1");
        query["redirect_uri"].Should().Be("https://tokens.example.com/authorize/callback/google");
        query["scope"].Should().Be("mail calendar");
        query["login_hint"].Should().Be("marcus@example.com");
        var pending = Fixture.Pending.Single;
        (pending.Owner, pending.RowGeneration).Should().Be((new AuthorizationOwner("mail", "marcus", "uid-1"), 4));
        pending.BrowserHash.Should().NotBe(step.Browser);
        Fixture.Pending.StateHashes.Should().NotContain(query["state"]);
        query["code_challenge"].Should().NotBe(pending.Verifier.Reveal());
    }

    [Fact]
    public async Task A_link_of_an_object_whose_grant_needs_no_consent_says_so()
    {
        Fixture.Put(spec => spec with { Grant = "ClientCredentials", Identity = null });

        (await Fixture.ShowAsync()).Should().Match<Step>(step => step.Status == 410 && step.Title == "Nothing to do" && step.Text.Contains("mail/marcus needs no consent: its spec.grant is ClientCredentials"));
        (await Fixture.ShowAsync("1893499200.another-ticket")).Title.Should().Be("This link is not valid", "a person without a link learns nothing");
    }

    [Fact]
    public async Task Without_scopes_in_the_spec_those_of_the_row_are_requested() =>
        HttpUtility.ParseQueryString((await Fixture.BeginAsync()).Redirect!.Query)["scope"].Should().Be("mail");

    [Fact]
    public async Task An_identity_that_is_only_on_record_is_not_shown_to_the_browser()
    {
        Fixture.Put(spec => spec with { Identity = "other@example.com" });
        Fixture.Store.Row = Fixture.Row with { Token = Fixture.Row.Token with { Identity = new Identity("subject", "recorded@example.com") } };

        (await Fixture.BeginAsync()).Redirect!.Query.Should().NotContain("recorded");
    }

    [Fact]
    public async Task A_consent_replaces_the_dead_token_and_queues_the_account()
    {
        Fixture.Provider.Exchange = FlowFixture.Granted("marcus@example.com");
        var (browser, state) = await Fixture.BegunAsync();
        var verifier = Fixture.Pending.Single.Verifier.Reveal();

        var step = await Fixture.EndAsync(state, browser);

        step.Status.Should().Be(200);
        step.Text.Should().NotContain("token-").And.NotContain("access-");
        Fixture.Provider.ExchangedCodes.Should().Equal(("code-1", verifier));
        Fixture.Row.Token.RefreshToken!.Reveal().Should().Be("new-token");
        Fixture.Row.Token.Identity.Should().Be(new Identity("subject", "marcus@example.com"));
        Fixture.Row.Token.ExpiresAt.Should().Be(Fixture.Time.GetUtcNow() + TimeSpan.FromHours(1));
        Fixture.Row.Failure.Should().BeNull();
        Fixture.Queue.Called.Should().Equal(Fixture.Row.Key);
    }

    [Fact]
    public async Task An_answer_works_once()
    {
        Fixture.Provider.Exchange = FlowFixture.Granted("marcus@example.com");
        var (browser, state) = await Fixture.BegunAsync();

        (await Fixture.EndAsync(state, browser)).Status.Should().Be(200);
        (await Fixture.EndAsync(state, browser)).Status.Should().Be(403);

        Fixture.Provider.ExchangedCodes.Should().ContainSingle();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("another browser")]
    public async Task An_answer_in_another_browser_is_refused_and_uses_up_the_state(string? browser)
    {
        var (own, state) = await Fixture.BegunAsync();

        (await Fixture.EndAsync(state, browser)).Status.Should().Be(403);
        (await Fixture.EndAsync(state, own)).Status.Should().Be(403);

        IsUnchanged();
    }

    [Theory]
    [InlineData("")]
    [InlineData("?code=code-1")]
    [InlineData("?state=made-up&code=code-1")]
    public async Task An_answer_without_a_request_is_refused(string query)
    {
        var (browser, _) = await Fixture.BegunAsync();

        (await Fixture.Flow.EndAsync("google", query, browser, CancellationToken.None)).Status.Should().Be(403);

        IsUnchanged();
    }

    [Fact]
    public async Task An_answer_for_an_object_whose_spec_changed_is_not_used()
    {
        var (browser, state) = await Fixture.BegunAsync();
        Fixture.Put(spec => spec with { Identity = "other@example.com" });

        (await Fixture.EndAsync(state, browser)).Status.Should().Be(409);

        IsUnchanged();
    }

    [Fact]
    public async Task An_answer_for_an_object_that_was_created_again_is_not_used()
    {
        var (browser, state) = await Fixture.BegunAsync();
        Fixture.Put(uid: "uid-2");

        (await Fixture.EndAsync(state, browser)).Status.Should().Be(409);

        IsUnchanged();
    }

    [Fact]
    public async Task An_answer_for_a_row_that_changed_is_not_used()
    {
        var (browser, state) = await Fixture.BegunAsync();
        Fixture.Store.Row = Fixture.Row with { Generation = 5 };

        (await Fixture.EndAsync(state, browser)).Status.Should().Be(409);

        IsUnchanged();
    }

    [Fact]
    public async Task A_row_that_changes_while_the_provider_answers_is_not_overwritten()
    {
        Fixture.Provider.Exchange = FlowFixture.Granted("marcus@example.com");
        var (browser, state) = await Fixture.BegunAsync();
        Fixture.Store.AfterRead = () =>
        {
            Fixture.Store.Row = Fixture.Row with { Generation = 5 };
            return Task.CompletedTask;
        };

        (await Fixture.EndAsync(state, browser)).Status.Should().Be(409);

        Fixture.Row.Token.RefreshToken!.Reveal().Should().Be("dead-token");
    }

    [Fact]
    public async Task A_link_with_another_ticket_is_unknown()
    {
        (await Fixture.ShowAsync("1.made-up")).Status.Should().Be(410);
        (await Fixture.BeginAsync("1.made-up")).Status.Should().Be(410);
        (await Fixture.Flow.ShowAsync(new("mail", "nobody"), Fixture.Ticket, CancellationToken.None)).Should().Be(await Fixture.ShowAsync("1.made-up"), "whether an object exists is not disclosed");
    }

    [Fact]
    public async Task An_expired_link_is_unknown()
    {
        Fixture.Time.Advance(Fixture.Settings.LinkLifetime);

        (await Fixture.ShowAsync()).Status.Should().Be(410);
        (await Fixture.BeginAsync()).Status.Should().Be(410);
    }

    [Theory]
    [InlineData("no row")]
    [InlineData("a row of another namespace")]
    [InlineData("a row that belongs to no namespace")]
    [InlineData("a row that this namespace is denied")]
    [InlineData("a suspended object")]
    [InlineData("an object that is being deleted")]
    public async Task A_foreign_row_is_indistinguishable_from_a_missing_one(string what)
    {
        var unknown = await Fixture.ShowAsync("1.made-up");
        Fixture.Put(spec => spec with { Suspend = what == "a suspended object" }, deletedAt: what == "an object that is being deleted" ? Fixture.Time.GetUtcNow().UtcDateTime : null);
        Fixture.Store.Row = what switch
        {
            "no row" => null,
            "a row of another namespace" => Fixture.Row with { Namespaces = ["other"] },
            "a row that belongs to no namespace" => Fixture.Row with { Namespaces = null },
            "a row that this namespace is denied" => Fixture.Row with { DeniedNamespaces = ["mail"] },
            _ => Fixture.Row,
        };

        (await Fixture.ShowAsync()).Should().Be(unknown);
        (await Fixture.BeginAsync()).Should().Be(unknown);
    }

    [Fact]
    public async Task An_account_that_works_needs_no_consent()
    {
        Fixture.Store.Row = Fixture.Row with { Failure = null };
        (await Fixture.ShowAsync()).Should().Match<Step>(step => step.Status == 410 && !step.IsOffer);

        Fixture.Put(spec => spec with { Scopes = ["mail", "calendar"] });
        (await Fixture.ShowAsync()).IsOffer.Should().BeTrue("a scope is missing");
    }

    [Fact]
    public async Task A_consent_cannot_be_requested_if_no_identity_is_named_or_on_record()
    {
        Fixture.Put(spec => spec with { Identity = null });
        Fixture.Store.Row = Fixture.Row with { Token = Fixture.Row.Token with { Identity = null } };

        var step = await Fixture.ShowAsync();

        (step.Status, step.IsOffer).Should().Be((403, false));
        step.Text.Should().Contain("spec.identity");
    }

    [Fact]
    public async Task Without_any_scope_the_provider_decides()
    {
        Fixture.Store.Row = Fixture.Row with { Token = Fixture.Row.Token with { Scopes = [] } };

        var step = await Fixture.ShowAsync();

        step.Status.Should().Be(200);
        step.Details.Should().ContainSingle(detail => detail.Label == "Scopes").Which.Value.Should().Be("chosen by the provider");
    }

    [Fact]
    public async Task An_unreadable_client_and_a_provider_without_an_endpoint_end_the_flow()
    {
        Fixture.Put(spec => spec with { ClientSecretRef = new V1Beta1OAuthToken.SecretKeyRef { Name = "absent" } });
        (await Fixture.BeginAsync()).Status.Should().Be(503);

        Fixture.Put();
        Fixture.Provider.CanAsk = false;
        (await Fixture.BeginAsync()).Status.Should().Be(403);
        Fixture.Pending.StateHashes.Should().BeEmpty();
    }

    [Fact]
    public async Task Too_many_pending_consents_are_refused()
    {
        Fixture.Pending.IsFull = true;

        var step = await Fixture.BeginAsync();

        (step.Status, step.Redirect, step.Browser).Should().Be((429, null, null));
    }

    [Fact]
    public async Task A_denied_consent_and_an_error_of_the_provider_change_nothing()
    {
        (await Fixture.ConsentAsync("error=access_denied")).Status.Should().Be(403);
        var error = await Fixture.ConsentAsync("error=invalid_scope&error_description=no%20such%20scope");

        error.Status.Should().Be(403);
        error.Text.Should().Contain("no such scope");
        IsUnchanged();
    }

    [Fact]
    public async Task What_a_namespace_chose_is_not_part_of_the_sentence()
    {
        const string account = "marcus. Your account is at risk: sign in at once";
        Fixture.Put(spec => spec with { Account = account });
        Fixture.Store.Row = Fixture.Row with { Key = new AccountKey("google", account) };

        var step = await Fixture.ShowAsync();

        step.Text.Should().NotContain("at risk");
        step.Details.Should().ContainSingle(detail => detail.Value == account).Which.Label.Should().Contain("as the namespace calls it");
    }

    [Theory]
    [InlineData("code=code-1&iss=https%3A%2F%2Fprovider.example", "google", 200)]
    [InlineData("code=code-1&iss=https%3A%2F%2Fevil.example", "google", 403)]
    [InlineData("code=code-1", "other", 403)]
    public async Task A_response_of_another_provider_does_not_send_the_code_to_this_one(string answer, string provider, int status)
    {
        Fixture.Provider.Exchange = FlowFixture.Granted("marcus@example.com");
        var (browser, state) = await Fixture.BegunAsync();

        (await Fixture.EndAsync(state, browser, answer, provider)).Status.Should().Be(status);

        Fixture.Provider.ExchangedCodes.Should().HaveCount(status == 200 ? 1 : 0);
    }

    [Theory]
    [InlineData("eve@example.com", true, true)]
    [InlineData("eve@example.com", false, true)]
    [InlineData("marcus@example.com", true, true)]
    [InlineData("marcus@example.com", false, false)]
    [InlineData(null, true, false)]
    [InlineData(null, false, false)]
    public async Task A_grant_that_is_not_used_is_revoked_if_it_is_known_whose_it_is_and_no_token_of_theirs_works(string? who, bool isDead, bool isRevoked)
    {
        Fixture.Put(spec => spec with { Scopes = ["mail", "calendar"] });
        if (!isDead)
            Fixture.Store.Row = Fixture.Row with { Failure = null };
        Fixture.Provider.Exchange = FlowFixture.Granted(who);

        (await Fixture.ConsentAsync()).Status.Should().Be(403, "a scope or the identity is missing");

        Fixture.Provider.Revoked.Should().Equal(isRevoked ? ["new-token"] : []);
    }

    [Theory]
    [InlineData("eve@example.com", false, false, true)]
    [InlineData("eve@example.com", true, false, false)]
    [InlineData("eve@example.com", false, true, false)]
    [InlineData("marcus@example.com", false, false, true)]
    [InlineData("marcus@example.com", true, false, false)]
    public async Task A_grant_that_is_not_used_is_not_revoked_while_another_token_of_the_person_works(string who, bool isNamed, bool hasRow, bool isRevoked)
    {
        if (isNamed)
            Fixture.PutOther(who);
        if (hasRow)
            Fixture.Store.Row = Fixture.Row with { Failure = null, Token = Fixture.Row.Token with { Identity = new Identity("subject", who) } };
        Fixture.Put(spec => spec with { Scopes = ["mail", "calendar"] });
        Fixture.Provider.Exchange = FlowFixture.Granted(who);

        (await Fixture.ConsentAsync()).Status.Should().Be(403, "a scope is missing");

        Fixture.Provider.Revoked.Should().Equal(isRevoked ? ["new-token"] : []);
    }

    [Theory]
    [InlineData("works", "eve@example.com", "refresh-other", false)]
    [InlineData("works", "somebody@example.com", "refresh-other", true)]
    [InlineData("works", null, "refresh-other", false)]
    [InlineData("works", null, null, true)]
    [InlineData("is dead", "eve@example.com", "refresh-other", true)]
    [InlineData("is dead", null, "refresh-other", true)]
    public async Task The_row_of_another_account_keeps_the_grant_of_the_person_whose_token_it_can_hold(string state, string? whose, string? refreshToken, bool isRevoked)
    {
        Fixture.Store.Others =
        [
            new AccountRecord
            {
                Key = new AccountKey("google", "other"),
                Generation = 1,
                Token = new TokenSet { RefreshToken = SecretValue.From(refreshToken), Identity = whose is null ? null : new Identity(null, whose) },
                Failure = state == "works" ? null : Fixture.Row.Failure,
            },
        ];
        Fixture.Provider.Exchange = FlowFixture.Granted("eve@example.com");

        (await Fixture.ConsentAsync()).Status.Should().Be(403, "the consent is not the owner's");

        Fixture.Provider.Revoked.Should().Equal(isRevoked ? ["new-token"] : []);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_grant_is_not_revoked_while_it_is_unknown_whether_it_was_stored(bool isStored)
    {
        Fixture.Provider.Exchange = FlowFixture.Granted("marcus@example.com");
        (Fixture.Store.IsAway, Fixture.Store.FaultyCall, Fixture.Store.LosesAnswers) = (true, "import", isStored);

        var step = await Fixture.ConsentAsync();

        step.Status.Should().Be(503);
        step.Text.Should().Contain("Open the link again").And.NotContain("changed").And.NotContain("memory");
        Fixture.Provider.Revoked.Should().BeEmpty();
        Fixture.Row.Token.RefreshToken!.Reveal().Should().Be(isStored ? "new-token" : "dead-token");
        (await Fixture.ShowAsync()).IsOffer.Should().Be(!isStored, "the page of the link says whether a consent is needed");
    }

    [Fact]
    public async Task A_grant_is_revoked_if_its_row_is_gone()
    {
        Fixture.Provider.Exchange = FlowFixture.Granted("marcus@example.com");
        var (browser, state) = await Fixture.BegunAsync();
        Fixture.Store.AfterRead = () =>
        {
            Fixture.Store.Row = null;
            return Task.CompletedTask;
        };

        (await Fixture.EndAsync(state, browser)).Status.Should().Be(409);

        Fixture.Provider.Revoked.Should().Equal("new-token");
    }

    [Fact]
    public async Task A_code_that_the_provider_refuses_changes_nothing()
    {
        Fixture.Provider.Exchange = new CodeExchangeResponse.Failed(FailureKind.ReauthorizationRequired, "HTTP 400: invalid_grant");

        var step = await Fixture.ConsentAsync();

        step.Status.Should().Be(403);
        step.Text.Should().Contain("invalid_grant").And.NotContain("code-1");
        Fixture.Row.Generation.Should().Be(4);
    }

    [Fact]
    public async Task A_consent_of_another_account_or_without_a_refresh_token_or_scope_changes_nothing()
    {
        foreach (var answer in new[]
        {
            FlowFixture.Granted("eve@example.com"),
            FlowFixture.Granted("marcus@example.com", refreshToken: null),
            FlowFixture.Granted("marcus@example.com", scopes: ["other"]),
        })
        {
            Fixture.Provider.Exchange = answer;
            var step = await Fixture.ConsentAsync();
            step.Status.Should().Be(403);
            step.Text.Should().NotContain("marcus@example.com").And.NotContain("eve@example.com");
        }

        Fixture.Row.Generation.Should().Be(4);
        Fixture.Queue.Called.Should().BeEmpty();
    }

    [Fact]
    public async Task An_unavailable_store_or_an_unreadable_row_is_a_503_without_details()
    {
        var (browser, state) = await Fixture.BegunAsync();
        Fixture.Store.IsAway = true;
        var away = await Fixture.ShowAsync();

        away.Status.Should().Be(503);
        away.Text.Should().NotContain("memory");
        (await Fixture.BeginAsync()).Should().Be(away);
        (await Fixture.EndAsync(state, browser)).Should().Be(away);
        Fixture.Provider.ExchangedCodes.Should().BeEmpty("the code was not used up");

        Fixture.Store.IsAway = false;
        Fixture.Store.Fault = new UnreadableRowException(Fixture.Row.Key, "its key is missing.");
        (await Fixture.ShowAsync()).Should().Be(away);
    }

    private void IsUnchanged()
    {
        Fixture.Provider.ExchangedCodes.Should().BeEmpty();
        Fixture.Row.Token.RefreshToken!.Reveal().Should().Be("dead-token");
        Fixture.Queue.Called.Should().BeEmpty();
    }
}
