using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using TokenOperator.Core.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>
/// Makes text that a server wrote safe for conditions, events, logs and pages. A server knows secrets, and can repeat them: by mistake as
/// they are, or on purpose in disguise.
/// </summary>
public static partial class Redactor
{
    /// <summary>The maximum length of what <see cref="Of"/> returns, in characters.</summary>
    public const int MaxLength = 300;

    /// <summary>What <see cref="Of"/> returns in place of a text that holds part of a secret.</summary>
    public const string Hidden = "(not shown, because it contains part of a secret)";

    /// <summary>The shortest part of a secret that counts: ordinary words rarely share so many characters with one.</summary>
    private const int PieceLength = 6;

    /// <summary>The longest part of a secret that can be no secret: a UUID has 36 characters.</summary>
    private const int MaxPublicLength = 40;

    private const int MaxInput = 4096;
    private const int MaxOnStack = 512;

    /// <summary>More than anyone nests encodings; each round undoes one of each kind.</summary>
    private const int MaxRounds = 4;

    /// <summary>
    /// <paramref name="text"/> in printable characters, at most <see cref="MaxLength"/> of them; or <see cref="Hidden"/> if it
    /// <see cref="Holds">holds</see> part of one of <paramref name="secrets"/>.
    /// </summary>
    public static string Of(string text, params ReadOnlySpan<SecretValue?> secrets)
    {
        text = Cut(text, MaxInput);
        if (Holds(text, secrets))
            return Hidden;
        var safe = Printable(text);
        return safe.Length <= MaxLength ? safe : Cut(safe, MaxLength - 3) + "...";
    }

    /// <summary>
    /// True if <paramref name="text"/> contains 6 or more successive characters of one of <paramref name="secrets"/>: as they are or
    /// reversed, in base64 or in hexadecimal digits, percent-encoded or as escapes of HTML or JSON (also several times), in other forms of
    /// the same characters, or with separators or invisible characters between them. Case does not matter.
    /// </summary>
    public static bool Holds(string text, params ReadOnlySpan<SecretValue?> secrets) => Finds(text, secrets, static _ => PieceLength);

    /// <summary>
    /// True if <paramref name="value"/>, which apps or people need, repeats a substantial part of one of <paramref name="secrets"/>: a quarter, but
    /// at least 6 and at most 40 successive characters, in any form that <see cref="Holds"/> recognizes. A shorter part can be an identifier. At Salesforce, for
    /// example, an access token begins with the organization's ID, which is in the identity of a person, too.
    /// </summary>
    public static bool Repeats(string value, params ReadOnlySpan<SecretValue?> secrets) =>
        Finds(value, secrets, static secret => Math.Clamp(secret.Length / 4, PieceLength, MaxPublicLength));

    private static bool Finds(string text, ReadOnlySpan<SecretValue?> secrets, Func<string, int> pieceLength)
    {
        text = Cut(text, MaxInput);
        for (var round = 0; round < MaxRounds; round++)
        {
            var (visible, folded, digits) = (Visible(text), Fold(text), Base64Digits(text));
            foreach (var secret in secrets)
            {
                if (secret?.Reveal() is { } own && pieceLength(own) is var length && (HasPiece(visible, Visible(own), length) || IsIn(folded, own, length) || IsEncodedIn(digits, own, length)))
                    return true;
            }

            var decoded = Decode(text);
            if (decoded == text)
                return false;
            text = decoded;
        }

        // Nobody nests encodings so deeply to be understood.
        return secrets.Length > 0;
    }

    private static bool IsIn(string folded, string secret, int length)
    {
        var own = Fold(secret);
        // Too little is left of a secret of other characters. It is searched for as it is.
        return (own.Length >= length && (HasPiece(folded, own, length) || HasPiece(folded, Reversed(own), length)))
            || HasPiece(folded, Convert.ToHexStringLower(Encoding.UTF8.GetBytes(secret)), 2 * length);
    }

    /// <summary>A part of the secret can begin at any of three places within a group of base64.</summary>
    private static bool IsEncodedIn(string digits, string secret, int length)
    {
        for (var shift = 0; shift < 3; shift++)
        {
            var encoded = Convert.ToBase64String([.. new byte[shift], .. Encoding.UTF8.GetBytes(secret)]).TrimEnd('=');
            // The digits at both ends also hold bits of what stands next to the secret.
            var (start, end) = (shift == 0 ? 0 : shift + 1, encoded.Length - ((secret.Length + shift) % 3 == 0 ? 0 : 1));
            if (end > start && HasPiece(digits, encoded[start..end].Replace('+', '-').Replace('/', '_'), length))
                return true;
        }

        return false;
    }

    /// <summary>True if the two have <paramref name="length"/> successive characters in common, or all of a shorter <paramref name="secret"/>.</summary>
    private static bool HasPiece(string text, string secret, int length)
    {
        length = Math.Min(length, secret.Length);
        for (var i = 0; length > 0 && i + length <= text.Length; i++)
        {
            if (secret.AsSpan().Contains(text.AsSpan(i, length), StringComparison.Ordinal))
                return true;
        }

        return false;
    }

    /// <summary>Visible characters only, in lower case, in one form of each.</summary>
    private static string Visible(string text) => Ascii.IsValid(text)
        ? Keep(text, static c => c is > ' ' and < '\x7f').ToLowerInvariant()
        : string.Concat(text.EnumerateRunes().Where(rune => !Rune.IsWhiteSpace(rune) && DisplayText.IsPrintable(rune)).Select(Plain)).ToLowerInvariant();

    /// <summary>
    /// The ASCII character that looks like a full-width or a mathematical one (Unicode blocks FF00 and 1D400). string.Normalize does not
    /// know them where the program has no globalization data.
    /// </summary>
    private static Rune Plain(Rune rune) => rune.Value switch
    {
        >= 0xFF01 and <= 0xFF5E => new Rune(rune.Value - 0xFEE0),
        >= 0x1D400 and <= 0x1D6A3 => new Rune((rune.Value - 0x1D400) % 52 is var letter && letter < 26 ? 'A' + letter : 'a' + letter - 26),
        >= 0x1D7CE and <= 0x1D7FF => new Rune('0' + ((rune.Value - 0x1D7CE) % 10)),
        _ => rune,
    };

    /// <summary>The same without anything but letters and digits.</summary>
    private static string Fold(string text) => Keep(Visible(text), char.IsLetterOrDigit);

    /// <summary>The characters that are wanted. A refresh whose scopes are new checks each of them against each secret, so this does not allocate for each character.</summary>
    private static string Keep(string text, Func<char, bool> isWanted)
    {
        var kept = text.Length <= MaxOnStack ? stackalloc char[MaxOnStack] : new char[text.Length];
        var count = 0;
        foreach (var c in text)
        {
            if (isWanted(c))
                kept[count++] = c;
        }

        return count == text.Length ? text : new string(kept[..count]);
    }

    private static string Reversed(string text) => string.Create(text.Length, text, static (reversed, original) =>
    {
        original.CopyTo(reversed);
        reversed.Reverse();
    });

    /// <summary>The digits of both alphabets of base64 (RFC 4648), in the one for URLs. What stands between them is left out.</summary>
    private static string Base64Digits(string text) =>
        Keep(text, static c => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '-' or '_').Replace('+', '-').Replace('/', '_');

    private static string Decode(string text)
    {
        text = JsonEscape().Replace(text, match => ((char)Convert.ToInt32(match.Groups[1].Value, 16)).ToString());
        return Uri.UnescapeDataString(WebUtility.HtmlDecode(text));
    }

    private static string Printable(string text)
    {
        var result = new StringBuilder(text.Length);
        // A surrogate is not a rune, so characters outside the basic plane are left out and no cut divides one.
        foreach (var c in text)
        {
            if (!char.IsWhiteSpace(c) && Rune.TryCreate(c, out var rune) && DisplayText.IsPrintable(rune))
                result.Append(c);
            else if (result.Length > 0 && result[^1] != ' ')
                result.Append(' ');
        }

        return result.ToString().TrimEnd();
    }

    private static string Cut(string text, int length) => text.Length <= length ? text : text[..length];

    [GeneratedRegex(@"\\u\{?([0-9A-Fa-f]{4})\}?")]
    private static partial Regex JsonEscape();
}
