using System.Text;
using System.Text.RegularExpressions;

namespace TokenOperator.TestBed.Faults;

/// <summary>Kubeconfigs as the test bed writes them.</summary>
public static partial class KubeconfigFile
{
    /// <summary>Writes a copy with another server and, unless it is null, another certificate authority (PEM).</summary>
    /// <returns>The copy's path.</returns>
    public static async Task<string> RedirectAsync(string kubeconfig, string copy, Uri server, string? authority = null, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(server);
        var text = ServerLine().Replace(await File.ReadAllTextAsync(kubeconfig, ct), $"server: {server.GetLeftPart(UriPartial.Path).TrimEnd('/')}");
        if (authority is not null)
            text = AuthorityLine().Replace(text, $"certificate-authority-data: {Convert.ToBase64String(Encoding.ASCII.GetBytes(authority))}");
        await File.WriteAllTextAsync(copy, text, ct);
        return copy;
    }

    /// <summary>The certificate authorities of a kubeconfig as PEM. (The Kubernetes client reads only the first one.)</summary>
    public static string Authority(string kubeconfig) =>
        Encoding.ASCII.GetString(Convert.FromBase64String(AuthorityLine().Match(File.ReadAllText(kubeconfig)).Value["certificate-authority-data: ".Length..].Trim()));

    [GeneratedRegex("server: .*")]
    private static partial Regex ServerLine();

    [GeneratedRegex("certificate-authority-data: .*")]
    private static partial Regex AuthorityLine();
}
