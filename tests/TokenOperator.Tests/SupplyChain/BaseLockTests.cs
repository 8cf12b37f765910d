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
        var result = await LoadAsync($"image amd64 libssl3 3.0.0-gone {new string('0', 64)} pool/gone/libssl3_3.0.0-gone_amd64.deb", [], []);
        result.ExitCode.Should().Be(1);
        result.Errors.Should().Contain("libssl3 3.0.0-gone (amd64) can be downloaded neither from DEBIAN_ARCHIVES").And.Contain("make update-base").And.Contain("DEBIAN_ARCHIVES").And.Contain("20260101T000000Z");
    }

    /// <summary>Archives in the order in which they are asked: "right" has the package, "forged" has another file under its name, and "empty" has nothing.</summary>
    [Theory]
    [InlineData("right", "", true)]
    [InlineData("empty right", "", true)]
    [InlineData("forged right", "", true)]
    [InlineData("forged", "right", true)]
    [InlineData("", "empty right", true)]
    [InlineData("", "forged empty right", true)]
    [InlineData("forged", "forged empty", false)]
    public async Task A_version_comes_from_the_first_archive_that_has_it_with_the_right_sum(string named, string ofApt, bool isFound)
    {
        const string Package = "pool/libssl3.deb";
        foreach (var (archive, content) in (IEnumerable<(string, string)>)[("right", "the package"), ("forged", "the packagE")])
        {
            Directory.CreateDirectory(Path.Combine(_folder, archive, "pool"));
            await File.WriteAllTextAsync(Path.Combine(_folder, archive, Package), content);
        }

        var sum = Convert.ToHexStringLower(SHA256.HashData("the package"u8));
        var result = await LoadAsync($"image amd64 libssl3 3.0.0 {sum} {Package}", Addresses(named), Addresses(ofApt));

        result.ExitCode.Should().Be(isFound ? 0 : 1, result.Errors);
        if (isFound)
            (await File.ReadAllTextAsync(result.Output.Trim())).Should().Be("the package");
        Directory.GetFiles(Path.Combine(_folder, "cache/debian")).Select(Path.GetFileName).Should().Equal(isFound ? [$"{sum}.deb"] : [], "nothing of another archive stays");
    }

    [Fact]
    public async Task Archives_of_the_environment_are_asked_before_those_of_apt()
    {
        var result = await RunAsync("", "archives", ["copy:/named/a", "copy:/named/b"], ["copy:/apt"]);
        result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().Equal(["copy:/named/a", "copy:/named/b", "copy:/apt"], result.Errors);
    }

    private string[] Addresses(string archives) => [.. archives.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(archive => $"copy:{_folder}/{archive}")];

    /// <summary>Runs locked_packages on a lock file with one package, in a cache of its own.</summary>
    private Task<CommandResult> LoadAsync(string line, string[] named, string[] ofApt) => RunAsync(line, "locked_packages image amd64", named, ofApt);

    /// <summary>Runs a function of hack/locked.sh with archives of DEBIAN_ARCHIVES and of an apt.</summary>
    private async Task<CommandResult> RunAsync(string line, string function, string[] named, string[] ofApt)
    {
        var lockFile = Path.Combine(_folder, "base.lock");
        await File.WriteAllTextAsync(lockFile, $"snapshot 20260101T000000Z\n{line}\n");
        var apt = string.Concat(ofApt.Select(address => $"printf '%s\\n' \"'{address}/dists/bookworm/InRelease' InRelease 0\"; "));
        var script = $"cd '{Repository.Root}'; . hack/lib.sh; . hack/locked.sh; lock_file='{lockFile}'; apt-get() {{ {apt}:; }}; {function}";
        return await Command.RunAsync("/bin/bash", ["-euc", script], environment: new Dictionary<string, string?> { ["TOKEN_OPERATOR_CACHE"] = Path.Combine(_folder, "cache"), ["DEBIAN_ARCHIVES"] = string.Join(' ', named) });
    }
}
