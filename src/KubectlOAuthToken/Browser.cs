using System.ComponentModel;
using System.Diagnostics;

namespace KubectlOAuthToken;

/// <summary>The person's own browser.</summary>
internal static class Browser
{
    /// <summary>Opens <paramref name="address"/>: by the program that BROWSER names, or as the system does it. False when that cannot be.</summary>
    public static bool TryOpen(Uri address)
    {
        var start = Environment.GetEnvironmentVariable("BROWSER") is { Length: > 0 } own ? new ProcessStartInfo(own, [address.AbsoluteUri])
            : OperatingSystem.IsWindows() ? new ProcessStartInfo(address.AbsoluteUri) { UseShellExecute = true }
            : new ProcessStartInfo(OperatingSystem.IsMacOS() ? "open" : "xdg-open", [address.AbsoluteUri]);
        // What a browser has to say is not for this terminal.
        (start.RedirectStandardOutput, start.RedirectStandardError) = (!start.UseShellExecute, !start.UseShellExecute);
        try
        {
            using var process = Process.Start(start);
            return true;
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException)
        {
            return false;
        }
    }
}
