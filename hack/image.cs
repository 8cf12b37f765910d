// Writes the operator's image for several platforms as an OCI image layout in one tar file:
//   dotnet run --file hack/image.cs -- OUTPUT VERSION REVISION SECONDS ARCHITECTURE=FOLDER...
// FOLDER contains the files app/token-operator and app/sbom.cdx.json, and for each Debian package debian/NAME.tar (its
// files) and debian/NAME.control. SECONDS since 1970 is the time of the image and of each file in it. The same input always
// produces the same bytes. Prints the digest of the image. hack/image.sh calls it.
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false
#:property RestoreLockedMode=false
#:property TargetFramework=net10.0
using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

if (args is not [var output, var version, var revision, var seconds, .. var platforms] || platforms.Length == 0)
{
    Console.Error.WriteLine("image: expected at least five arguments: OUTPUT VERSION REVISION SECONDS ARCHITECTURE=FOLDER...");
    return 2;
}

var time = DateTimeOffset.FromUnixTimeSeconds(long.Parse(seconds, CultureInfo.InvariantCulture));
var created = time.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
// The Dockerfile has the same values; a test compares them.
var labels = new JsonObject
{
    ["org.opencontainers.image.created"] = created,
    ["org.opencontainers.image.description"] = "A Kubernetes operator that keeps OAuth access tokens fresh",
    ["org.opencontainers.image.licenses"] = "Apache-2.0",
    ["org.opencontainers.image.revision"] = revision,
    ["org.opencontainers.image.title"] = "token-operator",
    ["org.opencontainers.image.vendor"] = "The TokenOperator authors",
    ["org.opencontainers.image.version"] = version,
};
// By digest, in the order of the digests.
var blobs = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
var manifests = new JsonArray();
foreach (var (architecture, folder) in platforms.Select(platform => platform.Split('=', 2)).Select(parts => (parts[0], parts[1])))
{
    // The base changes rarely, so nodes and registries keep its layer over several versions.
    var packed = new[] { Base(folder), App(folder) }.Select(Archive).Select(archive => (Archive: archive, Packed: Gzip(archive))).ToList();
    var config = new JsonObject
    {
        ["architecture"] = architecture,
        ["os"] = "linux",
        ["created"] = created,
        ["author"] = "The TokenOperator authors",
        ["config"] = new JsonObject
        {
            // A number: runAsNonRoot cannot tell who a name is.
            ["User"] = "1654:1654",
            ["WorkingDir"] = "/app",
            ["Entrypoint"] = new JsonArray("/app/token-operator"),
            // No diagnostics socket and no crash dump, wherever the image runs, because both could expose the memory.
            ["Env"] = new JsonArray("DOTNET_EnableDiagnostics=0", "DOTNET_DbgEnableMiniDump=0"),
            ["Labels"] = labels.DeepClone(),
        },
        ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray([.. packed.Select(layer => JsonValue.Create(Digest(layer.Archive)))]) },
        ["history"] = new JsonArray(History("Debian packages of hack/image/base.lock"), History("token-operator")),
    };
    manifests.Add(Json("application/vnd.oci.image.manifest.v1+json", new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
        ["config"] = Json("application/vnd.oci.image.config.v1+json", config),
        ["layers"] = new JsonArray([.. packed.Select(layer => Blob("application/vnd.oci.image.layer.v1.tar+gzip", layer.Packed))]),
        ["annotations"] = labels.DeepClone(),
    }, new JsonObject { ["architecture"] = architecture, ["os"] = "linux" }));
}

var image = Json("application/vnd.oci.image.index.v1+json", new JsonObject
{
    ["schemaVersion"] = 2,
    ["mediaType"] = "application/vnd.oci.image.index.v1+json",
    ["manifests"] = manifests,
    ["annotations"] = labels.DeepClone(),
});
var digest = (string)image["digest"]!;
image["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = version };
var layout = new SortedDictionary<string, Item>(StringComparer.Ordinal);
Put(layout, "oci-layout", Encode(new JsonObject { ["imageLayoutVersion"] = "1.0.0" }));
Put(layout, "index.json", Encode(new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = "application/vnd.oci.image.index.v1+json", ["manifests"] = new JsonArray(image) }));
foreach (var (name, content) in blobs)
    Put(layout, $"blobs/{name.Replace(':', '/')}", content);
File.WriteAllBytes(output, Archive(layout));
Console.WriteLine(digest);
return 0;

// The files of the Debian packages that the program needs, and what the installation of the packages would create.
static SortedDictionary<string, Item> Base(string folder)
{
    var files = new SortedDictionary<string, Item>(StringComparer.Ordinal);
    var authorities = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
    foreach (var archive in Directory.GetFiles(Path.Combine(folder, "debian"), "*.tar").Order(StringComparer.Ordinal))
    {
        using var reader = new TarReader(File.OpenRead(archive));
        while (reader.GetNextEntry() is { } entry)
        {
            var path = entry.Name.TrimStart('.').Trim('/');
            if (Regex.IsMatch(path, @"^usr/share/ca-certificates/.+\.crt$") && entry.DataStream is { } authority)
                authorities[path] = Bytes(authority);
            if (!Paths.Wanted().IsMatch(path) || entry.EntryType == TarEntryType.Directory)
                continue;
            Put(files, path, entry.DataStream is { } data ? Bytes(data) : [], entry.EntryType == TarEntryType.SymbolicLink ? entry.LinkName : null, (int)entry.Mode & 0b111_101_101);
        }

        // Scanners read the packages of an image without dpkg here.
        var package = Path.GetFileNameWithoutExtension(archive);
        Put(files, $"var/lib/dpkg/status.d/{package}", File.ReadAllBytes(Path.ChangeExtension(archive, ".control")));
    }

    if (authorities.Count == 0)
        throw new InvalidDataException($"No package in {folder} contains certificate authorities.");
    Put(files, "etc/ssl/certs/ca-certificates.crt", [.. authorities.Values.SelectMany(authority => authority)]);
    // The default folder and file of Debian's OpenSSL.
    Put(files, "usr/lib/ssl/certs", [], "/etc/ssl/certs");
    Put(files, "usr/lib/ssl/cert.pem", [], "/etc/ssl/certs/ca-certificates.crt");
    Put(files, "etc/passwd", "root:x:0:0:root:/:/sbin/nologin\ntoken-operator:x:1654:1654::/app:/sbin/nologin\n"u8.ToArray());
    Put(files, "etc/group", "root:x:0:\ntoken-operator:x:1654:\n"u8.ToArray());
    // /etc/hosts comes before DNS.
    Put(files, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"u8.ToArray());
    files["tmp/"] = new Item(null, null, 0b001_111_111_111);
    return files;
}

static SortedDictionary<string, Item> App(string folder)
{
    var files = new SortedDictionary<string, Item>(StringComparer.Ordinal);
    Put(files, "app/sbom.cdx.json", File.ReadAllBytes(Path.Combine(folder, "app", "sbom.cdx.json")));
    Put(files, "app/token-operator", File.ReadAllBytes(Path.Combine(folder, "app", "token-operator")), mode: 0b111_101_101);
    return files;
}

// A file or link, and each folder above it.
static void Put(SortedDictionary<string, Item> files, string path, byte[] content, string? target = null, int mode = 0b110_100_100)
{
    for (var end = path.IndexOf('/', StringComparison.Ordinal); end >= 0; end = path.IndexOf('/', end + 1))
        files.TryAdd(path[..(end + 1)], new Item(null, null, 0b111_101_101));
    files[path] = new Item(content, target, mode);
}

byte[] Archive(SortedDictionary<string, Item> files)
{
    var archive = new MemoryStream();
    using (var writer = new TarWriter(archive, TarEntryFormat.Ustar, leaveOpen: true))
    {
        foreach (var (path, item) in files)
        {
            var type = item switch { { Target: not null } => TarEntryType.SymbolicLink, { Content: null } => TarEntryType.Directory, _ => TarEntryType.RegularFile };
            var entry = new UstarTarEntry(type, path) { ModificationTime = time, Mode = (UnixFileMode)item.Mode, Uid = 0, Gid = 0 };
            if (item.Target is { } target)
                entry.LinkName = target;
            else if (item.Content is { } content)
                entry.DataStream = new MemoryStream(content);
            writer.WriteEntry(entry);
        }
    }

    return archive.ToArray();
}

// The program gzip writes the same bytes on each processor; .NET's own compression may not.
static byte[] Gzip(byte[] content)
{
    using var gzip = Process.Start(new ProcessStartInfo("gzip", ["-9", "--no-name"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
    var packed = new MemoryStream();
    var reading = gzip.StandardOutput.BaseStream.CopyToAsync(packed);
    gzip.StandardInput.BaseStream.Write(content);
    gzip.StandardInput.Close();
    reading.GetAwaiter().GetResult();
    gzip.WaitForExit();
    return gzip.ExitCode == 0 ? packed.ToArray() : throw new InvalidOperationException($"gzip ended with {gzip.ExitCode}.");
}

JsonObject Json(string type, JsonObject content, JsonObject? platform = null)
{
    var descriptor = Blob(type, Encode(content));
    if (platform is not null)
        descriptor["platform"] = platform;
    return descriptor;
}

JsonObject Blob(string type, byte[] content)
{
    var name = Digest(content);
    blobs[name] = content;
    return new JsonObject { ["mediaType"] = type, ["digest"] = name, ["size"] = content.Length };
}

JsonObject History(string what) => new() { ["created"] = created, ["created_by"] = what };

static string Digest(byte[] content) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";

static byte[] Encode(JsonObject content) =>
    Encoding.UTF8.GetBytes(content.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));

static byte[] Bytes(Stream data)
{
    var copy = new MemoryStream();
    data.CopyTo(copy);
    return copy.ToArray();
}

// Content is null for a folder, and Target for anything but a symbolic link.
internal sealed record Item(byte[]? Content, string? Target, int Mode);

internal static partial class Paths
{
    // Libraries, licences and the name of the distribution; no program, no character sets of iconv.
    [GeneratedRegex(@"^(lib|lib64)/.|^usr/lib/[^/]+-linux-gnu/(?!gconv/).|^(usr/lib|etc)/os-release$|^etc/debian_version$|^usr/share/(doc/[^/]+/copyright$|common-licenses/.)")]
    public static partial Regex Wanted();
}
