// Checks: compares a provider's document with what the provider says and does. Only ProviderCheck sends anything.
using System.Text.Json;
using TokenOperator.Core.Text;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Checks;

/// <summary>What a provider publishes about itself (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2). A field that is absent is null or empty.</summary>
public sealed record DiscoveryDocument
{
    private const int MaxValueLength = 200;

    /// <summary>issuer.</summary>
    public string? Issuer { get; init; }

    /// <summary>token_endpoint.</summary>
    public string? TokenEndpoint { get; init; }

    /// <summary>authorization_endpoint.</summary>
    public string? AuthorizationEndpoint { get; init; }

    /// <summary>device_authorization_endpoint (RFC 8628 section 4).</summary>
    public string? DeviceAuthorizationEndpoint { get; init; }

    /// <summary>revocation_endpoint.</summary>
    public string? RevocationEndpoint { get; init; }

    /// <summary>code_challenge_methods_supported.</summary>
    public IReadOnlyList<string> ChallengeMethods { get; init; } = [];

    /// <summary>token_endpoint_auth_methods_supported. If it is absent, only <c>client_secret_basic</c> is supported.</summary>
    public IReadOnlyList<string> AuthenticationMethods { get; init; } = [];

    /// <summary>Reads the metadata; null if it is not a JSON object.</summary>
    public static DiscoveryDocument? Read(ReadOnlyMemory<byte> content)
    {
        try
        {
            using var document = JsonDocument.Parse(content, new JsonDocumentOptions { MaxDepth = 16 });
            return document.RootElement.ValueKind == JsonValueKind.Object ? Read(document.RootElement) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: the escapes of a string are not valid text.
            return null;
        }
    }

    private static DiscoveryDocument Read(JsonElement json) => new()
    {
        Issuer = Text(json, "issuer"),
        TokenEndpoint = Text(json, "token_endpoint"),
        AuthorizationEndpoint = Text(json, "authorization_endpoint"),
        DeviceAuthorizationEndpoint = Text(json, "device_authorization_endpoint"),
        RevocationEndpoint = Text(json, "revocation_endpoint"),
        ChallengeMethods = Texts(json, "code_challenge_methods_supported"),
        AuthenticationMethods = Texts(json, "token_endpoint_auth_methods_supported"),
    };

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? DisplayText.Of(text, MaxValueLength) : null;

    private static List<string> Texts(JsonElement json, string name) => json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array
        ? [.. list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => DisplayText.Of(item.GetString()!, MaxValueLength))]
        : [];
}

/// <summary>A field in which a provider's document and its discovery document differ.</summary>
/// <param name="Field">The field of the provider's document.</param>
/// <param name="Ours">What the provider's document says; <c>not set</c> if nothing.</param>
/// <param name="Theirs">What the discovery document says.</param>
public sealed record DiscoveryDifference(string Field, string Ours, string Theirs)
{
    private const string NotSet = "not set";

    /// <summary>The differences. What the discovery document does not say is no difference.</summary>
    public static IReadOnlyList<DiscoveryDifference> Find(ProviderDocument provider, DiscoveryDocument discovery)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentNullException.ThrowIfNull(discovery);
        return
        [
            .. Addresses(
                ("tokenEndpoint", provider.TokenEndpoint, discovery.TokenEndpoint),
                ("authorizationEndpoint", provider.AuthorizationEndpoint, discovery.AuthorizationEndpoint),
                ("deviceAuthorizationEndpoint", provider.DeviceAuthorizationEndpoint, discovery.DeviceAuthorizationEndpoint),
                ("revocation.endpoint", provider.Revocation?.Endpoint, discovery.RevocationEndpoint)),
            .. Issuers(provider, discovery),
            .. Challenges(provider, discovery),
            .. Authentication(provider, discovery),
        ];
    }

    private static IEnumerable<DiscoveryDifference> Addresses(params IEnumerable<(string Field, Uri? Ours, string? Theirs)> addresses) => addresses
        .Where(address => address.Theirs is not null && (!Uri.TryCreate(address.Theirs, UriKind.Absolute, out var theirs) || theirs != address.Ours))
        .Select(address => new DiscoveryDifference(address.Field, address.Ours?.AbsoluteUri ?? NotSet, address.Theirs!));

    private static IEnumerable<DiscoveryDifference> Issuers(ProviderDocument provider, DiscoveryDocument discovery) =>
        // A multi-tenant issuer names its tenant by a placeholder, such as {tenantid}.
        discovery.Issuer is not { } issuer || issuer.Contains('{', StringComparison.Ordinal) || provider.Identity.Issuers.Contains(issuer, StringComparer.Ordinal)
            ? []
            : [new DiscoveryDifference("identity.issuers", provider.Identity.Issuers.Count == 0 ? NotSet : DisplayText.List(provider.Identity.Issuers), issuer)];

    private static IEnumerable<DiscoveryDifference> Challenges(ProviderDocument provider, DiscoveryDocument discovery)
    {
        // An absent list says nothing: many providers support PKCE and do not mention it.
        var isSupported = discovery.ChallengeMethods.Contains("S256", StringComparer.Ordinal);
        if (discovery.ChallengeMethods.Count > 0 && isSupported != (provider.Authorization.Pkce == PkceUse.S256))
            yield return new DiscoveryDifference("authorization.pkce", provider.Authorization.Pkce == PkceUse.S256 ? "S256" : "off", DisplayText.List(discovery.ChallengeMethods));
    }

    private static IEnumerable<DiscoveryDifference> Authentication(ProviderDocument provider, DiscoveryDocument discovery)
    {
        var (ours, standard) = provider.ClientAuthentication.Method switch
        {
            ClientAuthenticationMethod.Post => ("post", "client_secret_post"),
            ClientAuthenticationMethod.Basic => ("basic", "client_secret_basic"),
            ClientAuthenticationMethod.None => ("none", "none"),
            ClientAuthenticationMethod.PrivateKeyJwt => ("privateKeyJWT", "private_key_jwt"),
            ClientAuthenticationMethod.Certificate => ("certificate", "private_key_jwt"),
            _ => ("secretAsUser", null),
        };
        if (standard is not null && discovery.AuthenticationMethods.Count > 0 && !discovery.AuthenticationMethods.Contains(standard, StringComparer.Ordinal))
            yield return new DiscoveryDifference("clientAuthentication.method", ours, DisplayText.List(discovery.AuthenticationMethods));
    }
}
