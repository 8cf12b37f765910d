using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using TokenOperator.Providers.Google;
using TokenOperator.Tokens;

namespace TokenOperator.Providers.Consent;

/// <summary>What the browser brought back (RFC 6749 section 4.1.2).</summary>
/// <param name="State">As it was sent, if it is the answer to that request.</param>
/// <param name="Code">The code, or null.</param>
/// <param name="Error">The error code and description, made safe to show, or null.</param>
public sealed record ConsentReply(string? State, SecretValue? Code, string? Error)
{
    private const int MostCharacters = 8 * 1024;

    /// <summary>True when the person, and not the provider or its administrator, said no.</summary>
    public bool IsDenied { get; private init; }

    /// <summary>Reads the query of the redirect, or the whole address.</summary>
    public static ConsentReply Read(string query)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (query.Length > MostCharacters)
            return new ConsentReply(null, null, "the answer is too long");
        var fields = QueryHelpers.ParseQuery(query.Contains('?', StringComparison.Ordinal) ? query[query.IndexOf('?', StringComparison.Ordinal)..] : query);
        string? One(string name) => fields.TryGetValue(name, out var values) && values is [{ Length: > 0 } value] ? value : null;
        var (error, code) = (One("error"), One("code"));
        var description = One("error_description") is { } text ? $": {text}" : "";
        return new ConsentReply(
            One("state"),
            code is not null && CredentialSyntax.IsValid(code) ? new SecretValue(code) : null,
            error is null ? null : SafeText.Of(error + description))
        {
            IsDenied = error == "access_denied",
        };
    }

    /// <summary>True when it answers the request that was sent with <paramref name="state"/>; takes the same time whatever differs.</summary>
    public bool Answers(string state) =>
        State is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(State), Encoding.UTF8.GetBytes(state));
}
