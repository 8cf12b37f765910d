namespace TokenOperator.Providers.Authorization;

/// <summary>What a person is asked for.</summary>
public sealed record AuthorizationRequest
{
    /// <summary>Which application asks.</summary>
    public required string ClientId { get; init; }

    /// <summary>Where the browser comes back to.</summary>
    public required Uri RedirectUri { get; init; }

    /// <summary>What the token shall be good for.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>Comes back with the answer (RFC 6749 section 10.12).</summary>
    public required string State { get; init; }

    /// <summary>Of this request alone.</summary>
    public required Pkce Pkce { get; init; }

    /// <summary>Which account to offer first, or null. A wish: whether the right one consented is looked at afterwards.</summary>
    public string? LoginHint { get; init; }

    /// <summary>The address at <paramref name="endpoint"/>, which may have a query of its own. Scopes that stand in both lists are asked for once.</summary>
    public Uri AddressAt(Uri endpoint, IEnumerable<string> furtherScopes)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        (string Name, string? Value)[] parameters =
        [
            ("response_type", "code"),
            ("client_id", ClientId),
            ("redirect_uri", RedirectUri.AbsoluteUri),
            ("scope", string.Join(' ', Scopes.Concat(furtherScopes).Distinct(StringComparer.Ordinal))),
            ("state", State),
            ("code_challenge", Pkce.Challenge),
            ("code_challenge_method", "S256"),
            // Google hands out a refresh token only for the first, and only at a consent that was really asked for.
            ("access_type", "offline"),
            ("prompt", "consent"),
            ("login_hint", LoginHint),
        ];
        var query = string.Join('&', parameters.Where(parameter => parameter.Value is not null).Select(parameter => $"{parameter.Name}={Uri.EscapeDataString(parameter.Value!)}"));
        return new Uri($"{endpoint.AbsoluteUri}{(endpoint.Query.Length > 0 ? '&' : '?')}{query}");
    }
}
