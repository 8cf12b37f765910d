using System.Security.Cryptography;
using System.Text;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// Secret values that must not leak: neither they, nor 16 characters of them, nor their base64. The search works on bytes, so that
/// it can search anything.
/// </summary>
internal sealed class Canaries
{
    private const int Piece = 16;
    private readonly Dictionary<string, List<byte[]>> _patterns = [];

    /// <summary>Creates a value and adds it to the search.</summary>
    public string New(string name)
    {
        var value = $"{name}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24))}";
        Add(name, value);
        return value;
    }

    /// <summary>Adds a value to the search.</summary>
    public void Add(string name, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        // The middle of the value: a prefix such as "ya29." is not secret.
        var piece = value.Length >= 2 * Piece ? value.Substring((value.Length - Piece) / 2, Piece) : value;
        _patterns[$"{name} {_patterns.Count}"] = [Encoding.UTF8.GetBytes(piece), .. InBase64(bytes)];
    }

    /// <summary>Adds bytes to the search.</summary>
    public void Add(string name, byte[] value) => _patterns[name] = [value];

    /// <summary>The names of the values that occur in <paramref name="text"/>, with the place.</summary>
    public IEnumerable<string> FoundIn(string place, string text) => FoundIn(place, Encoding.UTF8.GetBytes(text));

    /// <inheritdoc cref="FoundIn(string, string)"/>
    public IEnumerable<string> FoundIn(string place, byte[] content) => _patterns
        .Where(canary => canary.Value.Exists(pattern => content.AsSpan().IndexOf(pattern) >= 0))
        .Select(canary => $"{canary.Key} in {place}")
        .ToList();

    // Preceding bytes in the same base64 text shift the value by 0, 1 or 2 bytes. Its first and last characters depend on its neighbours.
    private static IEnumerable<byte[]> InBase64(byte[] value)
    {
        for (var shift = 0; shift < 3; shift++)
        {
            var encoded = Convert.ToBase64String([.. new byte[shift], .. value]);
            yield return Encoding.ASCII.GetBytes(encoded[4..^4]);
        }
    }
}
