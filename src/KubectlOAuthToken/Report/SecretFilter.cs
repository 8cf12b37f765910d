using System.Text.RegularExpressions;

namespace KubectlOAuthToken.Report;

/// <summary>
/// Removes from a text what looks like a secret. The operator writes none (docs/security.md), so this is a second line of defense: for what
/// others write into events and logs. It rather removes too much than too little.
/// </summary>
internal static partial class SecretFilter
{
    /// <summary>What stands in place of a secret.</summary>
    public const string Hidden = "***";

    /// <summary>The name of a secret, and what separates it from the value.</summary>
    private const string Key = @"\b[\w.-]*(password|passwd|pwd|secret|token|assertion|verifier|credentials?|private_?key|api_?key|cookie|authorization|code)\\*[""']?\s*[=:]\s*";

    private const int LongPart = 40;
    private const int MediumPart = 20;
    private const int ShortPart = 16;
    private const double IrregularShare = 0.35;

    /// <summary>The text without secrets.</summary>
    public static string Apply(string text)
    {
        text = PemBlock().Replace(text, Hidden);
        text = UserInformation().Replace(text, $"://{Hidden}@");
        text = Scheme().Replace(text, match => $"{match.Groups["name"].Value}{Hidden}");
        text = NamedValue().Replace(text, match => $"{match.Groups["name"].Value}{Hidden}");
        return Word().Replace(text, match => IsRandom(match.Value) ? Hidden : match.Value);
    }

    /// <summary>True for keys, tokens and hashes; false for names, paths, types, UIDs and digests of images.</summary>
    internal static bool IsRandom(string word) =>
        !Digest().IsMatch(word) && !Uid().IsMatch(word)
        // The separators of base64url can divide a token into short parts.
        && (Part().Split(word).Any(IsRandomPart) || IsIrregular(Part().Replace(word, "")));

    private static bool IsRandomPart(string part) =>
        (part.Length >= LongPart && part.Any(char.IsAsciiLetter))
        || (part.Length >= MediumPart && Pairs(part, (a, b) => char.IsAsciiDigit(a) != char.IsAsciiDigit(b)) >= 3)
        || IsIrregular(part);

    /// <summary>
    /// Whether letters of both cases and digits follow each other without a rule. In random base64, more than half of the pairs of neighbors are
    /// irregular; in the name of a type, a fifth.
    /// </summary>
    private static bool IsIrregular(string text) =>
        text.Length >= ShortPart && text.Any(char.IsAsciiLetterUpper) && text.Any(char.IsAsciiLetterLower)
        && Pairs(text, (a, b) => char.IsAsciiDigit(a) != char.IsAsciiDigit(b) || (char.IsAsciiLetterUpper(b) && char.IsAsciiLetter(a))) > text.Length * IrregularShare;

    private static int Pairs(string text, Func<char, char, bool> count) => text.Zip(text.Skip(1)).Count(pair => count(pair.First, pair.Second));

    [GeneratedRegex(@"-----BEGIN [A-Z ]+-----[\s\S]*?(-----END [A-Z ]+-----|\z)", RegexOptions.CultureInvariant)]
    private static partial Regex PemBlock();

    [GeneratedRegex(@"://[^\s/@""']+@", RegexOptions.CultureInvariant)]
    private static partial Regex UserInformation();

    // Also in JSON, and in JSON within JSON. A reference, such as clientSecretRef or secretName, has another name.
    [GeneratedRegex(
        $@"(?<name>{Key}\\*"")[^""\\]{{4,}}|(?<name>{Key}\\*')[^'\\]{{4,}}|(?<name>{Key})[^\s""'\\,;&)}}\]{{[]{{4,}}", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex NamedValue();

    [GeneratedRegex(@"(?<name>\b(bearer|basic)\s+)[^\s""',;]{6,}", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Scheme();

    [GeneratedRegex(@"(sha256:)?[A-Za-z0-9+/=_.~%-]{12,}", RegexOptions.CultureInvariant)]
    private static partial Regex Word();

    [GeneratedRegex(@"[^A-Za-z0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Part();

    [GeneratedRegex(@"\Asha256:[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digest();

    [GeneratedRegex(@"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Uid();
}
