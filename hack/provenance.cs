// Writes what was built from what, as an in-toto statement with SLSA provenance (https://slsa.dev/spec/v1.0/provenance):
//   dotnet run --file hack/provenance.cs -- OUTPUT REVISION SECONDS SUBJECT...
// A SUBJECT is a file, or NAME@sha256:DIGEST for an image. REVISION is the commit, and SECONDS since 1970 its time. The dependencies
// are the commit, the SDK, every Debian package of hack/image/base.lock and every lock file. BUILDER_ID names who builds, as a URI;
// SOURCE_URI names the repository, as git+https://... Both have defaults. The parameters are those of hack/release.sh, from the
// environment. The statement is not signed: docs/verify.md signs it.
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false
#:property RestoreLockedMode=false
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

if (args is not [var output, var revision, var seconds, .. var subjects] || subjects.Length == 0)
{
    Console.Error.WriteLine("provenance: expected at least four arguments: OUTPUT REVISION SECONDS SUBJECT...");
    return 2;
}

string Setting(string name, string otherwise) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : otherwise;
var root = Directory.GetCurrentDirectory();
var source = Setting("SOURCE_URI", "git+https://tokenoperator.dev/token-operator");
var builder = Setting("BUILDER_ID", "https://tokenoperator.dev/build/own-machine");
var dependencies = new JsonArray(new JsonObject { ["uri"] = $"{source}@{revision}", ["digest"] = new JsonObject { ["gitCommit"] = revision } });
dependencies.Add(new JsonObject { ["uri"] = $"pkg:generic/dotnet-sdk@{Sdk()}" });
foreach (var line in File.ReadLines(Path.Combine(root, "hack/image/base.lock")).Where(line => !line.StartsWith('#')).Select(line => line.Split(' ')).Where(line => line.Length == 6).DistinctBy(line => line[4]))
{
    dependencies.Add(new JsonObject
    {
        ["uri"] = $"pkg:deb/debian/{line[2]}@{Uri.EscapeDataString(line[3])}?arch={line[1]}&distro=debian-12",
        ["digest"] = new JsonObject { ["sha256"] = line[4] },
    });
}

foreach (var file in (string[])["hack/image/base.lock", "hack/image/dotnet.lock", "hack/plugin.lock", "global.json", .. Directory.GetFiles(Path.Combine(root, "src"), "packages*.lock.json", SearchOption.AllDirectories)
    .Select(file => Path.GetRelativePath(root, file)).Where(file => !file.Contains("/obj/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)])
    dependencies.Add(new JsonObject { ["name"] = file, ["uri"] = $"{source}@{revision}#{file}", ["digest"] = Sha256(Path.Combine(root, file)) });

var statement = new JsonObject
{
    ["_type"] = "https://in-toto.io/Statement/v1",
    ["subject"] = new JsonArray([.. subjects.Select(Subject)]),
    ["predicateType"] = "https://slsa.dev/provenance/v1",
    ["predicate"] = new JsonObject
    {
        ["buildDefinition"] = new JsonObject
        {
            ["buildType"] = "https://tokenoperator.dev/build/make-release/v1",
            ["externalParameters"] = new JsonObject
            {
                ["SOURCE_URI"] = source, ["BUILDER_ID"] = builder, ["revision"] = revision, ["VERSION"] = Setting("RELEASE_VERSION", ""),
                ["IMAGE_REPOSITORY"] = Setting("IMAGE_REPOSITORY", ""), ["DOWNLOADS"] = Setting("DOWNLOADS", ""), ["PLATFORMS"] = Setting("PLATFORMS", ""),
            },
            ["internalParameters"] = new JsonObject { ["SOURCE_DATE_EPOCH"] = seconds },
            ["resolvedDependencies"] = dependencies,
        },
        ["runDetails"] = new JsonObject
        {
            ["builder"] = new JsonObject { ["id"] = builder },
            ["metadata"] = new JsonObject { ["invocationId"] = revision },
        },
    },
};
File.WriteAllText(output, statement.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n");
return 0;

static JsonObject Subject(string subject) => subject.Split("@sha256:") is [var name, var digest]
    ? new JsonObject { ["name"] = name, ["digest"] = new JsonObject { ["sha256"] = digest } }
    : new JsonObject { ["name"] = Path.GetFileName(subject), ["digest"] = Sha256(subject) };

static JsonObject Sha256(string file) => new() { ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))) };

static string Sdk()
{
    using var dotnet = Process.Start(new ProcessStartInfo("dotnet", ["--version"]) { RedirectStandardOutput = true })!;
    return dotnet.StandardOutput.ReadToEnd().Trim();
}
