using System.Text;
using k8s.Exceptions;

namespace KubeRuntime.Client;

/// <summary>
/// Whom the requests act as: <c>as</c>, <c>as-uid</c>, <c>as-groups</c> and <c>as-user-extra</c> of a kubeconfig (Kubernetes
/// documentation, "User impersonation").
/// </summary>
public sealed record Impersonation
{
    private const string Prefix = "Impersonate-";

    /// <summary>The name of the user; null for no impersonation.</summary>
    public string? User { get; init; }

    /// <summary>The UID of the user; null for none.</summary>
    public string? Uid { get; init; }

    /// <summary>The groups of the user.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>More about the user, for authorizers that look at it.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Extra { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>These fields, and those of <paramref name="other"/> where they are absent. kubectl merges its flags and a kubeconfig so.</summary>
    public Impersonation Or(Impersonation? other) => other is null ? this : new()
    {
        User = User ?? other.User,
        Uid = Uid ?? other.Uid,
        Groups = Groups.Count > 0 ? Groups : other.Groups,
        Extra = Extra.Count > 0 ? Extra : other.Extra,
    };

    /// <summary>The headers of each request, by name.</summary>
    /// <exception cref="KubeConfigException">There is no user, or a value cannot be in a header.</exception>
    internal IReadOnlyList<(string Name, string[] Values)> Headers()
    {
        if (User is null)
        {
            return Uid is null && Groups.Count == 0 && Extra.Count == 0
                ? []
                : throw new KubeConfigException("as-uid, as-groups and as-user-extra need the user whom they describe. Add as (or the option --as)");
        }

        var headers = new List<(string Name, string[] Values)> { ($"{Prefix}User", [User]) };
        if (Uid is not null)
            headers.Add(($"{Prefix}Uid", [Uid]));
        if (Groups.Count > 0)
            headers.Add(($"{Prefix}Group", [.. Groups]));
        headers.AddRange(Extra.Where(extra => extra.Value.Count > 0).Select(extra => ($"{Prefix}Extra-{Escape(extra.Key)}", extra.Value.ToArray())));
        return headers.All(header => Array.TrueForAll(header.Values, value => value.Length > 0 && !value.Any(c => char.IsControl(c) || c == RepeatedHeaderEncoding.Separator)))
            ? headers
            : throw new KubeConfigException("the user, UID, groups and extra fields to act as must be printable and not empty");
    }

    /// <summary>True for the headers that <see cref="Headers"/> returns.</summary>
    internal static bool IsHeader(string name) => name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase);

    // As in client-go transport/round_trippers.go, headerKeyEscape. The server decodes it.
    private static string Escape(string key) => string.Concat(Encoding.UTF8.GetBytes(key).Select(
        one => char.IsAsciiLetterOrDigit((char)one) || "!#$&'*+-.^_`|~".Contains((char)one, StringComparison.Ordinal) ? $"{(char)one}" : $"%{one:X2}"));
}

/// <summary>
/// Writes a header with several values as several header lines. HttpClient joins the values with commas, which the API server takes for
/// one group. It encodes a value by an <see cref="Encoding"/> of our choice, so a character that separates the values becomes a line
/// break and the name of the header. This works with HTTP/1.1 only.
/// </summary>
/// <param name="header">The name of the header.</param>
internal sealed class RepeatedHeaderEncoding(string header) : Encoding
{
    /// <summary>Separates two values: a character for private use, which no value may have.</summary>
    public const char Separator = '\uE000';

    private readonly string _nextLine = $"\r\n{header}: ";

    /// <inheritdoc/>
    public override int GetByteCount(char[] chars, int index, int count) => UTF8.GetByteCount(Expand(chars, index, count));

    /// <inheritdoc/>
    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        UTF8.GetBytes(Expand(chars, charIndex, charCount), bytes.AsSpan(byteIndex));

    /// <inheritdoc/>
    public override int GetMaxByteCount(int charCount) => charCount * Math.Max(UTF8.GetMaxByteCount(1), _nextLine.Length);

    /// <inheritdoc/>
    public override int GetCharCount(byte[] bytes, int index, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override int GetMaxCharCount(int byteCount) => throw new NotSupportedException();

    private string Expand(char[] chars, int index, int count) => new string(chars, index, count).Replace($"{Separator}", _nextLine, StringComparison.Ordinal);
}
