namespace TokenOperator.Core.Tokens;

/// <summary>The characters that RFC 6749 appendix A allows.</summary>
public static class CredentialSyntax
{
    /// <summary>True for a valid token, client_id or client_secret: VSCHAR, without a space at either end.</summary>
    public static bool IsValid(string text) =>
        text.Length > 0 && text[0] != ' ' && text[^1] != ' ' && !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    /// <summary>True for one scope: printable ASCII without a space, a quotation mark or a backslash (NQCHAR).</summary>
    public static bool IsScope(string text) =>
        text.Length > 0 && !text.AsSpan().ContainsAnyExceptInRange('!', '~') && !text.AsSpan().ContainsAny('"', '\\');
}
