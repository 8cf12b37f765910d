// Tokens: the domain, without I/O. Only this type holds text that must never be printed.
using System.Security.Cryptography;
using System.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>
/// Text that must not be shown, such as a token or a client secret. It prints as <c>***</c> wherever it is formatted, logged or put
/// into an exception. Only <see cref="Reveal"/> returns the text.
/// </summary>
public sealed class SecretValue : IEquatable<SecretValue>
{
    private readonly string _text;

    /// <summary>Wraps <paramref name="text"/>, which must not be empty.</summary>
    public SecretValue(string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        _text = text;
    }

    /// <summary>The text. Call this only where the text is meant to leave the process.</summary>
    public string Reveal() => _text;

    /// <summary>Wraps <paramref name="text"/>; null for null or empty.</summary>
    public static SecretValue? From(string? text) => string.IsNullOrEmpty(text) ? null : new SecretValue(text);

    /// <inheritdoc/>
    public bool Equals(SecretValue? other) =>
        other is not null
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(_text), Encoding.UTF8.GetBytes(other._text));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as SecretValue);

    /// <inheritdoc/>
    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";
}
