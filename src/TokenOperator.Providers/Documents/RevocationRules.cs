using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Documents;

/// <summary>What proves who revokes a grant.</summary>
public enum RevocationAuthentication
{
    /// <summary>The client, as at the token endpoint (RFC 7009 section 2.1).</summary>
    Client,

    /// <summary>The client, by its ID and secret in the body.</summary>
    Post,

    /// <summary>The client, by HTTP Basic.</summary>
    Basic,

    /// <summary>The token itself, as a bearer token (RFC 6750) and not as a parameter.</summary>
    Token,

    /// <summary>The token itself, as the parameter that it is.</summary>
    None,
}

/// <summary>How a provider revokes grants (RFC 7009).</summary>
public sealed record RevocationRules
{
    /// <summary>What stands for the client's identifier in <see cref="Endpoint"/>.</summary>
    public const string ClientIdPlaceholder = "{client_id}";

    /// <summary>Where. One segment of its path can be <see cref="ClientIdPlaceholder"/>.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>The method.</summary>
    public HttpMethod Method { get; init; } = HttpMethod.Post;

    /// <summary>The form of the request.</summary>
    public RequestFormat Format { get; init; } = RequestFormat.Form;

    /// <summary>What proves who revokes.</summary>
    public RevocationAuthentication Authentication { get; init; } = RevocationAuthentication.Client;

    /// <summary>True if the access token is sent, and not the refresh token.</summary>
    public bool SendsAccessToken { get; init; }

    /// <summary>The name of the parameter that holds the token.</summary>
    public string TokenParameter { get; init; } = "token";

    /// <summary>Changes of the parameters.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;

    /// <summary>True if a revocation is possible only with the client.</summary>
    public bool NeedsClient => Authentication is not (RevocationAuthentication.Token or RevocationAuthentication.None) || HasClientId;

    private bool HasClientId => Endpoint.OriginalString.Contains(ClientIdPlaceholder, StringComparison.Ordinal);

    /// <summary>
    /// The address for a client; null if its identifier cannot be part of an address. An identifier comes from the Secret of a namespace,
    /// so it is used only if it can neither leave its segment nor be anything else than a name there.
    /// </summary>
    public Uri? EndpointFor(OAuthClient? client) =>
        !HasClientId ? Endpoint
        : client is not null && DocumentTemplate.Value().IsMatch(client.ClientId) ? new Uri(Endpoint.OriginalString.Replace(ClientIdPlaceholder, client.ClientId, StringComparison.Ordinal))
        : null;

    /// <summary>The provider, with the requests and the authentication of a revocation.</summary>
    public ProviderDocument ApplyTo(ProviderDocument provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        var method = Authentication switch
        {
            RevocationAuthentication.Post => ClientAuthenticationMethod.Post,
            RevocationAuthentication.Basic => ClientAuthenticationMethod.Basic,
            _ => provider.ClientAuthentication.Method,
        };
        return provider with
        {
            ClientAuthentication = provider.ClientAuthentication with { Method = method },
            Request = provider.Request with { Format = Format, Method = Method },
        };
    }
}
