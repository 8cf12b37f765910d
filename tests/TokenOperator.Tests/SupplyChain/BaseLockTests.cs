using System.Security.Cryptography;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.SupplyChain;

/// <summary>hack/image/base.lock, and what hack/locked.sh makes of it.</summary>
public sealed class BaseLockTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("base-lock").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Each_package_is_locked_for_both_platforms_and_no_address_of_a_mirror_is_in_it()
    {
        var lines = File.ReadAllLines(Repository.File("hack/image/base.lock"));
        lines.Should().NotContain(line => line.Contains("://", StringComparison.Ordinal));
        var packages = lines.Where(line => !line.StartsWith('#') && !line.StartsWith("snapshot ", StringComparison.Ordinal)).ToList();
        packages.Should().OnlyContain(line => Regex.IsMatch(line, "^(image|tools|sysroot) (amd64|arm64) [a-z0-9.+-]+ [^ ]+ [0-9a-f]{64} pool/[^ ]+$"));
        var byPlatform = packages.Select(line => line.Split(' ')).ToLookup(line => line[1], line => $"{line[0]} {line[2]}");
        byPlatform["amd64"].Should().BeEquivalentTo(byPlatform["arm64"]);
        // The program is linked with the C library that it runs with.
        foreach (var platform in (string[])["amd64", "arm64"])
            packages.Where(line => line.Contains($" {platform} libc6 ", StringComparison.Ordinal)).Select(line => line.Split(' ')[4]).Distinct().Should().ContainSingle();
    }

    [Fact]
    public async Task A_version_that_no_archive_has_any_more_is_reported_with_the_command_that_renews_the_file()
    {
        var result = await LoadAsync($"image amd64 libssl3 3.0.0-gone {new string('0', 64)} pool/gone/libssl3_3.0.0-gone_amd64.deb");
        result.ExitCode.Should().Be(1);
        result.Errors.Should().Contain("libssl3 3.0.0-gone (amd64) cannot be downloaded").And.Contain("make update-base").And.Contain("DEBIAN_ARCHIVES").And.Contain("20260101T000000Z");
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 1)]
    public async Task A_version_comes_from_an_archive_that_the_environment_names_and_only_with_the_right_sum(bool isForged, int exitCode)
    {
        var package = Path.Combine(_folder, "archive/pool/libssl3.deb");
        Directory.CreateDirectory(Path.GetDirectoryName(package)!);
        await File.WriteAllTextAsync(package, "the package");
        var sum = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(package)));
        if (isForged)
            await File.AppendAllTextAsync(package, "!");

        var result = await LoadAsync($"image amd64 libssl3 3.0.0 {sum} pool/libssl3.deb", $"copy:{_folder}/empty copy:{_folder}/archive");

        result.ExitCode.Should().Be(exitCode, result.Errors);
        if (!isForged)
            (await File.ReadAllTextAsync(result.Output.Trim())).Should().Be("the package");
    }

    /// <summary>Runs locked_packages on a lock file with one package, in a cache of its own, with an apt that has no archive.</summary>
    private async Task<CommandResult> LoadAsync(string line, string archives = "")
    {
        var lockFile = Path.Combine(_folder, "base.lock");
        await File.WriteAllTextAsync(lockFile, $"snapshot 20260101T000000Z\n{line}\n");
        var script = $"cd '{Repository.Root}' && . hack/lib.sh && . hack/locked.sh && lock_file='{lockFile}' && apt-get() {{ :; }} && locked_packages image amd64";
        return await Command.RunAsync("/bin/bash", ["-euc", script], environment: new Dictionary<string, string?> { ["TOKEN_OPERATOR_CACHE"] = Path.Combine(_folder, "cache"), ["DEBIAN_ARCHIVES"] = archives });
    }
}
