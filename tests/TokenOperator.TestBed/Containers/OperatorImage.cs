using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using YamlDotNet.Serialization;

namespace TokenOperator.TestBed.Containers;

/// <summary>
/// The operator's image that TOKEN_OPERATOR_IMAGE names, or another one, unpacked for runc, with the pod that runs it in a cluster.
/// skopeo chooses this machine's platform from the image, and umoci unpacks it.
/// </summary>
public sealed class OperatorImage : IDisposable
{
    private const string Variable = "TOKEN_OPERATOR_IMAGE";
    private readonly string _folder;

    private OperatorImage(string folder, ContainerTools tools, JsonObject config, V1PodSpec pod, JsonObject seccomp) =>
        (_folder, Tools, Config, Pod, Seccomp) = (folder, tools, config, pod, seccomp);

    /// <summary>The root file system.</summary>
    public string Root => Path.Combine(_folder, "bundle", "rootfs");

    /// <summary>The section <c>config</c> of the image's configuration: Entrypoint, Env, User, WorkingDir and Labels.</summary>
    public JsonObject Config { get; }

    /// <summary>The pod of config/default, or of another Deployment.</summary>
    public V1PodSpec Pod { get; }

    /// <summary>The seccomp profile of a container runtime (RuntimeDefault), for runc.</summary>
    public JsonObject Seccomp { get; }

    /// <summary>skopeo, umoci and runc.</summary>
    public ContainerTools Tools { get; }

    /// <summary>The OCI image layout (tar), for all platforms.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static string Archive => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named
        ? named
        : throw new InvalidOperationException($"{Variable} is not set: set it to the path that hack/image.sh prints.");

    /// <summary>Unpacks the image that TOKEN_OPERATOR_IMAGE names, and runs its program once.</summary>
    /// <exception cref="InvalidOperationException">There is no image, or this machine cannot run a container.</exception>
    public static async Task<OperatorImage> UnpackAsync(CancellationToken ct = default) => await UnpackAsync($"oci-archive:{Archive}", await ReadPodAsync(ct), ct);

    /// <summary>Pulls the image that a Deployment names from its registry on a loopback address, unpacks it, and runs its program once.</summary>
    /// <param name="deployment">The Deployment, as the API server has it.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="InvalidOperationException">There is no such image, or this machine cannot run a container.</exception>
    public static Task<OperatorImage> PullAsync(JsonNode deployment, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(deployment);
        var pod = KubernetesJson.Deserialize<V1Deployment>(deployment.ToJsonString()).Spec.Template.Spec;
        return UnpackAsync($"docker://{pod.Containers.Single().Image}", pod, ct);
    }

    private static async Task<OperatorImage> UnpackAsync(string source, V1PodSpec pod, CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("to-image-").FullName;
        var tools = await ContainerTools.FindAsync(ct);
        var layout = Path.Combine(folder, "layout");
        await RunAsync(tools.Skopeo, ["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", source, $"oci:{layout}:image"], ct);
        await RunAsync(tools.Umoci, ["unpack", "--image", $"{layout}:image", Path.Combine(folder, "bundle")], ct);
        var config = JsonNode.Parse(await RunAsync(tools.Skopeo, ["inspect", "--config", "--raw", $"oci:{layout}:image"], ct))!["config"]!.AsObject();
        var image = new OperatorImage(folder, tools, config, pod, SeccompProfile.Read(tools.SeccompProfile));
        try
        {
            // umoci makes the folder private to root, and the operator runs as another user.
            foreach (var path in (string[])[folder, Path.Combine(folder, "bundle"), image.Root])
            {
                if (!OperatingSystem.IsWindows())
                    File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
            }

            await image.TryRuncAsync(ct);
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task TryRuncAsync(CancellationToken ct)
    {
        using var container = OperatorContainer.Create(this, new ContainerOptions { Arguments = ["version"] });
        var (command, arguments) = container.RunCommand;
        var result = await Command.RunAsync(command, arguments, ct: ct);
        if (result.ExitCode != 0 || !result.Output.StartsWith("token-operator ", StringComparison.Ordinal))
        {
            throw new InvalidOperationException(
                $"runc cannot run the operator's image on this machine (exit code {result.ExitCode}): {result.Output}{result.Errors} These tests need root and a kernel that allows containers.");
        }
    }

    /// <summary>The pod of the only Deployment of config/default, rendered by kubectl as <c>make deploy</c> does.</summary>
    private static async Task<V1PodSpec> ReadPodAsync(CancellationToken ct)
    {
        var kubectl = (await TestAssets.FindAsync(ct)).Kubectl;
        var yaml = await RunAsync(kubectl, ["kustomize", Repository.File("config/default")], ct);
        var deployment = yaml.Split("\n---\n").Single(document => document.Contains("\nkind: Deployment\n", StringComparison.Ordinal));
        var json = new SerializerBuilder().JsonCompatible().Build().Serialize(new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build().Deserialize<object>(deployment));
        return KubernetesJson.Deserialize<V1Deployment>(json).Spec.Template.Spec;
    }

    private static async Task<string> RunAsync(string program, IEnumerable<string> arguments, CancellationToken ct)
    {
        var result = await Command.RunAsync(program, arguments, ct: ct);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"{Path.GetFileName(program)} ended with exit code {result.ExitCode}: {result.Errors}");
    }
}

/// <summary>The programs that unpack images and run containers.</summary>
/// <param name="Skopeo">The path of skopeo.</param>
/// <param name="Umoci">The path of umoci.</param>
/// <param name="Runc">The path of runc.</param>
public sealed record ContainerTools(string Skopeo, string Umoci, string Runc)
{
    /// <summary>The seccomp profile that Podman and CRI-O use as RuntimeDefault. skopeo depends on the package that contains it.</summary>
    public string SeccompProfile => ((string[])[
        Path.Combine(Path.GetDirectoryName(Skopeo)!, "..", "unpacked", "usr", "share", "containers", "seccomp.json"),
        "/usr/share/containers/seccomp.json",
    ]).FirstOrDefault(File.Exists) ?? throw new InvalidOperationException("There is no seccomp.json beside skopeo: install Debian's package golang-github-containers-common.");

    /// <summary>Takes the programs that TOKEN_OPERATOR_SKOPEO, TOKEN_OPERATOR_UMOCI and TOKEN_OPERATOR_RUNC name, or runs hack/container-tool.sh.</summary>
    /// <exception cref="InvalidOperationException">One is not available. The message contains the reason.</exception>
    public static async Task<ContainerTools> FindAsync(CancellationToken ct = default) => new(await FindAsync("skopeo", ct), await FindAsync("umoci", ct), await FindAsync("runc", ct));

    /// <summary>The path of one of the programs that hack/container-tool.sh knows.</summary>
    /// <exception cref="InvalidOperationException">It is not available. The message contains the reason.</exception>
    public static Task<string> FindAsync(string name, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        return FetchedProgram.FindAsync($"TOKEN_OPERATOR_{name.ToUpperInvariant().Replace('-', '_')}", "hack/container-tool.sh", [name], ct);
    }
}

/// <summary>A seccomp profile in the format of Docker and Podman, for a container on this machine that has no capabilities.</summary>
internal static class SeccompProfile
{
    /// <summary>The section <c>linux.seccomp</c> for runc.</summary>
    public static JsonObject Read(string file)
    {
        var profile = JsonNode.Parse(File.ReadAllText(file))!;
        var architecture = System.Runtime.InteropServices.RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";
        bool Applies(JsonNode rule) =>
            Names(rule, "includes", "caps") is [] && (Names(rule, "includes", "arches") is [] || Names(rule, "includes", "arches").Contains(architecture))
            && !Names(rule, "excludes", "arches").Contains(architecture);
        return new JsonObject
        {
            ["defaultAction"] = profile["defaultAction"]!.DeepClone(),
            ["defaultErrnoRet"] = profile["defaultErrnoRet"]?.DeepClone(),
            ["syscalls"] = new JsonArray([.. profile["syscalls"]!.AsArray().Where(rule => Applies(rule!)).Select(rule => new JsonObject
            {
                ["names"] = rule!["names"]!.DeepClone(),
                ["action"] = rule["action"]!.DeepClone(),
                ["args"] = rule["args"]?.DeepClone(),
                ["errnoRet"] = rule["errnoRet"]?.DeepClone(),
            })]),
        };
    }

    private static List<string> Names(JsonNode rule, string section, string list) => rule[section]?[list]?.Deserialize<List<string>>() ?? [];
}
