namespace TokenOperator.EndToEndTests;

/// <summary>What a user came for.</summary>
[Collection(ClusterGroup.Name)]
public sealed class MainJobTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorBed _bed = null!;

    public async Task InitializeAsync() => _bed = await OperatorBed.StartAsync(cluster);

    public async Task DisposeAsync() => await _bed.DisposeAsync();

    [Fact]
    public async Task An_applied_OAuthToken_becomes_a_Secret_with_a_valid_access_token_and_nothing_that_lives_longer()
    {
        var grant = await _bed.AddAccountAsync("marcus", spec => spec["secretName"] = "marcus-gmail-token");
        var view = await _bed.ReadyAsync("marcus");
        var secret = (await _bed.SecretAsync("marcus-gmail-token"))!;

        secret.Keys.Should().Equal("access_token", "account", "expires_at", "provider", "scope", "token_type");
        _bed.Tokens.IsValid(secret["access_token"]!).Should().BeTrue();
        secret["expires_at"].Should().Be(view["expiresAt"]).And.EndWith("Z");
        secret["token_type"].Should().Be("Bearer");
        secret["provider"].Should().Be("google");
        secret["account"].Should().Be("marcus");
        secret.Json.ToJsonString().Should().NotContain(grant.RefreshToken).And.NotContain("client-secret-1");
        ((string?)secret.Json["type"]).Should().Be("Opaque");
        ((string?)secret.Json["metadata"]!["labels"]!["app.kubernetes.io/managed-by"]).Should().Be("token-operator");
        var owner = secret.Json["metadata"]!["ownerReferences"]![0]!;
        ((string?)owner["uid"]).Should().Be((string?)view.Json["metadata"]!["uid"]);
        ((bool?)owner["controller"]).Should().BeTrue();
        ((string?)secret.Json["metadata"]!["managedFields"]![0]!["operation"]).Should().Be("Apply");
        foreach (var type in new[] { "Ready", "Refreshed", "Persisted" })
            view.Status(type).Should().Be("True");
        view.Status("Stalled").Should().Be("False");
        (await _bed.QueryAsync("select array_to_string(namespaces, ',') from oauth_tokens where account = 'marcus'")).Should().Be(_bed.Namespace);
    }
}
