using TokenOperator.Core.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>Who consented, as the provider identifies them (OpenID Connect Core section 2).</summary>
/// <param name="Subject">Never changes and is never reassigned; null if only the address is known.</param>
/// <param name="Email">An address that the provider has verified, because anyone can claim another; or null.</param>
public sealed record Identity(string? Subject, string? Email)
{
    /// <summary>Maximum length of an address (RFC 5321 section 4.5.3.1) and of a subject, in characters.</summary>
    public const int MaxLength = 320;

    /// <summary>True if <paramref name="text"/> can be a subject or an address: printable and not too long.</summary>
    public static bool IsValid(string text) => text.Length is > 0 and <= MaxLength && DisplayText.IsPrintable(text);

    /// <summary>True if <paramref name="named"/> means this identity: an address if it has an @, otherwise a subject.</summary>
    public bool Is(string named) => named.Contains('@', StringComparison.Ordinal)
        ? string.Equals(named, Email, StringComparison.OrdinalIgnoreCase)
        : string.Equals(named, Subject, StringComparison.Ordinal);

    /// <summary>True if both are the same person. If both have a subject, it decides, because an address can pass to someone else.</summary>
    public bool IsSameAs(Identity other) => Subject is not null && other.Subject is not null
        ? Subject == other.Subject
        : Email is not null && string.Equals(Email, other.Email, StringComparison.OrdinalIgnoreCase);

    /// <summary>The address if there is one, because people know it; otherwise the subject.</summary>
    public override string ToString() => Email ?? Subject ?? "";
}
