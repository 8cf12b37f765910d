using TokenOperator.Core.Documents;

namespace TokenOperator.Core.Cli;

/// <summary>A file that is named on the command line; <c>-</c> is standard input.</summary>
public static class TokenFile
{
    /// <summary>How messages call it.</summary>
    public static string Shown(string file) => file == "-" ? "standard input" : $"file {file}";

    /// <summary>Its content, a little more of it than a token file can have, so that a wrong file is not read to its end.</summary>
    /// <exception cref="InvalidDocumentException">There is no such file.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(string file, CancellationToken ct)
    {
        if (Directory.Exists(file))
            throw new InvalidDocumentException($"file {file}: it is a folder, a token file was expected.");
        if (file != "-" && !File.Exists(file))
            throw new InvalidDocumentException($"file {file}: it does not exist.");
        var most = new byte[(64 * 1024) + 1];
        await using var stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
        var length = await stream.ReadAtLeastAsync(most, most.Length, throwOnEndOfStream: false, ct);
        return most.AsMemory(0, length);
    }
}
