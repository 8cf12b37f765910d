using System.Security.Cryptography;
using System.Text;
using System.Web;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Authorization;

/// <summary>What the browser brings back (RFC 6749 sections 4.1.2 and 4.1.2.1).</summary>
/// <param name="State">As in the request that it answers; null if missing.</param>
/// <param name="Code">The code, or null.</param>
/// <param name="Error">The error code and description, safe to show, or null.</param>
public sealed record AuthorizationResponse(string? State, SecretValue? Code, string? Error)
{
    private const int MaxLength = 8 * 1024;
    private const int MaxKeptLength = 1024;

    /// <summary>True if the person refused, and not the provider or its administrator.</summary>
    public bool IsDenied { get; private init; }

    /// <summary>The server that it is from (RFC 9207), or null if the response does not say.</summary>
    public string? Issuer { get; private init; }

    /// <summary>The parameters that the provider's document keeps, because nothing else has them.</summary>
    public IReadOnlyDictionary<string, string> Kept { get; private init; } = TokenSet.NoExports;

    /// <summary>Reads a redirect's query, or the whole address, without its fragment. A parameter that occurs twice counts as missing.</summary>
    /// <param name="query">What the browser brought.</param>
    /// <param name="rules">The names of the code and of the parameters to keep; null: those of the standard.</param>
    public static AuthorizationResponse Read(string query, AuthorizationRules? rules = null)
    {
        ArgumentNullException.ThrowIfNull(query);
        rules ??= new AuthorizationRules();
        if (query.Length > MaxLength)
            return new AuthorizationResponse(null, null, "the response is too long");
        // Reddit appends #_ to the address.
        query = query.Split('#')[0];
        var fields = HttpUtility.ParseQueryString(query.Contains('?', StringComparison.Ordinal) ? query[query.IndexOf('?', StringComparison.Ordinal)..] : query);
        string? Single(string name) => fields.GetValues(name) is [{ Length: > 0 } value] ? value : null;
        var (error, code) = (Single("error"), Single(rules.CodeParameter));
        var description = Single("error_description") is { } text ? $": {text}" : "";
        return new AuthorizationResponse(
            Single("state"),
            code is not null && CredentialSyntax.IsValid(code) ? new SecretValue(code) : null,
            error is null ? null : Redactor.Of(error + description, SecretValue.From(code)))
        {
            IsDenied = error == "access_denied",
            Issuer = Single("iss"),
            Kept = rules.Keep
                .Select(name => (Name: name, Value: Single(name)))
                .Where(kept => kept.Value is { Length: <= MaxKeptLength } && DisplayText.IsPrintable(kept.Value))
                .ToDictionary(kept => kept.Name, kept => kept.Value!, StringComparer.Ordinal),
        };
    }

    /// <summary>
    /// Reads what a person copied from the browser: the address, a part of it, or the code alone, which is encoded as it is in the address. A code
    /// does not name the request that it answers, but it is useless with the verifier of another request.
    /// </summary>
    /// <param name="pasted">What the person copied.</param>
    /// <param name="state">The state of the request, which a code alone counts as an answer to.</param>
    /// <param name="rules">As for <see cref="Read"/>.</param>
    /// <param name="isCode">True if it is the code alone.</param>
    public static AuthorizationResponse ReadPasted(string pasted, string state, AuthorizationRules rules, out bool isCode)
    {
        ArgumentNullException.ThrowIfNull(pasted);
        ArgumentNullException.ThrowIfNull(rules);
        var code = Uri.UnescapeDataString(pasted.Split('#')[0]);
        isCode = !new[] { "://", rules.CodeParameter + "=", "error=", "state=" }.Any(part => pasted.Contains(part, StringComparison.Ordinal)) && CredentialSyntax.IsValid(code);
        return isCode ? new AuthorizationResponse(state, new SecretValue(code), null) : Read(pasted, rules);
    }

    /// <summary>True if it answers the request that was sent with <paramref name="state"/>. Compares in constant time.</summary>
    public bool MatchesState(string state) =>
        State is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(State), Encoding.UTF8.GetBytes(state));
}
