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

    /// <summary>True if <paramref name="named"/> means this identity: an address if <see cref="IsAddress"/> says so, otherwise a subject.</summary>
    public bool Is(string named) => IsAddress(named) ? IsSameMailbox(named, Email) : string.Equals(named, Subject, StringComparison.Ordinal);

    /// <summary>
    /// True for a text with an @, but not for a subject in which a connection comes before the address, as at Auth0: <c>samlp|okta|marcus@example.com</c>.
    /// </summary>
    public static bool IsAddress(string text) => text.Contains('@', StringComparison.Ordinal) && !text.Contains('|', StringComparison.Ordinal);

    /// <summary>True if both are the same person. If both have a subject, it decides, because an address can pass to someone else.</summary>
    public bool IsSameAs(Identity other) => Subject is not null && other.Subject is not null
        ? Subject == other.Subject
        : Email is not null && IsSameMailbox(Email, other.Email);

    private static bool IsSameMailbox(string one, string? other) =>
        other is not null && string.Equals(Mailbox(one), Mailbox(other), StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The one spelling of an address. Google ignores dots in the names of gmail.com, which is also called googlemail.com, and delivers all
    /// spellings to one account (https://support.google.com/mail/answer/7436150). Elsewhere, also in the domains of Google Workspace, a dot
    /// makes another account.
    /// </summary>
    private static string Mailbox(string address)
    {
        var at = address.LastIndexOf('@');
        var isGoogle = address.AsSpan(at + 1) is var domain
            && (domain.Equals("gmail.com", StringComparison.OrdinalIgnoreCase) || domain.Equals("googlemail.com", StringComparison.OrdinalIgnoreCase));
        return isGoogle && at > 0 ? address[..at].Replace(".", "", StringComparison.Ordinal) + "@gmail.com" : address;
    }

    /// <summary>The address if there is one, because people know it; otherwise the subject.</summary>
    public override string ToString() => Email ?? Subject ?? "";
}
