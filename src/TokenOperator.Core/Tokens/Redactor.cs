using System.Text;
using TokenOperator.Core.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>Makes text that a server wrote safe for conditions, events and logs.</summary>
public static class Redactor
{
    /// <summary>The maximum length of what <see cref="Of"/> returns, in characters.</summary>
    public const int MaxLength = 300;

    // Long enough to keep ordinary words, short enough that what stays visible of a token is useless.
    private const int PieceLength = 8;
    private const int MaxInput = 4096;

    /// <summary>
    /// <paramref name="text"/> in printable characters, at most <see cref="MaxLength"/> of them, with <c>***</c> for every
    /// run of 8 or more characters that also occurs in one of <paramref name="secrets"/>, as it is or percent-encoded.
    /// </summary>
    public static string Of(string text, params ReadOnlySpan<SecretValue?> secrets)
    {
        var safe = Redact(Printable(text), secrets);
        return safe.Length <= MaxLength ? safe : string.Concat(safe.AsSpan(0, MaxLength - 3), "...");
    }

    // A surrogate is not a rune, so characters outside the basic plane are left out and no cut divides one.
    private static string Printable(string text)
    {
        var result = new StringBuilder(Math.Min(text.Length, MaxInput));
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, MaxInput)))
        {
            if (!char.IsWhiteSpace(c) && Rune.TryCreate(c, out var rune) && DisplayText.IsPrintable(rune))
                result.Append(c);
            else if (result.Length > 0 && result[^1] != ' ')
                result.Append(' ');
        }

        return result.ToString().TrimEnd();
    }

    private static string Redact(string text, ReadOnlySpan<SecretValue?> secrets)
    {
        var hidden = new bool[text.Length];
        foreach (var secret in secrets)
        {
            if (secret is null)
                continue;
            Hide(text, secret.Reveal(), hidden);
            Hide(text, Uri.EscapeDataString(secret.Reveal()), hidden);
        }

        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (!hidden[i])
                result.Append(text[i]);
            else if (i == 0 || !hidden[i - 1])
                result.Append("***");
        }

        return result.ToString();
    }

    private static void Hide(string text, string secret, bool[] hidden)
    {
        var length = Math.Min(PieceLength, secret.Length);
        for (var i = 0; i + length <= text.Length; i++)
        {
            if (secret.AsSpan().Contains(text.AsSpan(i, length), StringComparison.OrdinalIgnoreCase))
                hidden.AsSpan(i, length).Fill(true);
        }
    }
}
