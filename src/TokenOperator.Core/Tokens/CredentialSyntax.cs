namespace TokenOperator.Core.Tokens;

/// <summary>The alphabets of RFC 6749 appendix A.</summary>
public static class CredentialSyntax
{
    /// <summary>True for what a token, a client_id or a client_secret may be: VSCHAR, and no blank at an end.</summary>
    public static bool IsValid(string text) =>
        text.Length > 0 && text[0] != ' ' && text[^1] != ' ' && !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    /// <summary>True for one scope: printable ASCII without a blank, a quotation mark or a backslash (NQCHAR).</summary>
    public static bool IsScope(string text) =>
        text.Length > 0 && !text.AsSpan().ContainsAnyExceptInRange('!', '~') && !text.AsSpan().ContainsAny('"', '\\');
}
