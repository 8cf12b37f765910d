using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Rows;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PendingAuthorizationsTests(PostgresFixture fixture)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private static readonly PendingAuthorization Authorization = new(new("mail", "marcus", "uid-1"), 3, 7, "browser", new SecretValue("verifier"));

    private static readonly PendingDeviceAuthorization Device = new(
        new("mail", "marcus", "uid-1"), 3, 7, new SecretValue("device-code"), "ABCD-EFGH", new Uri("https://idp.example.com/device"), null, TimeSpan.FromSeconds(5));

    [Fact]
    public async Task One_of_several_concurrent_callers_gets_an_authorization()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var pending = database.PendingAuthorizations();
        (await pending.AddAsync("state", Authorization, Lifetime, default)).Should().BeTrue();

        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => pending.TakeAsync("state", default)));

        taken.OfType<PendingAuthorization>().Should().Equal(Authorization);
        (await pending.TakeAsync("state", default)).Should().BeNull();
        (await pending.TakeAsync("never", default)).Should().BeNull();
    }

    [Fact]
    public async Task The_verifier_is_encrypted_and_bound_to_its_row_and_one_of_an_earlier_version_is_read()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var pending = database.PendingAuthorizations();
        await pending.AddAsync("state", Authorization, Lifetime, default);
        await pending.AddAsync("other", Authorization, Lifetime, default);
        await pending.AddAsync("earlier", Authorization, Lifetime, default);
        (await database.ScalarAsync("select verifier from token_operator_consents where state_hash = 'state'")).As<string>().Should().Contain("ciphertext").And.NotContain("verifier");
        await database.ExecuteAsync("update token_operator_consents set verifier = (select verifier from token_operator_consents where state_hash = 'state') where state_hash = 'other'");
        await database.ExecuteAsync("update token_operator_consents set verifier = 'verifier' where state_hash = 'earlier'");

        (await pending.TakeAsync("earlier", default)).Should().Be(Authorization);
        (await pending.TakeAsync("state", default)).Should().Be(Authorization);
        await pending.Invoking(other => other.TakeAsync("other", default)).Should().ThrowAsync<UnreadableRowException>();
    }

    [Fact]
    public async Task An_expired_authorization_is_not_returned_and_is_deleted()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var pending = database.PendingAuthorizations();
        await pending.AddAsync("late", Authorization, TimeSpan.Zero, default);
        await pending.AddAsync("later", Authorization, TimeSpan.Zero, default);

        (await pending.TakeAsync("late", default)).Should().BeNull();
        await pending.AddAsync("new", Authorization, Lifetime, default);

        (await database.ScalarAsync("select string_agg(state_hash, ',') from token_operator_consents")).Should().Be("new");
    }

    [Fact]
    public async Task Each_owner_has_its_own_limit()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var pending = database.PendingAuthorizations();
        for (var i = 0; i < PostgresPendingAuthorizations.MaxPending; i++)
            (await pending.AddAsync($"state-{i}", Authorization, Lifetime, default)).Should().BeTrue();

        (await pending.AddAsync("one more", Authorization, Lifetime, default)).Should().BeFalse();
        (await pending.AddAsync("of another", Authorization with { Owner = Authorization.Owner with { Name = "other" } }, Lifetime, default)).Should().BeTrue();
    }

    [Fact]
    public async Task Each_owner_has_its_own_limit_of_codes_which_is_known_before_another_is_requested()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var pending = database.PendingAuthorizations();
        for (var i = 0; i < PostgresPendingAuthorizations.MaxPending; i++)
        {
            (await pending.CanAddDeviceAsync(Device.Owner, default)).Should().BeTrue();
            (await pending.AddDeviceAsync($"id-{i}", Device, Lifetime, default)).Should().BeTrue();
        }

        (await pending.CanAddDeviceAsync(Device.Owner, default)).Should().BeFalse();
        (await pending.AddDeviceAsync("one more", Device, Lifetime, default)).Should().BeFalse();
        (await pending.CanAddDeviceAsync(Device.Owner with { Name = "other" }, default)).Should().BeTrue();
        await database.ExecuteAsync("update token_operator_devices set expires_at = now()");
        (await pending.CanAddDeviceAsync(Device.Owner, default)).Should().BeTrue();
    }

    [Fact]
    public async Task One_of_several_concurrent_callers_polls_in_each_interval()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var pending = database.PendingAuthorizations();
        (await pending.AddDeviceAsync("id", Device with { Interval = TimeSpan.Zero }, Lifetime, default)).Should().BeTrue();
        await database.ExecuteAsync("update token_operator_devices set poll_interval = '1 hour'");

        var found = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => pending.FindDeviceAsync("id", default)));

        found.Count(one => one!.Value.MustPoll).Should().Be(1);
        found.Select(one => one!.Value.Authorization).Distinct().Should().Equal(Device with { Interval = TimeSpan.FromHours(1) });
        await pending.SlowDownAsync("id", TimeSpan.FromSeconds(5), default);
        (await pending.FindDeviceAsync("id", default))!.Value.Authorization.Interval.Should().Be(new TimeSpan(1, 0, 5));
        await pending.RemoveDeviceAsync("id", default);
        (await pending.FindDeviceAsync("id", default)).Should().BeNull();
    }

    [Fact]
    public async Task The_codes_of_a_device_are_encrypted_and_bound_to_their_row_and_column_and_those_of_an_earlier_version_are_read()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var pending = database.PendingAuthorizations();
        var device = Device with { CompleteVerificationUri = new Uri("https://idp.example.com/device?c=ABCD-EFGH") };
        foreach (var id in new[] { "id", "other row", "other column", "earlier" })
            await pending.AddDeviceAsync(id, device, Lifetime, default);
        (await database.ScalarAsync("select t::text from token_operator_devices t where id_hash = 'id'")).As<string>()
            .Should().NotContain("device-code").And.NotContain("ABCD-EFGH").And.Contain("https://idp.example.com/device");
        (await pending.FindDeviceAsync("id", default))!.Value.Authorization.Should().Be(device);

        await database.ExecuteAsync("update token_operator_devices set user_code = (select user_code from token_operator_devices where id_hash = 'id') where id_hash = 'other row'");
        await pending.Invoking(other => other.FindDeviceAsync("other row", default)).Should().ThrowAsync<UnreadableRowException>();
        await database.ExecuteAsync("update token_operator_devices set user_code = device_code where id_hash = 'other column'");
        await pending.Invoking(other => other.FindDeviceAsync("other column", default)).Should().ThrowAsync<UnreadableRowException>("the page would show the device code");
        await database.ExecuteAsync("update token_operator_devices set user_code = 'ABCD-EFGH', complete_uri = 'https://idp.example.com/device?c=ABCD-EFGH' where id_hash = 'earlier'");
        (await pending.FindDeviceAsync("earlier", default))!.Value.Authorization.Should().Be(device);
    }

    [Fact]
    public async Task An_expired_code_is_not_returned_and_is_deleted()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var pending = database.PendingAuthorizations();
        await pending.AddDeviceAsync("late", Device, TimeSpan.Zero, default);

        (await pending.FindDeviceAsync("late", default)).Should().BeNull();
        await pending.AddDeviceAsync("new", Device, Lifetime, default);

        (await database.ScalarAsync("select string_agg(id_hash, ',') from token_operator_devices")).Should().Be("new");
    }
}
