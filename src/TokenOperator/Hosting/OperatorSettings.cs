using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.SelfService;

namespace TokenOperator.Hosting;

/// <summary>The operator's own settings; docs/configuration.md has all of them.</summary>
public sealed record OperatorSettings
{
    /// <summary><c>Namespaces</c>: those to watch, with commas between; none for all.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary><c>Concurrency</c>: OAuthTokens worked on at once, 1 to 256.</summary>
    public int Concurrency { get; init; } = 16;

    /// <summary><c>LeaderElection__Enabled</c>.</summary>
    public bool LeaderElection { get; init; } = true;

    /// <summary><c>LeaderElection__LeaseName</c>.</summary>
    public string? LeaseName { get; init; }

    /// <summary><c>LeaderElection__LeaseNamespace</c>; by default the pod's own.</summary>
    public string? LeaseNamespace { get; init; }

    /// <summary><c>Http__Address</c>: where probes and metrics are served; <c>*</c> for all addresses.</summary>
    public string HttpAddress { get; init; } = "*";

    /// <summary><c>Http__Port</c>, 0 for a free one.</summary>
    public int HttpPort { get; init; } = 8080;

    /// <summary><c>SelfService__*</c>: pages for people, off by default.</summary>
    public SelfServiceSettings SelfService { get; init; } = new();

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidSettingException">One is not of its form.</exception>
    public static OperatorSettings From(IConfiguration configuration) => new()
    {
        Namespaces = NamespaceList(configuration["Namespaces"] ?? ""),
        Concurrency = Number(configuration, "Concurrency", 16, 1, 256),
        LeaderElection = configuration["LeaderElection:Enabled"] is not { Length: > 0 } enabled
            || (bool.TryParse(enabled, out var value) ? value : throw Wrong("LeaderElection__Enabled", enabled, "true or false")),
        LeaseName = configuration["LeaderElection:LeaseName"],
        LeaseNamespace = configuration["LeaderElection:LeaseNamespace"],
        HttpAddress = configuration["Http:Address"] is { Length: > 0 } address ? address : "*",
        HttpPort = Number(configuration, "Http:Port", 8080, 0, 65535),
        SelfService = SelfServiceSettings.From(configuration),
    };

    private static string[] NamespaceList(string text)
    {
        var names = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        // A name that nothing can have would leave the operator waiting for ever for its first look at it.
        return Array.TrueForAll(names, NamespaceName.IsValid) ? names : throw Wrong("Namespaces", text, "names of namespaces with commas between");
    }

    private static int Number(IConfiguration configuration, string key, int otherwise, int least, int most) =>
        configuration[key] is not { Length: > 0 } text ? otherwise
        : int.TryParse(text, out var number) && number >= least && number <= most ? number
        : throw Wrong(key.Replace(":", "__", StringComparison.Ordinal), text, $"a number from {least} to {most}");

    private static InvalidSettingException Wrong(string setting, string found, string expected) =>
        new($"The setting {setting} is \"{(found.Length > 40 ? found[..40] + "..." : found)}\"; expected {expected}.");
}
