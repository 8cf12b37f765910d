using System.Text.RegularExpressions;
using TokenOperator.Core.Settings;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// Reads a folder in which each file contains a key and has its name, such as a mounted Secret. Names that start with a dot are
/// skipped: in a mounted Secret, the kubelet stores the versions in folders with such names.
/// </summary>
internal static partial class KeyFolder
{
    private const int MaxFileSize = 1024;

    /// <summary>The content of a key file, for messages.</summary>
    public const string Content = "32 random bytes, or their base64 encoding (create one: token-operator keys new)";

    /// <summary>The keys in ascending order of their names; at least one.</summary>
    /// <exception cref="InvalidSettingException">The folder does not exist or contains no key, or a file in it is not a key.</exception>
    public static IReadOnlyList<DataKey> Read(string folder)
    {
        try
        {
            if (!Directory.Exists(folder))
                throw new InvalidSettingException($"The keyring folder {folder} (Encryption__KeyringPath) does not exist. Create it with a key: token-operator keys new --folder {folder}");
            var keys = Directory.GetFiles(folder)
                .Where(file => !Path.GetFileName(file).StartsWith('.'))
                .Order(StringComparer.Ordinal)
                .Select(ReadFile)
                .ToList();
            return keys.Count > 0
                ? keys
                : throw new InvalidSettingException($"The keyring folder {folder} (Encryption__KeyringPath) is empty; expected a file with {Content}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidSettingException($"The keyring folder {folder} (Encryption__KeyringPath) cannot be read: {e.Message}");
        }
    }

    /// <summary>True for a valid name of a key: a valid name of an entry in a Secret that does not start with a dot.</summary>
    public static bool IsName(string name) => Name().IsMatch(name);

    private static DataKey ReadFile(string file)
    {
        var name = Path.GetFileName(file);
        if (!IsName(name))
            throw new InvalidSettingException($"The keyring contains a file whose name is not valid for a key, in {Path.GetDirectoryName(file)}; expected 1 to 63 letters, digits, '-', '_' or '.'.");
        using var stream = File.OpenRead(file);
        Span<byte> content = stackalloc byte[MaxFileSize + 1];
        var length = stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        return DataKey.Parse(name, content[..length])
            ?? throw new InvalidSettingException($"The key file {file} does not contain a key; expected {Content}.");
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][-A-Za-z0-9_.]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
