using System.Security.Cryptography;
using System.Text;
using System.Web;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Authorization;

/// <summary>What the browser brought back (RFC 6749 section 4.1.2).</summary>
/// <param name="State">As it was sent, if it is the answer to that request.</param>
/// <param name="Code">The code, or null.</param>
/// <param name="Error">The error code and description, made safe to show, or null.</param>
public sealed record AuthorizationResponse(string? State, SecretValue? Code, string? Error)
{
    private const int MostCharacters = 8 * 1024;

    /// <summary>True when the person, and not the provider or its administrator, said no.</summary>
    public bool IsDenied { get; private init; }

    /// <summary>Reads the query of the redirect, or the whole address.</summary>
    public static AuthorizationResponse Read(string query)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (query.Length > MostCharacters)
            return new AuthorizationResponse(null, null, "the answer is too long");
        var fields = HttpUtility.ParseQueryString(query.Contains('?', StringComparison.Ordinal) ? query[query.IndexOf('?', StringComparison.Ordinal)..] : query);
        string? One(string name) => fields.GetValues(name) is [{ Length: > 0 } value] ? value : null;
        var (error, code) = (One("error"), One("code"));
        var description = One("error_description") is { } text ? $": {text}" : "";
        return new AuthorizationResponse(
            One("state"),
            code is not null && CredentialSyntax.IsValid(code) ? new SecretValue(code) : null,
            error is null ? null : Redactor.Of(error + description))
        {
            IsDenied = error == "access_denied",
        };
    }

    /// <summary>True when it answers the request that was sent with <paramref name="state"/>; takes the same time whatever differs.</summary>
    public bool Answers(string state) =>
        State is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(State), Encoding.UTF8.GetBytes(state));
}
