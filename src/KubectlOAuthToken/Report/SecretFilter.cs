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

    private const string Quote = @"(?:\\*[""']|\\+u002[27])";

    /// <summary>The code of an authorization or a device, not that of a status or an error, and not a passcode.</summary>
    private const string Code = @"(?<!(?:pass|status|error|exit|reason|response|result|sub|sql)[-_. ]?)code";

    private const string Keys = @"(?:private|api|access|account|auth|client|consumer|encryption|license|master|secret|shared|signing|subscription)[-_ ]?key|(?<=[?&])key";

    /// <summary>The end of a name that names a secret, in the spellings of programs, headers, addresses and connection strings.</summary>
    private const string Named = @"passw(?:or)?d|passcode|(?<![a-z])pass|pwd|secret|token|assertion|verifier|credentials?|signature|(?<![a-z])(?:sig|sas|otp|jwt)|session[-_]?(?:id|key)|connection[-_ ]?string|" + Keys + "|" + Code;

    /// <summary>As <see cref="Named"/>, with a value of several words.</summary>
    private const string NamedLine = "authorization|cookie|passphrase";

    /// <summary>What separates a name and its value. The name can be quoted, and the key of an index. Not what follows the name of an object, before a message about it.</summary>
    private const string Separator = @"(?!: (?<=/[\w.-]*-token: )[A-Za-z]+ )" + Quote + @"?\]?[ \t]*(?:[=:]>?|%3[ad])[ \t]*";

    /// <summary>A value in quotation marks, up to the one that ends it: also in JSON within JSON, where each mark has backslashes or is a \u0022.</summary>
    private const string Quoted =
        @"""(?<value>(?:[^""\\\r\n]|\\.)+)|'(?<value>(?:[^'\\\r\n]|\\.|'')+)|(?<mark>\\+[""']|\\+u002[27])(?!\k<mark>)(?<value>.+?)(?=(?<!\\)\k<mark>|[\r\n]|\z)";

    /// <summary>A value with spaces in a connection string.</summary>
    private const string Spaced = @"(?<==[ \t]*)(?!\(set; not shown)(?<value>[^\s;""'\\&{\[][^;""'\\\r\n]{0,200})(?=;[ \t]*[\w ]{1,30}=)";

    /// <summary>A value without quotation marks. What usually separates it from the next one can also be a part of it. Not <see cref="SettingsPage.Withheld"/>.</summary>
    private const string Bare =
        @"(?<value>(?![{\[]|\(set; not shown)(?:[^\s""'\\,;&)}\]<]|[,;&)}\]](?![\s""'\\,;&)}\]<]|\z|[\w.-]+=|(?<=;)[\w.-]+ [\w.-]+=|(?<=,)[\w.-]+:)|\\(?!\\*(?:[""'nrt]|u00)))+)";

    private const string Line = @"(?<value>(?![ \t]*[{\[])(?:(?!\\+[nr]|" + Quote + @")[^\r\n])+)";

    /// <summary>The part of an address that is before its host. A password can have an @, and, before another @, a slash.</summary>
    private const string User = @"[^\s/:@""'?#\\]*:(?!\d{1,5}[/?#])[^\s""'?#\\]*@|(?:[^\s/""'\\]|\\(?!\\*[""']|u00))*@";

    /// <summary>What is shorter is the code of a status, or a word.</summary>
    private const int MinLength = 4;
    private const int LongPart = 40;
    private const int MediumPart = 20;
    private const int ShortPart = 16;
    private const double IrregularShare = 0.35;

    /// <summary>The text without secrets.</summary>
    public static string Apply(string text)
    {
        text = PemBlock().Replace(text, Hidden);
        text = UserInformation().Replace(text, match => $"{match.Groups["name"].Value}{Hidden}@");
        text = Scheme().Replace(text, match => $"{match.Groups["name"].Value}{Hidden}");
        text = NamedValue().Replace(text, match =>
        {
            var value = match.Groups["value"];
            return IsHarmless(match.Groups["word"].Value.ToLowerInvariant(), value.Value) ? match.Value : $"{match.Value[..(value.Index - match.Index)]}{Hidden}";
        });
        return Word().Replace(text, match => IsRandom(match.Value) ? Hidden : match.Value);
    }

    /// <summary>True for a value that is no secret, although its name is that of one: nothing, a flag, the name of a field, an error of OAuth.</summary>
    private static bool IsHarmless(string name, string value) =>
        value.Trim() is "null" or "true" or "false" || FieldName().IsMatch(value)
        || (name is "code" && (value.Length < MinLength || ErrorCode().IsMatch(value)))
        || (name is "token" && value.Length < MinLength);

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

    [GeneratedRegex($@"(?<name>:(?:\\?/){{2}})(?:{User})", RegexOptions.CultureInvariant)]
    private static partial Regex UserInformation();

    // A reference, such as clientSecretRef or secretName, has another name.
    [GeneratedRegex(
        $@"(?:(?<word>{Named}){Separator}(?:{Quoted}|{Spaced}|{Bare})|(?<word>{NamedLine}){Separator}(?:{Quoted}|{Line})|(?<word>{Named}|{NamedLine})>(?<value>[^<>\r\n]+)(?=</))",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex NamedValue();

    // Not a challenge, and not the name of the scheme.
    [GeneratedRegex(
        @"(?<name>\b(?:bearer|basic|dpop|negotiate|ntlm)(?:[ \t]+|%20|\+))(?!(?:authentication|authorization|realm|error|scope|tokens?|header|proof|protocol)(?:[\s=.,]|\z))[^\s""'\\,;&]{6,}",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Scheme();

    [GeneratedRegex(@"\A(?:[\w.]+\.)?(?:access|refresh|id)_?token\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex FieldName();

    [GeneratedRegex(@"\A[A-Za-z]+(?:_[A-Za-z]+)+\z", RegexOptions.CultureInvariant)]
    private static partial Regex ErrorCode();

    [GeneratedRegex(@"(sha256:)?[A-Za-z0-9+/=_.~%-]{12,}", RegexOptions.CultureInvariant)]
    private static partial Regex Word();

    [GeneratedRegex(@"[^A-Za-z0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Part();

    [GeneratedRegex(@"\Asha256:[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digest();

    [GeneratedRegex(@"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Uid();
}
