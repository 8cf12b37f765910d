using System.Buffers;
using System.Text;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Registry;

/// <summary>
/// A folder in which each file describes the provider that it is named after, such as a mounted ConfigMap. Names that start with a dot are skipped: the
/// kubelet stores the versions of a ConfigMap in folders with such names, and replaces all files at once.
/// </summary>
public sealed class ProviderFolder(string path)
{
    /// <summary>The field of a file that becomes <see cref="ProviderDocument.MovesFrom"/>.</summary>
    public const string MovesFrom = "allowEndpointMoveFrom";

    private static readonly string[] Extensions = [".yaml", ".yml", ".json"];

    private Dictionary<string, string>? _texts;

    /// <summary>The folder.</summary>
    public string Path => path;

    /// <summary>
    /// Reads all files; null if no file has changed since the last call. A file that cannot be understood becomes a document with an error.
    /// </summary>
    /// <exception cref="InvalidSettingException">The folder or a file cannot be read.</exception>
    public IReadOnlyList<SourceDocument>? Read()
    {
        var texts = ReadTexts();
        if (_texts?.Count == texts.Count && texts.All(file => _texts.TryGetValue(file.Key, out var known) && known == file.Value))
            return null;
        _texts = texts;
        return
        [
            .. texts.Select(file => Read(file.Key, file.Value))
                .GroupBy(document => document.Name, StringComparer.Ordinal)
                .Select(named => named.Count() == 1 ? named.First() : named.First() with { Error = $"The folder has several files of this name: {DisplayText.List(named.Select(document => document.Origin))}. Remove all but one." }),
        ];
    }

    private static SourceDocument Read(string file, string text)
    {
        var name = System.IO.Path.GetFileNameWithoutExtension(file);
        var json = YamlInput.Read(text, out var error) ?? [];
        if (!ProviderName.IsValid(name))
            error = ProviderName.Problem("The name of the file", name);
        else if (error is not null)
            error = $"The file cannot be read: {error}";
        var from = json[MovesFrom]?.ToString();
        json.Remove(MovesFrom);
        return new SourceDocument(name, DocumentSource.Folder, $"the file {file}", json, error) { MovesFrom = from };
    }

    private Dictionary<string, string> ReadTexts()
    {
        try
        {
            if (!Directory.Exists(path))
                throw new InvalidSettingException($"The folder {path} (ProviderFolder) does not exist. Mount it, or remove the setting.");
            return Directory.GetFiles(path)
                .Where(file => System.IO.Path.GetFileName(file) is var name && !name.StartsWith('.') && Extensions.Contains(System.IO.Path.GetExtension(name)))
                .Order(StringComparer.Ordinal)
                .ToDictionary(file => System.IO.Path.GetFileName(file), ReadText, StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidSettingException($"The folder {path} (ProviderFolder) cannot be read: {e.Message}");
        }
    }

    /// <summary>One character more than allowed shows that there were too many.</summary>
    private static string ReadText(string file)
    {
        using var reader = new StreamReader(file, Encoding.UTF8);
        // The folder is read every few seconds.
        var buffer = ArrayPool<char>.Shared.Rent(YamlInput.MaxLength + 1);
        try
        {
            return new string(buffer, 0, reader.ReadBlock(buffer.AsSpan(0, YamlInput.MaxLength + 1)));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(buffer);
        }
    }
}
