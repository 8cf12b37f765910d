using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Inputs;
using TokenOperator.Tests.KubeRuntime.Fakes;
using TokenOperator.Tests.Postgres;

namespace TokenOperator.Tests.Reconcile;

public sealed class NamespaceReaderTests : IAsyncLifetime
{
    private readonly ResourceCache<V1Beta1OAuthToken> _entities = new([""], new CacheOptions<V1Beta1OAuthToken>());
    private readonly ListLogger _log = new();
    private RuntimeFixture? _runtime;
    private NamespaceReader? _reader;

    private RuntimeFixture Runtime => _runtime ?? throw new InvalidOperationException("Not started.");

    private int Reads => Runtime.Server.NamespaceReads.Count;

    public async Task InitializeAsync()
    {
        _runtime = await RuntimeFixture.StartAsync();
        _reader = new NamespaceReader(_runtime.Client, _entities, _runtime.Time, _log);
    }

    public async Task DisposeAsync() => await Runtime.DisposeAsync();

    [Fact]
    public async Task A_namespace_is_read_once_for_all_of_its_objects()
    {
        Add("a", 1);
        Add("b", 2);
        for (var i = 0; i < 3; i++)
            (await UidAsync()).Should().Be("uid-of-mail");
        Reads.Should().Be(1);
    }

    [Fact]
    public async Task A_namespace_whose_last_object_is_gone_is_read_again()
    {
        var first = Add("a", 1);
        await UidAsync();
        _entities.Forget(first);
        Runtime.Server.NamespaceUid = _ => "another";
        Add("b", 3);
        (await UidAsync()).Should().Be("another");
        Reads.Should().Be(2);
    }

    [Fact]
    public async Task After_a_list_a_namespace_is_read_again()
    {
        var entity = Add("a", 1);
        await UidAsync();
        _entities.Replace("", [entity], "5");
        Runtime.Server.NamespaceUid = _ => "another";
        (await UidAsync()).Should().Be("another");
    }

    [Fact]
    public async Task A_namespace_without_objects_is_not_remembered()
    {
        await UidAsync();
        await UidAsync();
        Reads.Should().Be(2);
    }

    [Fact]
    public async Task A_missing_right_is_named_and_tried_again_after_a_minute()
    {
        Add("a", 1);
        Runtime.Server.NamespaceUid = _ => null;
        for (var i = 0; i < 3; i++)
        {
            var problem = (await Reader.ReadAsync("mail", default)).Should().BeOfType<Lookup<NamespaceUid>.Faulty>().Which.Problem;
            problem.Reason.Should().Be(Reasons.NamespaceNotVerified);
            problem.Message.Should().Contain("may not read the namespace mail").And.Contain(ConditionMessages.NamespaceRule);
        }

        Reads.Should().Be(1);
        _log.Lines.Should().ContainSingle().Which.Should().Contain("mail").And.Contain("verbs: [get]");
        Runtime.Server.NamespaceUid = _ => "uid-1";
        Runtime.Time.Advance(NamespaceReader.RetryDenied + TimeSpan.FromSeconds(1));
        (await UidAsync()).Should().Be("uid-1");
    }

    private NamespaceReader Reader => _reader ?? throw new InvalidOperationException("Not started.");

    private async Task<string?> UidAsync() => (await Reader.UserAsync("mail", default)).Uid;

    private V1Beta1OAuthToken Add(string name, int version)
    {
        var entity = new V1Beta1OAuthToken { Metadata = new() { Name = name, NamespaceProperty = "mail", Uid = name, ResourceVersion = $"{version}" } };
        _entities.Observe(entity);
        return entity;
    }
}
