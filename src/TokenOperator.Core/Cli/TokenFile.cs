using TokenOperator.Core.Documents;

namespace TokenOperator.Core.Cli;

/// <summary>A token file that is named on the command line; <c>-</c> is standard input.</summary>
public static class TokenFile
{
    /// <summary>The name of the file in messages.</summary>
    public static string Shown(string file) => file == "-" ? "standard input" : $"file {file}";

    /// <summary>Its content. At most one byte more than a token file can have is read, so that a wrong file is not read to its end.</summary>
    /// <exception cref="InvalidDocumentException">There is no such file.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(string file, CancellationToken cancellationToken)
    {
        if (Directory.Exists(file))
            throw new InvalidDocumentException($"file {file}: it is a folder; expected a token file.");
        if (file != "-" && !File.Exists(file))
            throw new InvalidDocumentException($"file {file}: it does not exist.");
        var content = new byte[JsonInput.MaxFileBytes + 1];
        await using var stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
        var length = await stream.ReadAtLeastAsync(content, content.Length, throwOnEndOfStream: false, cancellationToken);
        return content.AsMemory(0, length);
    }
}
