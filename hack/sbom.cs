// Writes the software bill of materials of the operator or the plugin (CycloneDX 1.6, JSON) from its lock file:
//   dotnet run --file hack/sbom.cs -- src/TokenOperator/packages.linux-x64.lock.json sbom.cdx.json VERSION [FOLDER]
// It names the NuGet packages and those of .NET itself (hack/image/dotnet.lock, or hack/plugin.lock for macOS and Windows) with their
// licences, which the restored packages tell. FOLDER contains the files NAME.control and NAME.tar of the image's Debian packages, which are then included.
// The same input always produces the same bytes.
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false
#:property RestoreLockedMode=false
using System.Formats.Tar;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;

if (args is not [var lockFile, var output, var version, .. { Length: <= 1 } rest])
{
    Console.Error.WriteLine("sbom: expected three or four arguments: LOCK-FILE OUTPUT-FILE VERSION [FOLDER]");
    return 2;
}

var frameworks = JsonNode.Parse(File.ReadAllText(lockFile))!["dependencies"]!.AsObject();
// The section of a platform (net10.0/linux-x64) repeats packages of the framework's section and adds others.
var packages = new SortedDictionary<string, JsonNode>(StringComparer.OrdinalIgnoreCase);
foreach (var (name, package) in frameworks.SelectMany(framework => framework.Value!.AsObject()))
{
    if ((string)package!["type"]! != "Project")
        packages.TryAdd(name, package);
}

string Reference(string name) => $"pkg:nuget/{name}@{(string)packages[name]["resolved"]!}";
var isPlugin = Path.GetFileName(Path.GetDirectoryName(lockFile)) == "KubectlOAuthToken";
var program = isPlugin ? "kubectl-oauthtoken" : "token-operator";

// What the program's own projects name, itself included.
IEnumerable<string> Direct() => frameworks.SelectMany(framework => framework.Value!.AsObject()).SelectMany(entry => (string)entry.Value!["type"]! switch
{
    "Direct" => [entry.Key],
    "Project" => entry.Value["dependencies"]?.AsObject().Select(dependency => dependency.Key) ?? [],
    _ => [],
});

// The packages of .NET that the program contains or was made with. No lock file of NuGet has them.
var platform = Regex.Match(lockFile, @"packages\.(.+)\.lock\.json$").Groups[1].Value;
var dotnetLock = Path.Combine(Path.GetDirectoryName(lockFile)!, "..", "..", "hack", platform.StartsWith("linux-", StringComparison.Ordinal) ? "image/dotnet.lock" : "plugin.lock");
var runtime = File.ReadLines(dotnetLock).Where(line => !line.StartsWith('#')).Select(line => line.Split(' '))
    .Where(line => !Regex.IsMatch(line[0], @"\.(linux|osx|win)-[a-z0-9]+$") || line[0].EndsWith($".{platform}", StringComparison.Ordinal))
    // The plugin is no web server.
    .Where(line => !isPlugin || !line[0].StartsWith("Microsoft.AspNetCore.", StringComparison.Ordinal))
    .Select(line => (Name: line[0], Version: line[1], Hash: line[2])).ToList();
var debian = rest.SelectMany(folder => Directory.GetFiles(folder, "*.control")).Order(StringComparer.Ordinal).Select(Debian).ToList();

var components = packages.Select(package => Component(package.Key, (string)package.Value["resolved"]!, Reference(package.Key), (string)package.Value["contentHash"]!))
    .Concat(runtime.Select(package => Component(package.Name, package.Version, $"pkg:nuget/{package.Name}@{package.Version}", package.Hash)))
    .Concat(debian);
var dependencies = packages.Select(package => Edge(
        Reference(package.Key),
        package.Value["dependencies"]?.AsObject().Select(dependency => dependency.Key).Where(packages.ContainsKey).Select(Reference) ?? []))
    .Prepend(Edge(program, Direct().Where(packages.ContainsKey).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase).Select(Reference)
        .Concat(runtime.Select(package => $"pkg:nuget/{package.Name}@{package.Version}")).Concat(debian.Select(component => (string)component["bom-ref"]!))))
    .Concat(runtime.Select(package => Edge($"pkg:nuget/{package.Name}@{package.Version}", [])))
    .Concat(debian.Select(component => Edge((string)component["bom-ref"]!, [])));
var document = new JsonObject
{
    ["$schema"] = "http://cyclonedx.org/schema/bom-1.6.schema.json",
    ["bomFormat"] = "CycloneDX",
    ["specVersion"] = "1.6",
    ["version"] = 1,
    ["metadata"] = new JsonObject
    {
        ["component"] = new JsonObject { ["type"] = "application", ["bom-ref"] = program, ["name"] = program, ["version"] = version, ["licenses"] = Licenses("Apache-2.0") },
    },
    ["components"] = new JsonArray([.. components]),
    ["dependencies"] = new JsonArray([.. dependencies]),
};
File.WriteAllText(output, document.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n");
return 0;

static JsonObject Edge(string from, IEnumerable<string> to) => new()
{
    ["ref"] = from,
    ["dependsOn"] = new JsonArray([.. to.Select(name => JsonValue.Create(name))]),
};

// A package of NuGet. Its own description names its licence.
static JsonObject Component(string name, string version, string reference, string hash)
{
    var component = new JsonObject
    {
        ["type"] = "library",
        ["bom-ref"] = reference,
        ["name"] = name,
        ["version"] = version,
        ["purl"] = reference,
        ["hashes"] = Hashes("SHA-512", Convert.FromBase64String(hash)),
    };
    var root = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
    var description = Path.Combine(root, name.ToLowerInvariant(), version, $"{name.ToLowerInvariant()}.nuspec");
    if (!File.Exists(description))
        throw new FileNotFoundException($"The package {name} {version} is not in {root}. Restore src/TokenOperator for this platform first.", description);
    var metadata = XDocument.Load(description).Root!.Elements().First();
    string? Text(string element) => metadata.Elements().FirstOrDefault(found => found.Name.LocalName == element)?.Value;
    var license = metadata.Elements().FirstOrDefault(found => found.Name.LocalName == "license");
    if (license?.Attribute("type")?.Value == "expression")
        component["licenses"] = Licenses(license.Value);
    else if (license is not null)
        component["licenses"] = Named(license.Value, text: File.ReadAllText(Path.Combine(Path.GetDirectoryName(description)!, license.Value)));
    else if (Text("licenseUrl") is { } address)
        component["licenses"] = Named(address, address);
    return component;
}

// A package of Debian. Its file copyright names its licences, in the format of https://dep-team.pages.debian.net/deps/dep5/ or as text.
static JsonObject Debian(string control)
{
    var fields = File.ReadLines(control).Select(line => line.Split(": ", 2)).Where(field => field.Length == 2 && !field[0].StartsWith(' ')).ToDictionary(field => field[0], field => field[1]);
    var (name, archive) = (fields["Package"], Path.ChangeExtension(control, ".tar"));
    var reference = $"pkg:deb/debian/{name}@{Uri.EscapeDataString(fields["Version"])}?arch={fields["Architecture"]}&distro=debian-12";
    var licenses = CopyrightOf(archive, name).Split('\n').Where(line => line.StartsWith("License: ", StringComparison.Ordinal)).Select(line => line["License: ".Length..].Trim())
        .Distinct().Order(StringComparer.Ordinal).ToList();
    return new JsonObject
    {
        ["type"] = "library",
        ["bom-ref"] = reference,
        ["name"] = name,
        ["version"] = fields["Version"],
        ["purl"] = reference,
        ["licenses"] = licenses.Count > 0 ? new JsonArray([.. licenses.Select(license => Named(license)[0]!.DeepClone())]) : Named($"see /usr/share/doc/{name}/copyright in the image"),
    };
}

static string CopyrightOf(string archive, string package)
{
    using var reader = new TarReader(File.OpenRead(archive));
    while (reader.GetNextEntry() is { } entry)
    {
        if (entry.Name == $"./usr/share/doc/{package}/copyright" && entry.DataStream is { } data)
            return new StreamReader(data).ReadToEnd();
    }

    return "";
}

static JsonArray Hashes(string algorithm, byte[] hash) => [new JsonObject { ["alg"] = algorithm, ["content"] = Convert.ToHexStringLower(hash) }];

static JsonArray Licenses(string expression) => [new JsonObject { ["expression"] = expression }];

static JsonArray Named(string name, string? address = null, string? text = null)
{
    var license = new JsonObject { ["name"] = name };
    if (text is not null)
        license["text"] = new JsonObject { ["contentType"] = "text/plain", ["content"] = text };
    if (address is not null)
        license["url"] = address;
    return [new JsonObject { ["license"] = license }];
}
