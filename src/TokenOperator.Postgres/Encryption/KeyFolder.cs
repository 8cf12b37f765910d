using System.Text.RegularExpressions;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// Reads a folder in which each file is a key and its name the key's: a mounted Secret, or any other. Names that begin
/// with a dot are skipped: the kubelet keeps a Secret's versions in such folders beside the files.
/// </summary>
public static partial class KeyFolder
{
    private const int LargestFile = 1024;

    /// <summary>What a key file holds, for messages.</summary>
    public const string Content = "32 random bytes, or their base64 (make one: token-operator keys new)";

    /// <summary>The keys by name in ascending order; at least one.</summary>
    /// <exception cref="KeyringException">The folder is not there or holds no key, or something in it is none.</exception>
    public static IReadOnlyList<DataKey> Read(string folder)
    {
        try
        {
            if (!Directory.Exists(folder))
                throw new KeyringException($"The keyring folder {folder} (Encryption__KeyringPath) does not exist. Make it, with a key: token-operator keys new --folder {folder}");
            var keys = Directory.GetFiles(folder)
                .Where(file => !Path.GetFileName(file).StartsWith('.'))
                .Order(StringComparer.Ordinal)
                .Select(ReadFile)
                .ToList();
            return keys.Count > 0
                ? keys
                : throw new KeyringException($"The keyring folder {folder} (Encryption__KeyringPath) is empty; expected a file with {Content}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KeyringException($"The keyring folder {folder} (Encryption__KeyringPath) cannot be read: {e.Message}");
        }
    }

    /// <summary>True for what a key may be called: what the key of a Secret may be called, and not beginning with a dot.</summary>
    public static bool IsName(string name) => Name().IsMatch(name);

    private static DataKey ReadFile(string file)
    {
        var name = Path.GetFileName(file);
        if (!IsName(name))
            throw new KeyringException($"The keyring holds a file whose name no key can have, in {Path.GetDirectoryName(file)}; expected 1 to 63 letters, digits, '-', '_' or '.'.");
        using var stream = File.OpenRead(file);
        Span<byte> content = stackalloc byte[LargestFile + 1];
        var length = stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        return DataKey.Parse(name, content[..length])
            ?? throw new KeyringException($"The key file {file} is no key; expected {Content}.");
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][-A-Za-z0-9_.]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
