using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

namespace KubectlOAuthToken.Report;

/// <summary>The files of a report. Each text passes <see cref="SecretFilter"/> here, no matter where it comes from.</summary>
/// <param name="folder">The folder in the archive that has the files.</param>
/// <param name="time">When the report was made.</param>
internal sealed class SupportBundle(string folder, DateTimeOffset time)
{
    private const UnixFileMode ForOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly List<(string Name, string Text)> _files = [];

    /// <summary>The names of the files.</summary>
    public IEnumerable<string> Names => _files.Select(file => file.Name);

    /// <summary>Adds a file.</summary>
    public void Add(string name, string text) => _files.Add((name, SecretFilter.Apply(text)));

    /// <summary>Writes a .tar.gz that only its owner can read.</summary>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public async Task WriteAsync(string path, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = ForOwner;
        await using var file = new FileStream(path, options);
        await using var gzip = new GZipStream(file, CompressionLevel.Optimal);
        await using var tar = new TarWriter(gzip, TarEntryFormat.Pax);
        foreach (var (name, text) in _files)
        {
            var entry = new PaxTarEntry(TarEntryType.RegularFile, $"{folder}/{name}")
            {
                DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)),
                ModificationTime = time,
                Mode = ForOwner,
            };
            await tar.WriteEntryAsync(entry, cancellationToken);
        }
    }
}
