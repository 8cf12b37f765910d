using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PendingConsentsTests(PostgresFixture fixture)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private static readonly PendingAuthorization Consent = new("mail", "marcus", "uid-1", 3, 7, "browser", new SecretValue("verifier"));

    [Fact]
    public async Task Of_many_that_take_one_at_once_one_gets_it()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var consents = database.Consents();
        (await consents.AddAsync("state", Consent, Lifetime, default)).Should().BeTrue();

        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => consents.TakeAsync("state", default)));

        taken.OfType<PendingAuthorization>().Should().Equal(Consent);
        (await consents.TakeAsync("state", default)).Should().BeNull();
        (await consents.TakeAsync("never", default)).Should().BeNull();
    }

    [Fact]
    public async Task One_whose_time_is_over_is_of_no_use_and_is_cleared_away()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var consents = database.Consents();
        await consents.AddAsync("late", Consent, TimeSpan.Zero, default);
        await consents.AddAsync("later", Consent, TimeSpan.Zero, default);

        (await consents.TakeAsync("late", default)).Should().BeNull();
        await consents.AddAsync("new", Consent, Lifetime, default);

        (await database.ScalarAsync("select string_agg(state_hash, ',') from token_operator_consents")).Should().Be("new");
    }

    [Fact]
    public async Task An_object_has_a_limited_number_and_others_have_their_own()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var consents = database.Consents();
        for (var i = 0; i < PostgresPendingAuthorizations.MostOpen; i++)
            (await consents.AddAsync($"state-{i}", Consent, Lifetime, default)).Should().BeTrue();

        (await consents.AddAsync("one more", Consent, Lifetime, default)).Should().BeFalse();
        (await consents.AddAsync("of another", Consent with { Name = "other" }, Lifetime, default)).Should().BeTrue();
    }
}
