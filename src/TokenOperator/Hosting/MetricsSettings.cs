using TokenOperator.Core.Settings;

namespace TokenOperator.Hosting;

/// <summary>Whether <c>/metrics</c> has a port of its own, with TLS and authentication. By default it has not.</summary>
public sealed record MetricsSettings
{
    private static readonly Setting<int> PortSetting = Setting.Number(
        "Metrics__Port",
        "Port that serves `/metrics` by TLS to clients that the API server authenticates and authorizes: [monitoring.md](monitoring.md#authentication). With 0, `Http__Port` serves `/metrics` to everyone.",
        0, 0, 65535);

    private static readonly Setting<string?> CertificateFolderSetting = Setting.Text(
        "Metrics__CertificateFolder",
        "Folder with `tls.crt` and `tls.key` for `Metrics__Port`, such as a mounted Secret of the type `kubernetes.io/tls`. The operator reads them again when they change.",
        expected: "a folder", defaultText: "a certificate that the operator signs itself at each start");

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [PortSetting, CertificateFolderSetting];

    /// <summary>The port, or 0 if metrics are served without authentication.</summary>
    public int Port { get; init; }

    /// <summary>The folder with the certificate, or null.</summary>
    public string? CertificateFolder { get; init; }

    /// <summary>Reads them, and records what is wrong in <paramref name="reader"/>.</summary>
    public static MetricsSettings Read(SettingsReader reader) => new() { Port = reader.Get(PortSetting), CertificateFolder = reader.Get(CertificateFolderSetting) };
}
