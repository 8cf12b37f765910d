// Writes the software bill of materials of the operator (CycloneDX 1.6, JSON) from its lock file:
//   dotnet run --file hack/sbom.cs -- src/TokenOperator/packages.lock.json sbom.cdx.json VERSION
// The same arguments and the same lock file always produce the same bytes.
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false
#:property RestoreLockedMode=false
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

if (args is not [var lockFile, var output, var version])
{
    Console.Error.WriteLine("sbom: expected three arguments: LOCK-FILE OUTPUT-FILE VERSION");
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
const string Operator = "token-operator";

// What the program's own projects name, itself included.
IEnumerable<string> Direct() => frameworks.SelectMany(framework => framework.Value!.AsObject()).SelectMany(entry => (string)entry.Value!["type"]! switch
{
    "Direct" => [entry.Key],
    "Project" => entry.Value["dependencies"]?.AsObject().Select(dependency => dependency.Key) ?? [],
    _ => [],
});

var components = packages.Select(package => new JsonObject
{
    ["type"] = "library",
    ["bom-ref"] = Reference(package.Key),
    ["name"] = package.Key,
    ["version"] = (string)package.Value["resolved"]!,
    ["purl"] = Reference(package.Key),
    ["hashes"] = new JsonArray(new JsonObject
    {
        ["alg"] = "SHA-512",
        ["content"] = Convert.ToHexStringLower(Convert.FromBase64String((string)package.Value["contentHash"]!)),
    }),
});
var dependencies = packages.Select(package => Edge(
        Reference(package.Key),
        package.Value["dependencies"]?.AsObject().Select(dependency => dependency.Key).Where(packages.ContainsKey).Select(Reference) ?? []))
    .Prepend(Edge(Operator, Direct().Where(packages.ContainsKey).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase).Select(Reference)));
var document = new JsonObject
{
    ["$schema"] = "http://cyclonedx.org/schema/bom-1.6.schema.json",
    ["bomFormat"] = "CycloneDX",
    ["specVersion"] = "1.6",
    ["version"] = 1,
    ["metadata"] = new JsonObject
    {
        ["component"] = new JsonObject { ["type"] = "application", ["bom-ref"] = Operator, ["name"] = Operator, ["version"] = version },
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
