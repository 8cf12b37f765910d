// The domain: no I/O. What may never be printed is held in this type alone.
using System.Security.Cryptography;
using System.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>
/// A text that must not be shown: a token, a client secret. It prints as <c>***</c> wherever it is
/// formatted, logged or put into an exception; only <see cref="Reveal"/> gives the text.
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

    /// <summary>The text itself. Call it only where the text leaves the process on purpose.</summary>
    public string Reveal() => _text;

    /// <summary>Wraps <paramref name="text"/>, or gives null when there is nothing to wrap.</summary>
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
