namespace TokenOperator.Core.Tokens;

/// <summary>Who consented, as the provider says (OpenID Connect Core section 2).</summary>
/// <param name="Subject">Never changes and is never given to another; null when only the address is known.</param>
/// <param name="Email">Only one that the provider calls verified: any other can be typed in by anybody. Or null.</param>
public sealed record Identity(string? Subject, string? Email)
{
    /// <summary>Most characters of an address (RFC 5321 section 4.5.3.1) and of a subject.</summary>
    public const int Longest = 320;

    /// <summary>True when <paramref name="named"/> means this one: an address, when it has an @, and else a subject.</summary>
    public bool Is(string named) => named.Contains('@', StringComparison.Ordinal)
        ? string.Equals(named, Email, StringComparison.OrdinalIgnoreCase)
        : string.Equals(named, Subject, StringComparison.Ordinal);

    /// <summary>True when both are of one person. The subject decides where both have one, since an address can go to somebody else.</summary>
    public bool IsSameAs(Identity other) => Subject is not null && other.Subject is not null
        ? Subject == other.Subject
        : Email is not null && string.Equals(Email, other.Email, StringComparison.OrdinalIgnoreCase);

    /// <summary>The address if there is one: what a person knows.</summary>
    public override string ToString() => Email ?? Subject ?? "";
}
