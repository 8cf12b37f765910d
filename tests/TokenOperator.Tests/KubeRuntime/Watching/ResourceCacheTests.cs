using k8s.Models;
using KubeRuntime;
using KubeRuntime.Watching;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Watching;

public sealed class ResourceCacheTests
{
    private static readonly NamespacedName Lamp = new("shop", "lamp");
    private readonly ResourceCache<Gadget> _cache = new([""], new CacheOptions<Gadget>());
    private readonly List<(string? Old, string? New)> _changes = [];

    public ResourceCacheTests() =>
        _cache.Subscribe(c => _changes.Add((c.Old?.Metadata.ResourceVersion, c.New?.Metadata.ResourceVersion)));

    [Fact]
    public void An_own_write_is_visible_immediately_and_its_event_is_no_change()
    {
        _cache.Replace("", [Version(5)], "5");
        _cache.Observe(Version(7));
        _cache.Get(Lamp)!.Metadata.ResourceVersion.Should().Be("7");

        _cache.Apply("", Lamp, Version(7), "7");

        _changes.Should().Equal((null, "5"), ("5", "7"));
    }

    [Fact]
    public void The_presence_of_a_namespace_ends_with_its_last_item_and_with_a_list()
    {
        _cache.PresenceOf("shop").Should().Be(0);
        _cache.Replace("", [Version(5)], "5");
        var first = _cache.PresenceOf("shop");
        _cache.Apply("", Lamp, Version(6), "6");
        _cache.PresenceOf("shop").Should().Be(first).And.NotBe(0);
        _cache.PresenceOf("other").Should().Be(0);

        _cache.Apply("", Lamp, null, "7");
        _cache.PresenceOf("shop").Should().Be(0);
        _cache.Apply("", Lamp, Version(8), "8");
        var second = _cache.PresenceOf("shop");
        second.Should().NotBe(0).And.NotBe(first);

        _cache.Replace("", [Version(9)], "9");
        _cache.PresenceOf("shop").Should().NotBe(0).And.NotBe(second, "a list does not say what happened before it");
    }

    [Fact]
    public void An_event_older_than_an_own_write_does_not_restore_the_old_state()
    {
        _cache.Observe(Version(7));

        _cache.Apply("", Lamp, Version(6), "6");

        _cache.Get(Lamp)!.Metadata.ResourceVersion.Should().Be("7");
    }

    [Fact]
    public void The_response_to_a_write_does_not_restore_an_object_that_was_deleted_meanwhile()
    {
        _cache.Replace("", [Version(5)], "5");
        _cache.Apply("", Lamp, null, "8");

        _cache.Observe(Version(7));

        _cache.Get(Lamp).Should().BeNull();
    }

    [Fact]
    public void A_forgotten_item_is_removed_unless_it_was_replaced_meanwhile()
    {
        var first = Version(5);
        _cache.Replace("", [first], "5");
        _cache.Apply("", Lamp, Version(7), "7");
        _cache.Forget(first);
        _cache.Get(Lamp).Should().NotBeNull();

        _cache.Forget(_cache.Get(Lamp)!);

        _cache.Get(Lamp).Should().BeNull();
        _changes.Should().Equal((null, "5"), ("5", "7"), ("7", null));
    }

    [Fact]
    public void A_list_older_than_an_own_write_does_not_remove_the_object()
    {
        _cache.Observe(Version(7));

        _cache.Replace("", [], "6");
        _cache.Get(Lamp).Should().NotBeNull();

        _cache.Replace("", [], "8");
        _cache.Get(Lamp).Should().BeNull();
    }

    [Fact]
    public void The_deletion_of_an_object_does_not_remove_its_successor_of_the_same_name()
    {
        _cache.Replace("", [Version(5)], "5");
        _cache.Observe(Version(9));

        _cache.Apply("", Lamp, null, "8");

        _cache.Get(Lamp)!.Metadata.ResourceVersion.Should().Be("9");
    }

    [Fact]
    public void The_state_of_a_server_restored_from_a_backup_is_accepted()
    {
        _cache.Replace("", [Version(500), Version(501, "sofa")], "600");

        _cache.Replace("", [Version(40)], "50");

        _cache.List().Should().ContainSingle().Which.Metadata.ResourceVersion.Should().Be("40");
    }

    [Fact]
    public void A_list_of_one_namespace_removes_nothing_from_another()
    {
        var both = new ResourceCache<Gadget>(["shop", "depot"], new CacheOptions<Gadget>());
        both.Replace("shop", [Version(5)], "5");

        both.Replace("depot", [], "6");

        both.Get(Lamp).Should().NotBeNull();
        both.Synced.IsCompleted.Should().BeTrue();
    }

    [Fact]
    public void An_unknown_index_is_named_in_the_error()
    {
        var look = () => _cache.ByIndex("colour", "red");

        look.Should().Throw<ArgumentException>().WithMessage("The cache of Gadget has no index \"colour\"*");
    }

    [Fact]
    public void An_item_without_key_and_version_cannot_be_cached()
    {
        var make = () => new ResourceCache<string>([""], new CacheOptions<string>());

        make.Should().Throw<InvalidOperationException>().WithMessage("String cannot be cached: implement ICachedItem.");
    }

    private static Gadget Version(int version, string name = "lamp") =>
        new() { Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "shop", ResourceVersion = $"{version}" } };
}
