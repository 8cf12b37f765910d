using System.Security.Cryptography;
using System.Text;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// Values that must be found nowhere, nor a piece of 16 characters of them, nor their base64. Looked for as bytes, so that
/// anything can be searched.
/// </summary>
internal sealed class Canaries
{
    private const int Piece = 16;
    private readonly Dictionary<string, List<byte[]>> _patterns = [];

    /// <summary>A fresh value that is looked for from now on.</summary>
    public string New(string name)
    {
        var value = $"{name}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24))}";
        Add(name, value);
        return value;
    }

    /// <summary>Looks for this value as well.</summary>
    public void Add(string name, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        // The middle of it: a beginning such as "ya29." is no secret.
        var piece = value.Length >= 2 * Piece ? value.Substring((value.Length - Piece) / 2, Piece) : value;
        _patterns[$"{name} {_patterns.Count}"] = [Encoding.UTF8.GetBytes(piece), .. InBase64(bytes)];
    }

    /// <summary>Looks for these bytes as well.</summary>
    public void Add(string name, byte[] value) => _patterns[name] = [value];

    /// <summary>Names of what is found in <paramref name="text"/>, with the place.</summary>
    public IEnumerable<string> FoundIn(string place, string text) => FoundIn(place, Encoding.UTF8.GetBytes(text));

    /// <inheritdoc cref="FoundIn(string, string)"/>
    public IEnumerable<string> FoundIn(string place, byte[] content) => _patterns
        .Where(canary => canary.Value.Exists(pattern => content.AsSpan().IndexOf(pattern) >= 0))
        .Select(canary => $"{canary.Key} in {place}")
        .ToList();

    // Whatever stands before it in the same encoding shifts it by 0, 1 or 2 bytes; the ends depend on the neighbours.
    private static IEnumerable<byte[]> InBase64(byte[] value)
    {
        for (var shift = 0; shift < 3; shift++)
        {
            var encoded = Convert.ToBase64String([.. new byte[shift], .. value]);
            yield return Encoding.ASCII.GetBytes(encoded[4..^4]);
        }
    }
}
