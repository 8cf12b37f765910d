using System.Net;
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.SelfService;

namespace TokenOperator.Hosting;

/// <summary>The operator's own settings.</summary>
public sealed record OperatorSettings
{
    // With a name that no namespace can have, the operator would wait forever for its first list.
    private static readonly Setting<IReadOnlyList<string>> NamespacesSetting = Setting.List(
        "Namespaces", "Namespaces to watch.", ',', "names of namespaces, separated by commas", NamespaceName.IsValid, "all");

    private static readonly Setting<bool> ClusterProvidersSetting = Setting.Flag(
        "ClusterProviders", "Whether to use ClusterOAuthProviders: [providers.md](providers.md). The operator then needs the ClusterRole `token-operator-providers`.",
        true, "`true`; `false` if `Namespaces` is set");

    private static readonly Setting<int> ConcurrencySetting = Setting.Number(
        "Concurrency", "Number of OAuthTokens to process at the same time, and of requests that wait for one provider at the same time.", 16, 1, 256);

    private static readonly Setting<int> MaxAccountsSetting = Setting.Number(
        "MaxAccountsPerNamespace", "Number of accounts that the seeds of one namespace can create. Accounts whose OAuthTokens are gone count as long as their rows stay.", 10_000, 1, 1_000_000);

    private static readonly Setting<TimeSpan> GiveUpDeletionSetting = Setting.Duration(
        "Deletion__GiveUpAfter",
        "How long the deletion of an OAuthToken waits for its `deletionPolicy`. The operator then deletes the object and keeps the row, so that a namespace that is being deleted can end.",
        TimeSpan.FromHours(1), TimeSpan.FromSeconds(10), TimeSpan.FromDays(7));

    private static readonly Setting<IReadOnlyList<string>> WorkloadIdentityNamespacesSetting = Setting.List(
        "WorkloadIdentityNamespaces",
        "Namespaces whose OAuthTokens may use the operator's own identity (the grant `WorkloadIdentity`). All of them share it: [grants.md](grants.md).",
        ',', "names of namespaces, separated by commas", NamespaceName.IsValid, "none");

    private static readonly Setting<string?> WorkloadIdentityTokenFileSetting = Setting.Text(
        "WorkloadIdentityTokenFile", "File with a projected token of the operator's ServiceAccount. It is read again for each exchange.", defaultText: "none");

    private static readonly Setting<bool> LeaderElectionSetting = Setting.Flag(
        "LeaderElection__Enabled", "Set to `false` only if there is never more than one replica.", true);

    private static readonly Setting<string?> LeaseNameSetting = Setting.Text("LeaderElection__LeaseName", "Name of the Lease.", defaultText: "`token-operator`");

    private static readonly Setting<string?> LeaseNamespaceSetting = Setting.Text("LeaderElection__LeaseNamespace", "Namespace of the Lease.", defaultText: "the pod's");

    private static readonly Setting<string?> HttpAddressSetting = Setting.Text(
        "Http__Address", "Address that serves probes and metrics.", "*", "an IP address, or * for all", text => text == "*" || IPAddress.TryParse(text, out _));

    private static readonly Setting<int> HttpPortSetting = Setting.Number(
        "Http__Port", "Port for probes and metrics. 0 selects a free port.", 8080, 0, 65535);

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } =
        [
            NamespacesSetting, ClusterProvidersSetting, ConcurrencySetting, MaxAccountsSetting, GiveUpDeletionSetting, WorkloadIdentityTokenFileSetting, WorkloadIdentityNamespacesSetting,
            LeaderElectionSetting, LeaseNameSetting, LeaseNamespaceSetting, HttpAddressSetting, HttpPortSetting,
        ];

    /// <summary>The namespaces to watch; empty for all.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>True if ClusterOAuthProviders describe providers, too.</summary>
    public bool ClusterProviders { get; init; }

    /// <summary>How many OAuthTokens are processed at the same time, 1 to 256.</summary>
    public int Concurrency { get; init; } = ConcurrencySetting.Default;

    /// <summary>How many accounts the seeds of one namespace can create.</summary>
    public int MaxAccountsPerNamespace { get; init; } = MaxAccountsSetting.Default;

    /// <summary>How long the deletion of an object waits for its deletionPolicy.</summary>
    public TimeSpan GiveUpDeletionAfter { get; init; } = GiveUpDeletionSetting.Default;

    /// <summary>The file with the operator's own ServiceAccount token, or null.</summary>
    public string? WorkloadIdentityTokenFile { get; init; }

    /// <summary>The namespaces that may use the operator's own identity.</summary>
    public IReadOnlyList<string> WorkloadIdentityNamespaces { get; init; } = [];

    /// <summary>False when there is never more than one replica.</summary>
    public bool LeaderElection { get; init; } = true;

    /// <summary>The Lease's name, or null for the default.</summary>
    public string? LeaseName { get; init; }

    /// <summary>The Lease's namespace, or null for the pod's own.</summary>
    public string? LeaseNamespace { get; init; }

    /// <summary>The IP address that serves probes and metrics; <c>*</c> for all addresses.</summary>
    public string HttpAddress { get; init; } = "*";

    /// <summary>The port that serves probes and metrics; 0 for a free one.</summary>
    public int HttpPort { get; init; } = HttpPortSetting.Default;

    /// <summary>The port for metrics, off by default.</summary>
    public MetricsSettings Metrics { get; init; } = new();

    /// <summary>The self-service pages, off by default.</summary>
    public SelfServiceSettings SelfService { get; init; } = new();

    /// <summary>Reads the settings.</summary>
    /// <exception cref="InvalidSettingException">One is not valid.</exception>
    public static OperatorSettings Read(IConfiguration configuration) => SettingsReader.Read(configuration, Read);

    /// <summary>Reads the settings, and records what is wrong in <paramref name="reader"/>.</summary>
    public static OperatorSettings Read(SettingsReader reader) => new()
    {
        Namespaces = reader.Get(NamespacesSetting),
        ClusterProviders = reader.Get(ClusterProvidersSetting, null, reader.IsAbsent(NamespacesSetting)),
        Concurrency = reader.Get(ConcurrencySetting),
        MaxAccountsPerNamespace = reader.Get(MaxAccountsSetting),
        GiveUpDeletionAfter = reader.Get(GiveUpDeletionSetting),
        WorkloadIdentityTokenFile = reader.Get(WorkloadIdentityTokenFileSetting),
        WorkloadIdentityNamespaces = reader.Get(WorkloadIdentityNamespacesSetting),
        LeaderElection = reader.Get(LeaderElectionSetting),
        LeaseName = reader.Get(LeaseNameSetting),
        LeaseNamespace = reader.Get(LeaseNamespaceSetting),
        HttpAddress = reader.Get(HttpAddressSetting)!,
        HttpPort = reader.Get(HttpPortSetting),
        Metrics = MetricsSettings.Read(reader),
        SelfService = SelfServiceSettings.Read(reader),
    };
}
