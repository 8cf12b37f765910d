using System.Text.Json;
using k8s.Models;
using TokenOperator.Api;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Tests.Api;

public sealed class TokenRequestTests
{
    private static V1Beta1OAuthToken Entity(Func<EntitySpec, EntitySpec>? change = null) => new()
    {
        Metadata = new V1ObjectMeta { Name = "marcus-gmail", NamespaceProperty = "mail", Uid = "u1", Generation = 1 },
        Spec = (change ?? (s => s))(new EntitySpec { Provider = "google", Account = "marcus", ClientSecretRef = new SecretKeyRef { Name = "client" } }),
    };

    [Fact]
    public void The_defaults_are_as_specified()
    {
        var request = TokenRequest.From(Entity(s => s with { SeedSecretRef = new SecretKeyRef { Name = "seed" } }), out var error)!;
        error.Should().BeEmpty();
        request.Client!.Value.Key.Should().Be("credentials.json");
        request.Seed!.Value.Key.Should().Be("token.json");
        request.RefreshBefore.Should().Be(TimeSpan.FromMinutes(15));
        request.SecretName.Should().Be("marcus-gmail");
        request.Scopes.Should().BeEmpty();
        request.Suspended.Should().BeFalse();
    }

    [Theory]
    [InlineData(null, "Secret mail/client")]
    [InlineData("web.json", "Secret mail/client, key web.json")]
    public void Messages_name_the_key_of_the_client_only_if_the_spec_does(string? key, string shown) =>
        TokenRequest.From(Entity(s => s with { ClientSecretRef = new SecretKeyRef { Name = "client", Key = key } }), out _)!.Credentials.Should().Be(shown);

    public static TheoryData<string, Func<EntitySpec, EntitySpec>> Mistakes => new()
    {
        { "spec.provider is empty*google*", s => s with { Provider = "" } },
        { "spec.account is empty*marcus*", s => s with { Account = " " } },
        { "spec.account has 10240 characters; expected at most 256.", s => s with { Account = new string('x', 10240) } },
        { "spec.account has a control character*", s => s with { Account = "mar\ncus" } },
        { "spec.clientSecretRef.name is empty*", s => s with { ClientSecretRef = null } },
        { "spec.seedSecretRef.name is empty*", s => s with { SeedSecretRef = new SecretKeyRef() } },
        { "spec.scopes has \"a?[31m\"; expected the name of one scope*", s => s with { Scopes = ["openid", "a\e[31m"] } },
        { "spec.scopes has \"a?Next: b\"; *", s => s with { Scopes = ["a\nNext: b"] } },
        { "spec.scopes has \"a?b\"; *", s => s with { Scopes = ["a\u202eb"] } },
        { "spec.scopes has \"openid email\"; *", s => s with { Scopes = ["openid email"] } },
        { "spec.scopes has \"\"; *", s => s with { Scopes = [""] } },
        { "spec.scopes has \"xxx*...\"; *", s => s with { Scopes = [new string('x', 50_000)] } },
        { "spec.secretName is \"marcus-gmail\", the name of this object, because it is not set, and spec.clientSecretRef names the same Secret.*another name.", s => s with { ClientSecretRef = new SecretKeyRef { Name = "marcus-gmail" } } },
        { "spec.secretName is \"seed\", and spec.seedSecretRef names the same Secret.*", s => s with { SecretName = "seed", SeedSecretRef = new SecretKeyRef { Name = "seed" } } },
        { "spec.secretName is \"key\", and the grant names the same Secret.*", s => s with { SecretName = "key", ClientSecretRef = null, Grant = "JWTBearer", JwtBearer = new() { KeySecretRef = new SecretKeyRef { Name = "key" } } } },
        { "spec.refreshBefore is \"0\"; expected a duration such as 15m*", s => s with { RefreshBefore = "0" } },
        { "spec.refreshBefore is \"-1m\"; expected a duration*", s => s with { RefreshBefore = "-1m" } },
        { "spec.refreshBefore is \"banana\"; expected a duration*", s => s with { RefreshBefore = "banana" } },
        { "spec.refreshBefore is \"59s\"; expected at least 1m.", s => s with { RefreshBefore = "59s" } },
        { "spec.deletionPolicy is \"Explode\"; expected Retain, Delete or Revoke.", s => s with { DeletionPolicy = "Explode" } },
        { "spec.secretDeletionPolicy is \"Keep\"; expected Delete or Orphan.", s => s with { SecretDeletionPolicy = "Keep" } },
        { "spec.secretTemplate.labels sets \"app.kubernetes.io/managed-by\"*", s => Labelled(s, "app.kubernetes.io/managed-by", "me") },
        { "spec.secretTemplate.labels has the name \"a b\"*", s => Labelled(s, "a b", "c") },
        { "spec.secretTemplate.labels[\"team\"] is \"a b\"*", s => Labelled(s, "team", "a b") },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void An_error_names_its_field_what_was_found_and_what_was_expected(string expected, Func<EntitySpec, EntitySpec> mistake)
    {
        TokenRequest.From(Entity(mistake), out var error).Should().BeNull();
        error.Should().Match(expected);
        error.Length.Should().BeLessThan(300, "what was found is not echoed at length");
    }

    [Fact]
    public void A_refreshBefore_longer_than_any_token_lives_is_valid() =>
        TokenRequest.From(Entity(s => s with { RefreshBefore = "100h" }), out _)!.RefreshBefore.Should().Be(TimeSpan.FromHours(100));

    public static TheoryData<string, Action<V1Beta1OAuthToken>> Weapons => new()
    {
        { "has more than 1024 characters; expected at most 1024.", e => Template(e, annotations: new() { ["a"] = new string('x', 1_300_000) }) },
        { "spec.secretTemplate.annotations has the name", e => Template(e, annotations: new() { [new string('x', 1_300_000)] = "" }) },
        { "spec.secretTemplate.annotations has more than 32 entries", e => Template(e, annotations: Enumerable.Range(0, 50_000).ToDictionary(i => $"a{i}", _ => "v")) },
        { "spec.secretTemplate.labels has more than 32 entries", e => Template(e, labels: Enumerable.Range(0, 50_000).ToDictionary(i => $"a{i}", _ => "v")) },
        { "spec.secretTemplate.labels[", e => Template(e, labels: new() { ["a"] = new string('x', 1_300_000) }) },
        { "", e => e.Metadata.Annotations = Enumerable.Range(0, 5000).ToDictionary(i => $"a{i}", _ => new string('x', 40)) },
        { "", e => e.Metadata.Annotations = new Dictionary<string, string> { [RefreshRequestedAnnotation] = new string('x', 250_000) } },
        { "", e => e.Metadata.Labels = Enumerable.Range(0, 50_000).ToDictionary(i => $"a{i}", _ => "v") },
        { "", e => e.Metadata.OwnerReferences = [.. Enumerable.Range(0, 5000).Select(i => new V1OwnerReference { Name = $"{i}", Uid = new string('x', 100) })] },
    };

    [Theory]
    [MemberData(nameof(Weapons))]
    public void An_object_of_any_size_takes_little_memory_and_what_is_too_large_is_still_an_error(string error, Action<V1Beta1OAuthToken> enlarge)
    {
        var entity = Entity();
        enlarge(entity);

        var kept = TokenRequest.Shrink(entity);

        JsonSerializer.SerializeToUtf8Bytes(kept, OAuthTokenJson.Default.V1Beta1OAuthToken).Length.Should().BeLessThan(64 * 1024);
        TokenRequest.From(kept, out var found);
        (error.Length == 0 ? found : found.Contains(error, StringComparison.Ordinal) ? error : found).Should().Be(error);
    }

    [Fact]
    public void What_the_operator_reads_of_an_object_is_kept()
    {
        var entity = Entity();
        Template(entity, new() { ["team"] = "mail" }, new() { ["example.com/owner"] = new string('x', TokenRequest.MaxAnnotationLength) });
        entity.Metadata.Annotations = new Dictionary<string, string> { [RefreshRequestedAnnotation] = "now", ["kubectl.kubernetes.io/last-applied-configuration"] = "{}" };
        entity.Metadata.Finalizers = ["tokenoperator.dev/account"];
        var before = TokenRequest.From(entity, out _);

        var kept = TokenRequest.Shrink(entity);

        TokenRequest.From(kept, out _).Should().BeEquivalentTo(before);
        kept.Metadata.Annotations.Should().Equal(new Dictionary<string, string> { [RefreshRequestedAnnotation] = "now" });
        kept.Metadata.Finalizers.Should().Equal("tokenoperator.dev/account");
    }

    [Theory]
    [InlineData("google", "anna", "spec.account was marcus and cannot change. Change it back, or delete this OAuthToken and create another one.")]
    [InlineData("microsoft", "marcus", "spec.provider was google and cannot change. Change it back, or delete this OAuthToken and create another one.")]
    [InlineData("google", "marcus", "")]
    public void An_object_keeps_the_account_that_it_has_used(string provider, string account, string error)
    {
        var entity = Entity(s => s with { Provider = provider, Account = account });
        TokenRequest.From(entity, out _).Should().NotBeNull("it has used none yet");
        entity.Status = new EntityStatus { Provider = "google", Account = "marcus" };

        TokenRequest.From(entity, out var found);

        found.Should().Be(error);
        TokenRequest.From(TokenRequest.WithUsedAccount(entity), out _)!.Key.ToString().Should().Be("google/marcus");
    }

    private static void Template(V1Beta1OAuthToken entity, Dictionary<string, string>? labels = null, Dictionary<string, string>? annotations = null) =>
        entity.Spec = entity.Spec with { SecretTemplate = new Template { Labels = labels, Annotations = annotations } };

    private static EntitySpec Labelled(EntitySpec spec, string name, string value) =>
        spec with { SecretTemplate = new Template { Labels = new Dictionary<string, string> { [name] = value } } };
}
