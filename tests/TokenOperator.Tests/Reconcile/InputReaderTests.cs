using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Tests.Publishing;

namespace TokenOperator.Tests.Reconcile;

public sealed class InputReaderTests : IAsyncLifetime
{
    private const string ClientFile = """{"installed": {"client_id": "id-1", "client_secret": "canary-secret"}}""";
    private static readonly SecretKey Client = new(SecretFixture.Namespace, "client", "credentials.json");
    private static readonly SecretKey Seed = new(SecretFixture.Namespace, "seed", "token.json");
    private SecretFixture? _started;

    private SecretFixture Fixture => _started ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync() => _started = await SecretFixture.StartAsync();

    public async Task DisposeAsync() => await Fixture.DisposeAsync();

    [Fact]
    public async Task A_missing_Secret_costs_no_request_and_the_message_names_it_and_its_key()
    {
        (await ReadClientAsync()).Should().BeOfType<Lookup<OAuthClient>.Absent>().Which.Message.Should().Contain("mail/client").And.Contain("credentials.json");
        (await ReadSeedAsync()).Should().BeOfType<Lookup<Seed>.Absent>().Which.Message.Should().Contain("mail/seed").And.Contain("token.json");

        Fixture.Methods.Should().BeEmpty();
    }

    [Fact]
    public async Task A_client_is_read_once_for_all_callers_that_need_the_same_version()
    {
        Fixture.AddSecret("client", ("credentials.json", ClientFile));
        var release = new TaskCompletionSource();
        Fixture.Server.Intercept = async (_, _) =>
        {
            await release.Task;
            return false;
        };

        var reads = Enumerable.Range(0, 20).Select(_ => ReadClientAsync()).ToList();
        await Eventually.IsTrueAsync(() => Fixture.Methods.Count > 0);
        release.SetResult();
        var found = await Task.WhenAll(reads);
        var later = await ReadClientAsync();

        found.Append(later).Should().AllSatisfy(client => client.Should().BeOfType<Lookup<OAuthClient>.Found>().Which.Value.ClientId.Should().Be("id-1"));
        Fixture.Methods.Should().Equal("GET");
    }

    [Fact]
    public async Task A_caller_that_stops_waiting_does_not_stop_the_read_for_the_others()
    {
        Fixture.AddSecret("client", ("credentials.json", ClientFile));
        var release = new TaskCompletionSource();
        Fixture.Server.Intercept = async (_, _) =>
        {
            await release.Task;
            return false;
        };
        using var impatient = new CancellationTokenSource();

        var first = Fixture.Reader.ReadClientAsync(Client, ClientCredential.Secret, impatient.Token);
        var second = ReadClientAsync();
        await impatient.CancelAsync();
        await FluentActions.Awaiting(() => first).Should().ThrowAsync<OperationCanceledException>();
        release.SetResult();

        (await second).Should().BeOfType<Lookup<OAuthClient>.Found>();
        Fixture.Methods.Should().Equal("GET");
    }

    [Fact]
    public async Task A_new_version_of_the_Secret_is_read_again()
    {
        Fixture.AddSecret("client", ("credentials.json", ClientFile));
        await ReadClientAsync();
        Fixture.ChangeSecret("client", ("credentials.json", ClientFile.Replace("id-1", "id-2", StringComparison.Ordinal)));

        (await ReadClientAsync()).Should().BeOfType<Lookup<OAuthClient>.Found>().Which.Value.ClientId.Should().Be("id-2");
        Fixture.Methods.Should().Equal("GET", "GET");
    }

    [Fact]
    public async Task A_failed_read_is_not_cached()
    {
        Fixture.AddSecret("client", ("credentials.json", ClientFile));
        Fixture.RefuseNext("GET", 403, "Forbidden");

        await FluentActions.Awaiting(ReadClientAsync).Should().ThrowAsync<global::KubeRuntime.Client.ApiException>();

        (await ReadClientAsync()).Should().BeOfType<Lookup<OAuthClient>.Found>();
        Fixture.Methods.Should().Equal("GET", "GET");
    }

    [Fact]
    public async Task A_missing_key_is_named_together_with_the_keys_of_the_Secret()
    {
        Fixture.AddSecret("client", ("client.json", ClientFile), ("another", "x"));

        var faulty = (await ReadClientAsync()).Should().BeOfType<Lookup<OAuthClient>.Faulty>().Which.Problem;

        faulty.Reason.Should().Be(Reasons.ClientSecretMissing);
        faulty.NeedsHuman.Should().BeTrue();
        faulty.Message.Should().Contain("credentials.json").And.Contain("another, client.json").And.NotContain("canary");
    }

    [Fact]
    public async Task A_Secret_without_data_is_not_a_client()
    {
        Fixture.AddSecret("client");

        (await ReadClientAsync()).Should().BeOfType<Lookup<OAuthClient>.Faulty>().Which.Problem.Message.Should().Contain("no keys");
    }

    [Fact]
    public async Task A_document_that_is_not_a_client_is_invalid_and_its_content_is_not_shown()
    {
        Fixture.AddSecret("client", ("credentials.json", """{"installed": {"client_secret": "canary-secret"}}"""));

        var faulty = (await ReadClientAsync()).Should().BeOfType<Lookup<OAuthClient>.Faulty>().Which.Problem;

        faulty.Reason.Should().Be(Reasons.ClientSecretInvalid);
        faulty.Message.Should().Contain("mail/client").And.Contain("client_id").And.NotContain("canary");
    }

    [Fact]
    public async Task A_seed_is_read_again_each_time()
    {
        Fixture.AddSecret("seed", ("token.json", """{"refresh_token": "canary-token"}"""));

        (await ReadSeedAsync()).Should().BeOfType<Lookup<Seed>.Found>().Which.Value.Token.RefreshToken!.Reveal().Should().Be("canary-token");
        await ReadSeedAsync();

        Fixture.Methods.Should().Equal("GET", "GET");
    }

    [Fact]
    public async Task A_seed_that_cannot_be_read_has_a_reason_of_its_own()
    {
        Fixture.AddSecret("seed", ("token.json", """{"access_token": "canary-token"}"""));
        var invalid = (await ReadSeedAsync()).Should().BeOfType<Lookup<Seed>.Faulty>().Which.Problem;
        invalid.Reason.Should().Be(Reasons.SeedInvalid);
        invalid.Message.Should().NotContain("canary");

        Fixture.ChangeSecret("seed", ("other", "x"));
        (await ReadSeedAsync()).Should().BeOfType<Lookup<Seed>.Faulty>().Which.Problem.Reason.Should().Be(Reasons.SeedMissing);
    }

    private Task<Lookup<OAuthClient>> ReadClientAsync() => Fixture.Reader.ReadClientAsync(Client, ClientCredential.Secret, CancellationToken.None);

    private Task<Lookup<Seed>> ReadSeedAsync() => Fixture.Reader.ReadSeedAsync(Seed, takesAccessToken: false, CancellationToken.None);
}
