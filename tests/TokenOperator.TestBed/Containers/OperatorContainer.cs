using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using k8s.Models;

namespace TokenOperator.TestBed.Containers;

/// <summary>What a cluster gives a container of the operator.</summary>
public sealed record ContainerOptions
{
    /// <summary>The arguments instead of those of the pod; null for those of the pod.</summary>
    public IReadOnlyList<string>? Arguments { get; init; }

    /// <summary>The keys of the ConfigMap token-operator-settings, and what the network of the host demands, such as a free port.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The folders of the pod's volumes, by the names of the volumes. An optional volume can be missing.</summary>
    public IReadOnlyDictionary<string, string> Volumes { get; init; } = new Dictionary<string, string>();

    /// <summary>A folder with the files token, ca.crt and namespace of the ServiceAccount; null for none.</summary>
    public string? ServiceAccountFolder { get; init; }

    /// <summary>A folder to delete with the container; null for none.</summary>
    public string? FolderToDelete { get; init; }

    /// <summary>The address of the API server; null for none.</summary>
    public Uri? ApiServer { get; init; }
}

/// <summary>
/// The operator's image in a container of runc, as the pod of config/default demands: the user, capabilities, seccomp, root file
/// system, mounts, environment, memory limit and CPU share. It shares the network of the host, because the servers of the tests
/// listen on loopback addresses. Resource limits of processes (rlimits) and oomScoreAdj are left out, because not every machine may
/// set them.
/// </summary>
public sealed class OperatorContainer : IDisposable
{
    private readonly OperatorImage _image;
    private readonly string _bundle;
    private readonly string _name;
    private readonly string? _folder;

    private OperatorContainer(OperatorImage image, string bundle, string? folder) =>
        (_image, _bundle, _name, _folder) = (image, bundle, Path.GetFileName(bundle), folder);

    /// <summary>Runs the container in the foreground. The command ends with the exit code of the container.</summary>
    public (string Program, IReadOnlyList<string> Arguments) RunCommand =>
        (_image.Tools.Runc, ["--root", StateFolder, "run", "--bundle", _bundle, "--pid-file", PidFile, _name]);

    /// <summary>A shell command that kills and deletes the container.</summary>
    public string DeleteCommand => $"'{_image.Tools.Runc}' --root '{StateFolder}' delete --force '{_name}'; rm -rf '{_bundle}' {(_folder is null ? "" : $"'{_folder}'")}";

    /// <summary>The process id of the operator on the host; null before it starts.</summary>
    public int? ProcessId => File.Exists(PidFile) && int.TryParse(File.ReadAllText(PidFile), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    /// <summary>How long a kubelet waits between SIGTERM and SIGKILL.</summary>
    public TimeSpan TerminationGracePeriod => TimeSpan.FromSeconds(_image.Pod.TerminationGracePeriodSeconds
        ?? throw new InvalidOperationException("The pod of config/default has no terminationGracePeriodSeconds."));

    private string StateFolder => Path.Combine(_bundle, "state");

    private string PidFile => Path.Combine(_bundle, "pid");

    /// <summary>Writes the bundle, and starts nothing.</summary>
    public static OperatorContainer Create(OperatorImage image, ContainerOptions options)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(options);
        var bundle = Directory.CreateTempSubdirectory("to-container-").FullName;
        foreach (var folder in options.Volumes.Values.Append(options.ServiceAccountFolder).OfType<string>())
            GiveToGroup(folder, image.Pod.SecurityContext.FsGroup);
        File.WriteAllText(Path.Combine(bundle, "config.json"), new RuntimeSpec(image, options, Path.GetFileName(bundle)).ToJson().ToJsonString());
        return new OperatorContainer(image, bundle, options.FolderToDelete);
    }

    /// <summary>As a kubelet does it for fsGroup: the group owns the volume and what is added to it, and can read it. Nobody else can.</summary>
    private static void GiveToGroup(string folder, long? group)
    {
        const string Script = """chgrp -R "$2" "$1" && chmod -R g+rX,o-rwx "$1" && chmod g+s "$1" """;
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", Script, "sh", folder, $"{group}"]))!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"The files in {folder} cannot be given to the group {group}: these tests need root.");
    }

    /// <summary>The command that runs a program in the running container, as <c>kubectl exec</c> does.</summary>
    public (string Program, IReadOnlyList<string> Arguments) ExecCommand(IReadOnlyDictionary<string, string> environment, IEnumerable<string> command) =>
        (_image.Tools.Runc, ["--root", StateFolder, "exec", .. environment.SelectMany(variable => (string[])["--env", $"{variable.Key}={variable.Value}"]), _name, .. command]);

    /// <summary>Kills and deletes the container and its bundle.</summary>
    public void Dispose()
    {
        using var delete = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", DeleteCommand]) { RedirectStandardError = true });
        delete!.StandardError.ReadToEnd();
        delete.WaitForExit();
    }
}

/// <summary>The pod of config/default as a configuration of the OCI runtime specification, which runc reads.</summary>
internal sealed class RuntimeSpec(OperatorImage image, ContainerOptions options, string hostname)
{
    private const string ServiceAccountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
    private static readonly string[] ReadOnly = ["bind", "ro", "nosuid", "nodev", "noexec"];

    private readonly V1PodSpec _pod = image.Pod;
    private readonly V1Container _container = image.Pod.Containers.Single();

    public JsonObject ToJson()
    {
        var security = _container.SecurityContext;
        var whole = _pod.SecurityContext;
        // Whatever else the pod demands must not be ignored here.
        Demand(security.Capabilities is { Add: null, Drop: ["ALL"] }, "capabilities.drop is not [ALL]");
        Demand(security is { Privileged: null or false, RunAsUser: null, RunAsGroup: null, SeccompProfile: null, SeLinuxOptions: null }, "the container's own securityContext overrides the pod's");
        Demand(whole is { SeccompProfile.Type: "RuntimeDefault", Sysctls: null, SupplementalGroups: null, SeLinuxOptions: null, RunAsNonRoot: true }, "the pod's securityContext is another one");
        Demand(_pod is { InitContainers: null, HostNetwork: null or false, HostPID: null or false, HostIPC: null or false }, "the pod has init containers or namespaces of the host");
        return new JsonObject
        {
            ["ociVersion"] = "1.0.2",
            ["hostname"] = hostname,
            ["process"] = new JsonObject
            {
                ["user"] = new JsonObject { ["uid"] = whole.RunAsUser, ["gid"] = whole.RunAsGroup, ["additionalGids"] = new JsonArray(whole.FsGroup) },
                ["args"] = Texts([.. _container.Command ?? Strings("Entrypoint"), .. options.Arguments ?? _container.Args ?? Strings("Cmd")]),
                ["env"] = Texts(Environment().Select(variable => $"{variable.Key}={variable.Value}")),
                ["cwd"] = _container.WorkingDir ?? (string?)image.Config["WorkingDir"] ?? "/",
                ["noNewPrivileges"] = security.AllowPrivilegeEscalation == false,
                ["capabilities"] = new JsonObject(),
            },
            ["root"] = new JsonObject { ["path"] = image.Root, ["readonly"] = security.ReadOnlyRootFilesystem == true },
            ["mounts"] = new JsonArray([.. Mounts()]),
            ["linux"] = new JsonObject
            {
                ["namespaces"] = new JsonArray([.. ((string[])["pid", "ipc", "uts", "mount", "cgroup"]).Select(type => new JsonObject { ["type"] = type })]),
                ["resources"] = Resources(),
                ["seccomp"] = image.Seccomp.DeepClone(),
                ["maskedPaths"] = Texts(["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"]),
                ["readonlyPaths"] = Texts(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]),
            },
        };
    }

    /// <summary>The image's variables, the kubelet's, those of the ConfigMap, and those of the pod, each over the ones before it.</summary>
    private Dictionary<string, string> Environment()
    {
        var all = Strings("Env").Select(variable => variable.Split('=', 2)).ToDictionary(variable => variable[0], variable => variable[1]);
        all["HOSTNAME"] = hostname;
        if (options.ApiServer is { } server)
        {
            all["KUBERNETES_SERVICE_HOST"] = server.Host;
            all["KUBERNETES_SERVICE_PORT"] = server.Port.ToString(CultureInfo.InvariantCulture);
        }

        Demand(_container.EnvFrom is [{ ConfigMapRef.Name: "token-operator-settings" }], "envFrom is not the ConfigMap token-operator-settings alone");
        foreach (var (name, value) in options.Settings)
            all[name] = value;
        foreach (var variable in _container.Env)
        {
            Demand(variable.ValueFrom is null, $"{variable.Name} has a valueFrom");
            all[variable.Name] = variable.Value;
        }

        return all;
    }

    private IEnumerable<JsonObject> Mounts()
    {
        yield return Mount("proc", "/proc", "proc", "nosuid", "noexec", "nodev");
        yield return Mount("tmpfs", "/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
        yield return Mount("tmpfs", "/dev/shm", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k");
        yield return Mount("bind", "/etc/hosts", "/etc/hosts", ReadOnly);
        yield return Mount("bind", "/etc/resolv.conf", "/etc/resolv.conf", ReadOnly);
        if (options.ServiceAccountFolder is { } account)
            yield return Mount("bind", ServiceAccountPath, account, ReadOnly);
        foreach (var mount in _container.VolumeMounts)
        {
            var volume = _pod.Volumes.Single(volume => volume.Name == mount.Name);
            Demand(mount is { SubPath: null, SubPathExpr: null }, $"the volume {mount.Name} has a subPath");
            if (options.Volumes.TryGetValue(mount.Name, out var folder))
                yield return Mount("bind", mount.MountPath, folder, mount.ReadOnlyProperty == true ? ReadOnly : [.. ReadOnly.Where(option => option != "ro")]);
            else
                Demand(volume is { ConfigMap.Optional: true } or { Secret.Optional: true } or { EmptyDir: not null } || options.Arguments is not null, $"the test has no folder for the volume {mount.Name}");
        }
    }

    private JsonObject Resources()
    {
        var resources = new JsonObject();
        if (_container.Resources.Limits?.TryGetValue("memory", out var memory) == true)
            resources["memory"] = new JsonObject { ["limit"] = memory.ToInt64() };
        // As a kubelet converts it: 1024 shares for a CPU.
        if (_container.Resources.Requests?.TryGetValue("cpu", out var cpu) == true)
            resources["cpu"] = new JsonObject { ["shares"] = (long)(cpu.ToDecimal() * 1024) };
        Demand(_container.Resources.Limits?.ContainsKey("cpu") != true, "there is a limit on CPU");
        return resources;
    }

    private IEnumerable<string> Strings(string name) => image.Config[name]?.AsArray().Select(text => (string)text!) ?? [];

    private static JsonObject Mount(string type, string destination, string source, params string[] mountOptions) => new()
    {
        ["type"] = type,
        ["destination"] = destination,
        ["source"] = source,
        ["options"] = Texts(mountOptions),
    };

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => JsonValue.Create(text))]);

    private static void Demand(bool holds, string otherwise)
    {
        if (!holds)
            throw new NotSupportedException($"config/default has changed in a way that the test container does not know: {otherwise}. Extend {nameof(RuntimeSpec)}.");
    }
}
