using KubectlOAuthToken.Kubernetes;

namespace KubectlOAuthToken.Report;

/// <summary>The settings of the operator by name. A value is shown only if it is known that such a setting is not secret.</summary>
internal static class SettingsPage
{
    /// <summary>Settings of docs/configuration.md whose values are not secret. NAME stands for a name that users choose.</summary>
    internal static readonly IReadOnlyList<string> Shown =
    [
        "ClusterProviders", "Concurrency", "DATABASE_PASSWORD_FILE", "DATABASE_URL_FILE", "Deletion__GiveUpAfter", "Encryption__KeyringPath",
        "Http__Address", "Http__Port", "LeaderElection__Enabled", "LeaderElection__LeaseName", "LeaderElection__LeaseNamespace", "Logging__Format",
        "Logging__LogLevel__NAME", "MaxAccountsPerNamespace", "NO_PROXY", "Namespaces", "ProviderFolder", "Providers__NAME__AllowInsecureHttp",
        "Providers__NAME__Burst", "Providers__NAME__ClientBurst", "Providers__NAME__ClientRequestsPerSecond", "Providers__NAME__ConsentScopes",
        "Providers__NAME__RequestsPerSecond",
        "Providers__NAME__RotatesRefreshTokens", "Providers__NAME__TimeoutSeconds", "SelfService__LinkLifetime", "SelfService__Port",
        "WorkloadIdentityNamespaces", "WorkloadIdentityTokenFile",
    ];

    /// <summary>Settings that are addresses. Only the host is shown: the rest can hold a password.</summary>
    internal static readonly IReadOnlyList<string> Addresses =
    [
        "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT", "Providers__NAME__AuthorizationEndpoint",
        "Providers__NAME__DeviceAuthorizationEndpoint", "Providers__NAME__RevocationEndpoint", "Providers__NAME__TokenEndpoint", "SelfService__PublicUrl",
    ];

    /// <summary>What stands in place of a value that is not shown.</summary>
    internal const string Withheld = "(set; not shown)";

    /// <summary>One line per setting.</summary>
    public static string Render(IEnumerable<OperatorSetting> settings) =>
        string.Concat(settings.OrderBy(setting => setting.Name, StringComparer.Ordinal).Select(setting => $"{setting.Name} = {Value(setting)}   from {setting.Origin}\n"));

    private static string Value(OperatorSetting setting) => setting switch
    {
        { Value: null } => Withheld,
        { Value: "" } => "(empty)",
        // Any other value can be a key that someone has put in the wrong place.
        { Name: "Encryption", Value: "None" or "Optional" or "Required" } => setting.Value,
        _ when IsAmong(Shown, setting.Name) => setting.Value,
        _ when IsAmong(Addresses, setting.Name) && Uri.TryCreate(setting.Value, UriKind.Absolute, out var address) && address.Host.Length > 0 =>
            $"{address.Scheme}://{address.IdnHost}{(address.IsDefaultPort ? "" : $":{address.Port}")} (the rest is not shown)",
        _ => Withheld,
    };

    private static bool IsAmong(IReadOnlyList<string> names, string name) => names.Any(pattern =>
    {
        var parts = pattern.Split("NAME");
        return parts.Length == 1
            ? string.Equals(pattern, name, StringComparison.OrdinalIgnoreCase)
            : name.Length > pattern.Length - "NAME".Length
                && name.StartsWith(parts[0], StringComparison.OrdinalIgnoreCase) && name.EndsWith(parts[1], StringComparison.OrdinalIgnoreCase);
    });
}
