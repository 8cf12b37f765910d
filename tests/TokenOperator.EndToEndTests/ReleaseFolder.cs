using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The files of a release, which hack/rebuild.sh has built by hack/release.sh in a fresh clone elsewhere.</summary>
internal static class ReleaseFolder
{
    private const string Variable = "TOKEN_OPERATOR_RELEASE";

    /// <summary>The folder.</summary>
    public static string Location => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named
        ? named
        : throw new InvalidOperationException($"{Variable} is not set: set it to the folder that hack/rebuild.sh prints.");

    /// <summary>The version of the release.</summary>
    public static string Version => Path.GetFileName(File("token-operator-*.oci.tar"))["token-operator-".Length..^".oci.tar".Length];

    /// <summary>The only file whose name matches.</summary>
    public static string File(string pattern) => Directory.GetFiles(Location, pattern).Single();

    /// <summary>Unpacks an archive into a new folder.</summary>
    public static async Task UnpackAsync(string archive, string folder)
    {
        Directory.CreateDirectory(folder);
        var result = await Command.RunAsync("tar", ["--extract", "--file", archive, "--directory", folder]);
        result.ExitCode.Should().Be(0, result.Errors);
    }
}
