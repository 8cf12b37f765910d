using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Documents;

/// <summary>The forms of a request's body.</summary>
public enum RequestFormat
{
    /// <summary>application/x-www-form-urlencoded, as RFC 6749 requires.</summary>
    Form,

    /// <summary>A JSON object.</summary>
    Json,

    /// <summary>The query of the address, and no body.</summary>
    Query,
}

/// <summary>The form of a request.</summary>
public sealed record RequestRules
{
    /// <summary>The form of the body.</summary>
    public RequestFormat Format { get; init; } = RequestFormat.Form;

    /// <summary>The method; null: GET for a query, and POST otherwise.</summary>
    public HttpMethod? Method { get; init; }

    /// <summary>Header fields. <c>Accept: application/json</c> unless the document says otherwise.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
}

/// <summary>Changes of a request's parameters.</summary>
/// <param name="Set">Parameters to add or to override, each with one or more values.</param>
/// <param name="Omit">Names of parameters that the request would otherwise have.</param>
public sealed record RequestParameters(IReadOnlyList<KeyValuePair<string, string>> Set, IReadOnlyList<string> Omit)
{
    /// <summary>No changes.</summary>
    public static RequestParameters None { get; } = new([], []);

    /// <summary>The parameters of a request: <paramref name="defaults"/> with these changes. A value that is null is left out.</summary>
    public IEnumerable<KeyValuePair<string, string>> Apply(params IEnumerable<(string Name, string? Value)> defaults) =>
        defaults.Where(parameter => parameter.Value is not null && !Omit.Contains(parameter.Name) && Set.All(other => other.Key != parameter.Name))
            .Select(parameter => KeyValuePair.Create(parameter.Name, parameter.Value!))
            .Concat(Set);
}

/// <summary>Proof Key for Code Exchange (RFC 7636).</summary>
public enum PkceUse
{
    /// <summary>Sent.</summary>
    S256,

    /// <summary>Not sent, because the provider rejects it.</summary>
    Off,
}

/// <summary>The request for consent.</summary>
public sealed record AuthorizationRules
{
    /// <summary>Changes of the parameters.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;

    /// <summary>Whether a code challenge is sent.</summary>
    public PkceUse Pkce { get; init; } = PkceUse.S256;

    /// <summary>The name of the parameter that holds the code in the response.</summary>
    public string CodeParameter { get; init; } = "code";

    /// <summary>Parameters of the response that are kept, because nothing else has them (QuickBooks' <c>realmId</c>).</summary>
    public IReadOnlyList<string> Keep { get; init; } = [];

    /// <summary>True if the redirect address must name <c>localhost</c>, and <c>127.0.0.1</c> is rejected.</summary>
    public bool NeedsLocalhost { get; init; }
}

/// <summary>The refresh.</summary>
public sealed record RefreshRules
{
    /// <summary>Where to refresh; null: the token endpoint.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>The value of <c>grant_type</c>.</summary>
    public string GrantType { get; init; } = "refresh_token";

    /// <summary>The name of the parameter that holds the token.</summary>
    public string TokenParameter { get; init; } = "refresh_token";

    /// <summary>True if the access token itself is exchanged, as long as it is valid, because the provider has no refresh tokens.</summary>
    public bool UsesAccessToken { get; init; }

    /// <summary>True if the scopes of the spec are sent.</summary>
    public bool SendsScopes { get; init; }

    /// <summary>Changes of the parameters.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;
}

/// <summary>How the provider writes scopes.</summary>
public sealed record ScopeRules
{
    /// <summary>What separates scopes in requests and responses.</summary>
    public char Separator { get; init; } = ' ';

    /// <summary>The name of the parameter in requests.</summary>
    public string Parameter { get; init; } = "scope";

    /// <summary>The value of the parameter; null if there are no scopes.</summary>
    public string? Join(IReadOnlyList<string> scopes) => scopes.Count > 0 ? string.Join(Separator, scopes) : null;

    /// <summary>Scopes that a consent requests in addition to those of the spec.</summary>
    public IReadOnlyList<string> Consent { get; init; } = [];

    /// <summary>Names that mean the same as another one, which is the value.</summary>
    public IReadOnlyDictionary<string, string> Aliases { get; init; } = new Dictionary<string, string>();

    /// <summary>A prefix that scopes in responses can have or lack (<c>https://graph.microsoft.com/</c>); compared without regard to case. Null: none.</summary>
    public string? OptionalPrefix { get; init; }

    /// <summary>Scopes that responses never name.</summary>
    public IReadOnlyList<string> NotEchoed { get; init; } = [];

    /// <summary>True if responses name scopes that say nothing about what was granted, so that they are not compared.</summary>
    public bool AreNotComparable { get; init; }

    /// <summary>What separates scopes in responses; null: as in requests.</summary>
    public char? ResponseSeparator { get; init; }

    /// <summary>
    /// The scopes of <paramref name="wanted"/>, as they are named there, that <paramref name="granted"/> has under no name. None if the
    /// provider did not name the granted scopes (RFC 6749 section 5.1).
    /// </summary>
    public IReadOnlyList<string> Missing(IReadOnlyList<string> wanted, IReadOnlyList<string> granted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(granted);
        if (wanted.Count == 0 || granted.Count == 0 || AreNotComparable)
            return [];
        var names = granted.Select(Canonical).ToHashSet(StringComparer.Ordinal);
        return [.. wanted.Where(scope => !NotEchoed.Contains(scope) && !names.Contains(Canonical(scope))).Distinct(StringComparer.Ordinal)];
    }

    private string Canonical(string scope)
    {
        // An address is the same with and without a slash at its end, as in https://mail.google.com/.
        var name = scope.StartsWith("https://", StringComparison.Ordinal) ? scope.TrimEnd('/') : scope;
        name = Aliases.GetValueOrDefault(name, name);
        if (OptionalPrefix is not { } prefix)
            return name;
        return (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? name[prefix.Length..] : name).ToUpperInvariant();
    }
}

/// <summary>How often the provider may be asked.</summary>
public sealed record RequestLimits
{
    /// <summary>For all accounts together.</summary>
    public RequestRate Rate { get; init; } = RequestRate.Default;

    /// <summary>For all accounts of one OAuth client; null: only <see cref="Rate"/> counts.</summary>
    public RequestRate? ClientRate { get; init; }

    /// <summary>The least time between two refreshes of one account.</summary>
    public TimeSpan MinInterval { get; init; }
}
