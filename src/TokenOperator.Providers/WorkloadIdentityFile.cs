using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers;

/// <summary>The file with the operator's own ServiceAccount token. The kubelet replaces the token before it expires, so it is read again each time.</summary>
/// <param name="path">The file; null if the operator has none.</param>
public sealed class WorkloadIdentityFile(string? path)
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>True if there is a file.</summary>
    public bool IsConfigured => path is not null;

    /// <summary>The token, or why it cannot be read.</summary>
    internal async Task<(SecretValue? Token, string Error)> ReadAsync()
    {
        try
        {
            var content = await File.ReadAllBytesAsync(path ?? "");
            var text = content.Length > MaxBytes ? "" : Encoding.UTF8.GetString(content).Trim();
            return CredentialSyntax.IsValid(text) && text.Count(c => c == '.') == 2
                ? (new SecretValue(text), "")
                : (null, $"the file {path} of the setting WorkloadIdentityTokenFile holds no token");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return (null, $"the file {path} of the setting WorkloadIdentityTokenFile cannot be read");
        }
    }
}
