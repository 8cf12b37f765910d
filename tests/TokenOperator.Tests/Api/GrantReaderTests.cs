using k8s.Models;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Tests.Api;

public sealed class GrantReaderTests
{
    private static readonly SecretKeyRef Client = new() { Name = "client" };
    private static readonly SecretKeyRef Key = new() { Name = "key" };
    private static readonly EntitySpec Bare = new() { Provider = "p", Account = "a" };
    private static readonly EntitySpec Machine = Bare with { Grant = "ClientCredentials", ClientSecretRef = Client };
    private static readonly EntitySpec Assertion = Bare with { Grant = "JWTBearer", JwtBearer = new JwtBearerSpec { KeySecretRef = Key } };
    private static readonly EntitySpec App = Bare with { Grant = "GitHubApp", GithubApp = new GithubAppSpec { AppID = 1, PrivateKeySecretRef = Key, Owner = "example" } };
    private static readonly EntitySpec Entra = Bare with { Grant = "WorkloadIdentity", WorkloadIdentity = new WorkloadIdentitySpec { ClientID = "id" } };

    private static readonly EntitySpec Google = Bare with
    {
        Grant = "WorkloadIdentity",
        WorkloadIdentity = new WorkloadIdentitySpec { GoogleAudience = "//iam.googleapis.com/projects/1/x", ServiceAccount = "a@b.iam.gserviceaccount.com" },
    };

    /// <summary>A valid spec of each grant.</summary>
    public static IReadOnlyList<EntitySpec> Examples { get; } = [Bare with { ClientSecretRef = Client }, Machine, Assertion, Assertion with { ClientSecretRef = Client }, App, Entra, Google];

    private static TokenRequest? Read(EntitySpec spec, out string error) =>
        TokenRequest.From(new V1Beta1OAuthToken { Metadata = new V1ObjectMeta { Name = "o", NamespaceProperty = "ns" }, Spec = spec }, out error);

    private static TokenRequest Valid(EntitySpec spec) => Read(spec, out var error) ?? throw new InvalidOperationException(error);

    [Fact]
    public void Each_grant_is_read_with_its_block_and_the_place_of_its_credentials()
    {
        Valid(Bare with { ClientSecretRef = Client }).Grant.Should().BeOfType<Grant.RefreshToken>();
        Valid(Machine).Grant.Should().BeOfType<Grant.ClientCredentials>().Which.GrantType.Should().Be("client_credentials");
        var assertion = Valid(Assertion);
        assertion.Grant.Should().BeOfType<Grant.JwtBearer>().Which.Algorithm.Should().Be("RS256");
        assertion.SigningKey.Should().Be(new SecretKey("ns", "key", "private-key"));
        assertion.Client.Should().BeNull();
        assertion.Credentials.Should().Contain("ns/key");
        Valid(Assertion with { ClientSecretRef = Client }).Client!.Value.Key.Should().Be("credentials.json");
        Valid(App).Grant.Should().BeOfType<Grant.GitHubApp>().Which.AppId.Should().Be("1");
        Valid(Entra).Credentials.Should().Be("the operator's ServiceAccount");
        Valid(Google).Grant.Should().BeOfType<Grant.WorkloadIdentity>();
    }

    [Fact]
    public void Only_a_grant_without_a_consent_has_inputs_that_its_token_must_be_for()
    {
        Valid(Bare with { ClientSecretRef = Client, Scopes = ["a"] }).GrantInputs.Should().BeNull();
        var inputs = new[]
        {
            Machine, Machine with { Scopes = ["a"] }, Machine with { ClientSecretRef = new SecretKeyRef { Name = "other" } },
            Assertion, Assertion with { JwtBearer = new JwtBearerSpec { KeySecretRef = new SecretKeyRef { Name = "other" } } }, App, Entra, Google,
        }.Select(spec => Valid(spec).GrantInputs).ToList();
        inputs.Should().OnlyHaveUniqueItems().And.NotContainNulls();
    }

    public static TheoryData<string, EntitySpec> Mistakes => new()
    {
        { "spec.grant is \"Password\"; expected RefreshToken, ClientCredentials, JWTBearer, GitHubApp*", Bare with { Grant = "Password" } },
        { "spec.clientSecretRef.name is empty*", Bare },
        { "spec.clientSecretRef.name is empty*", Machine with { ClientSecretRef = null } },
        { "spec.jwtBearer does not fit spec.grant, which is ClientCredentials. Remove it, or set spec.grant to JWTBearer.", Machine with { JwtBearer = new JwtBearerSpec() } },
        { "spec.githubApp does not fit spec.grant, which is RefreshToken. Remove it, or set spec.grant to GitHubApp.", Bare with { ClientSecretRef = Client, GithubApp = new GithubAppSpec() } },
        { "spec.jwtBearer is missing; spec.grant JWTBearer needs it.", Assertion with { JwtBearer = null } },
        { "spec.githubApp is missing*", App with { GithubApp = null } },
        { "spec.workloadIdentity is missing*", Entra with { WorkloadIdentity = null } },
        { "spec.seedSecretRef does not fit spec.grant, which is ClientCredentials*Remove it.", Machine with { SeedSecretRef = Client } },
        { "spec.identity does not fit*", Assertion with { Identity = "a@b" } },
        { "spec.clientSecretRef does not fit spec.grant, which is GitHubApp*", App with { ClientSecretRef = Client } },
        { "spec.clientSecretRef does not fit spec.grant, which is WorkloadIdentity*", Entra with { ClientSecretRef = Client } },
        { "spec.scopes does not fit spec.grant, which is GitHubApp*permissions*", App with { Scopes = ["a"] } },
        { "spec.clientCredentials.parameters sets \"client_secret\"*", Machine with { ClientCredentials = new ClientCredentialsSpec { Parameters = Map("client_secret") } } },
        { "spec.clientCredentials.parameters sets \"Scope\"*", Machine with { ClientCredentials = new ClientCredentialsSpec { Parameters = Map("Scope") } } },
        { "spec.clientCredentials.parameters sets \"client_assertion_type\"*", Machine with { ClientCredentials = new ClientCredentialsSpec { Parameters = Map("client_assertion_type") } } },
        { "spec.clientCredentials.parameters has the name \"a b\"*", Machine with { ClientCredentials = new ClientCredentialsSpec { Parameters = Map("a b") } } },
        { "spec.clientCredentials.grantType is \"refresh_token\"*", Machine with { ClientCredentials = new ClientCredentialsSpec { GrantType = "refresh_token" } } },
        { "spec.clientCredentials.audience is \"a?b\"*", Machine with { ClientCredentials = new ClientCredentialsSpec { Audience = "a\nb" } } },
        { "spec.jwtBearer.keySecretRef.name is empty*", Assertion with { JwtBearer = new JwtBearerSpec() } },
        { "spec.jwtBearer.algorithm is \"none\"; expected RS256 or ES256.", Assertion with { JwtBearer = Assertion.JwtBearer! with { Algorithm = "none" } } },
        { "spec.jwtBearer.claims sets \"sub\"*", Assertion with { JwtBearer = Assertion.JwtBearer! with { Claims = Map("sub") } } },
        { "spec.githubApp.appID is missing*", App with { GithubApp = new GithubAppSpec() } },
        { "spec.githubApp has neither installationID nor owner*", App with { GithubApp = App.GithubApp! with { Owner = null } } },
        { "spec.githubApp has installationID and owner*", App with { GithubApp = App.GithubApp! with { InstallationID = 1 } } },
        { "spec.githubApp.repository does not fit installationID*", App with { GithubApp = App.GithubApp! with { Owner = null, InstallationID = 1, Repository = "a" } } },
        { "spec.githubApp.owner is \"../x\"*", App with { GithubApp = App.GithubApp! with { Owner = "../x" } } },
        { "spec.githubApp.owner is \"..\"*", App with { GithubApp = App.GithubApp! with { Owner = ".." } } },
        { "spec.githubApp.repositories has \"example/a\"*without its owner*", App with { GithubApp = App.GithubApp! with { Repositories = ["example/a"] } } },
        { "spec.githubApp.permissions has \"contents: all\"*", App with { GithubApp = App.GithubApp! with { Permissions = new Dictionary<string, string> { ["contents"] = "all" } } } },
        { "spec.workloadIdentity has neither clientID nor googleAudience*", Entra with { WorkloadIdentity = new WorkloadIdentitySpec() } },
        { "spec.workloadIdentity has clientID and googleAudience*", Entra with { WorkloadIdentity = new WorkloadIdentitySpec { ClientID = "a", GoogleAudience = "b" } } },
        { "spec.workloadIdentity.subject does not fit clientID*", Entra with { WorkloadIdentity = new WorkloadIdentitySpec { ClientID = "a", Subject = "b" } } },
        { "spec.workloadIdentity.googleAudience is \"https://evil.example\"*", Google with { WorkloadIdentity = Google.WorkloadIdentity! with { GoogleAudience = "https://evil.example" } } },
        { "spec.workloadIdentity.serviceAccount is missing*", Google with { WorkloadIdentity = Google.WorkloadIdentity! with { ServiceAccount = null } } },
        { "spec.workloadIdentity.serviceAccount is \"a@b/../c\"*", Google with { WorkloadIdentity = Google.WorkloadIdentity! with { ServiceAccount = "a@b/../c" } } },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_field_that_does_not_fit_the_grant_is_named_with_the_remedy(string expected, EntitySpec spec)
    {
        Read(spec, out var error).Should().BeNull();
        error.Should().Match(expected);
    }

    private static Dictionary<string, string> Map(string name) => new() { [name] = "value" };
}
