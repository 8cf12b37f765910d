using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests.Containers;

/// <summary>The main use cases, in a container.</summary>
[Collection(ContainerGroup.Name)]
[Trait("Category", "Container")]
public sealed class MainJobInContainerTests(ContainerFixture cluster) : MainJobTests(cluster);

/// <summary>Takeovers, in containers.</summary>
[Collection(ContainerGroup.Name)]
[Trait("Category", "Container")]
public sealed class TakeoverInContainerTests(ContainerFixture cluster) : TakeoverTests(cluster);

/// <summary>Replaced keys, in a container with the keys mounted.</summary>
[Collection(ContainerGroup.Name)]
[Trait("Category", "Container")]
public sealed class EncryptionInContainerTests(ContainerFixture cluster) : EncryptionTests(cluster);

/// <summary>What the container is, and how it ends.</summary>
[Collection(ContainerGroup.Name)]
[Trait("Category", "Container")]
public sealed class ContainerTests(ContainerFixture cluster)
{
    [Fact]
    public async Task SIGTERM_lets_a_refresh_end_and_be_committed_within_the_grace_period()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var release = new TaskCompletionSource();
        var grant = fixture.Tokens.AddAccount("ending");
        fixture.Tokens.Next(grant.RefreshToken, ScriptedAnswer.Held(release.Task));
        await fixture.WriteSeedAsync("ending", grant.RefreshToken);
        await fixture.ApplyAsync("ending");
        await Eventually.IsTrueAsync(() => fixture.Tokens.AskedFor(grant.RefreshToken) == 1);

        var stopping = fixture.Operator.StopAsync();
        await fixture.Operator.LogsAsync("is stopping: it finishes work in progress first");
        release.SetResult();

        (await stopping).Should().Be(0, fixture.Operator.Log);
        (await fixture.StoredTokenAsync("ending"))!.AccessToken.Should().NotBeNull("the provider may have replaced the refresh token");
    }

    [Fact]
    public async Task The_process_is_restricted_as_the_Deployment_demands()
    {
        var fixture = await cluster.SharedFixtureAsync();
        var process = $"/proc/{fixture.Operator.Id}";
        var status = (await File.ReadAllLinesAsync($"{process}/status")).Select(line => line.Split(':', 2)).ToDictionary(line => line[0], line => line[1].Trim());
        var security = cluster.Image.Pod.SecurityContext;
        var limit = cluster.Image.Pod.Containers[0].Resources.Limits["memory"].ToInt64();

        status["Uid"].Split('\t').Should().AllBe($"{security.RunAsUser}");
        status["Gid"].Split('\t').Should().AllBe($"{security.RunAsGroup}");
        status["Groups"].Should().Be($"{security.FsGroup}");
        foreach (var set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
            status[set].Should().Be("0000000000000000", set);
        status["NoNewPrivs"].Should().Be("1");
        status["Seccomp"].Should().Be("2", "a filter is active");
        var root = (await File.ReadAllLinesAsync($"{process}/mountinfo")).Select(line => line.Split(' ')).Where(fields => fields[4] == "/").Should().ContainSingle().Subject;
        root[5].Split(',').Should().Contain("ro");
        (await MemoryLimitAsync(process)).Should().Be(limit);
        // The garbage collector plans with the limit, not with the memory of the node.
        var environment = (await File.ReadAllTextAsync($"{process}/environ")).Split('\0');
        environment.Should().Contain("DOTNET_EnableDiagnostics=0").And.Contain("DATABASE_URL_FILE=/etc/token-operator/postgres/uri").And.NotContain(variable => variable.StartsWith("PATH=", StringComparison.Ordinal));
    }

    [Fact]
    public void The_image_has_no_program_but_the_operator()
    {
        var programs = Directory.EnumerateFiles(cluster.Image.Root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            // runc creates empty files to mount others on.
            .Where(file => new FileInfo(file).Length > 0 && !OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & UnixFileMode.UserExecute) != 0)
            .Select(file => Path.GetRelativePath(cluster.Image.Root, file))
            .Where(file => !file.StartsWith("lib/", StringComparison.Ordinal));
        programs.Should().Equal("app/token-operator");
        ((string?)cluster.Image.Config["User"]).Should().Be($"{cluster.Image.Pod.SecurityContext.RunAsUser}:{cluster.Image.Pod.SecurityContext.RunAsGroup}");
    }

    [Fact]
    public void The_SBOM_of_the_image_names_each_package_with_its_licence()
    {
        var sbom = JsonNode.Parse(File.ReadAllText(Path.Combine(cluster.Image.Root, "app", "sbom.cdx.json")))!;
        var components = sbom["components"]!.AsArray();
        components.Should().OnlyContain(component => component!["licenses"]!.AsArray().Count > 0);
        var debian = Directory.GetFiles(Path.Combine(cluster.Image.Root, "var/lib/dpkg/status.d")).Select(Path.GetFileName);
        components.Where(component => ((string)component!["purl"]!).StartsWith("pkg:deb/", StringComparison.Ordinal)).Select(component => (string?)component!["name"]).Should().BeEquivalentTo(debian);
        components.Select(component => (string?)component!["name"]).Should().Contain(["libssl3", "Npgsql"]).And.Contain(name => name!.StartsWith("Microsoft.NETCore.App.Runtime.NativeAOT", StringComparison.Ordinal));
    }

    private static async Task<long> MemoryLimitAsync(string process)
    {
        foreach (var line in await File.ReadAllLinesAsync($"{process}/cgroup"))
        {
            var fields = line.Split(':', 3);
            if (fields[1] == "memory")
                return long.Parse((await File.ReadAllTextAsync($"/sys/fs/cgroup/memory{fields[2]}/memory.limit_in_bytes")).Trim(), System.Globalization.CultureInfo.InvariantCulture);
            if (fields[0] == "0" && File.Exists($"/sys/fs/cgroup{fields[2]}/memory.max"))
                return long.Parse((await File.ReadAllTextAsync($"/sys/fs/cgroup{fields[2]}/memory.max")).Trim(), System.Globalization.CultureInfo.InvariantCulture);
        }

        throw new InvalidOperationException("The process is in no memory cgroup.");
    }
}
