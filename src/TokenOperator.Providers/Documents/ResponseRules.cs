namespace TokenOperator.Providers.Documents;

/// <summary>The forms of a response's body.</summary>
public enum ResponseFormat
{
    /// <summary>By its content type.</summary>
    Auto,

    /// <summary>JSON.</summary>
    Json,

    /// <summary>application/x-www-form-urlencoded.</summary>
    Form,
}

/// <summary>How responses are read. A path is names with dots between them.</summary>
public sealed record ResponseRules
{
    /// <summary>The form of the body.</summary>
    public ResponseFormat Format { get; init; } = ResponseFormat.Auto;

    /// <summary>The path of the access token.</summary>
    public string AccessToken { get; init; } = "access_token";

    /// <summary>The path of the refresh token.</summary>
    public string RefreshToken { get; init; } = "refresh_token";

    /// <summary>The path of the lifetime.</summary>
    public string ExpiresIn { get; init; } = "expires_in";

    /// <summary>The path of the moment of expiry (RFC 3339, or a Unix time), which counts if there is no lifetime.</summary>
    public string ExpiresAt { get; init; } = "expires_at";

    /// <summary>The path of the refresh token's lifetime in seconds.</summary>
    public string RefreshTokenExpiresIn { get; init; } = "refresh_token_expires_in";

    /// <summary>The path of the type.</summary>
    public string TokenType { get; init; } = "token_type";

    /// <summary>The path of the scopes.</summary>
    public string Scope { get; init; } = "scope";

    /// <summary>The path of the id_token.</summary>
    public string IdToken { get; init; } = "id_token";

    /// <summary>A prefix of all paths in the response to a code, and not in that to a refresh (Slack's <c>authed_user</c>); null: none.</summary>
    public string? CodeExchangeRoot { get; init; }

    /// <summary>The type of every token, whatever the response says; null: as the response says.</summary>
    public string? FixedTokenType { get; init; }

    /// <summary>Values that make a response a failure, whatever its status (Slack's <c>ok: false</c>).</summary>
    public IReadOnlyList<FailureMarker> Failures { get; init; } = [];
}

/// <summary>A value that makes a response a failure.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Value">As text; <c>true</c> and <c>false</c> for a flag.</param>
public sealed record FailureMarker(string Path, string Value);

/// <summary>When access tokens expire.</summary>
public sealed record ExpiryRules
{
    /// <summary>How long an interval between two checks of a token that never expires is, unless the document says otherwise.</summary>
    public static readonly TimeSpan DefaultCheckInterval = TimeSpan.FromHours(24);

    /// <summary>True if lifetimes are in milliseconds, and not in seconds.</summary>
    public bool IsInMilliseconds { get; init; }

    /// <summary>The lifetime of a token whose response has none; null: such a response is not valid.</summary>
    public TimeSpan? Default { get; init; }

    /// <summary>The longest lifetime that is believed; null: 10 years.</summary>
    public TimeSpan? Max { get; init; }

    /// <summary>True if the access token is a JWT whose <c>exp</c> counts if the response has no lifetime.</summary>
    public bool ReadsJwt { get; init; }

    /// <summary>True if a response without a lifetime means a token that never expires.</summary>
    public bool Never { get; init; }

    /// <summary>How often a token that never expires is checked.</summary>
    public TimeSpan CheckInterval { get; init; } = DefaultCheckInterval;

    /// <summary>Where to check it: a GET request with the access token, which a status of 401 rejects. Null: it is not checked.</summary>
    public Uri? CheckEndpoint { get; init; }
}

/// <summary>Where an exported value comes from.</summary>
/// <param name="Place">Which part of the exchange has it.</param>
/// <param name="Path">Its path or name there.</param>
public sealed record ExportSource(ExportPlace Place, string Path);

/// <summary>The parts of an exchange that can have a value to export.</summary>
public enum ExportPlace
{
    /// <summary>The response of the token endpoint.</summary>
    Response,

    /// <summary>The response of the authorization endpoint.</summary>
    Callback,

    /// <summary>A parameter of the document.</summary>
    Parameter,
}

/// <summary>Who consented.</summary>
public sealed record IdentityRules
{
    /// <summary>The values that <c>iss</c> of the id_token, and of the authorization response, can have. Empty: not checked.</summary>
    public IReadOnlyList<string> Issuers { get; init; } = [];

    /// <summary>The claim of the id_token that names the person for other people.</summary>
    public string Claim { get; init; } = "email";

    /// <summary>True if the claim counts without <c>email_verified</c>, because only administrators can change it.</summary>
    public bool TrustsUnverified { get; init; }

    /// <summary>The path of the person's identifier in the response, for a provider without an id_token; null: none.</summary>
    public string? ResponsePath { get; init; }
}
