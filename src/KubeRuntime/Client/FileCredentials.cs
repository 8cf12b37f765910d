using System.Net.Http.Headers;
using k8s.Authentication;
using k8s.Exceptions;

namespace KubeRuntime.Client;

/// <summary>
/// The bearer token in a file (<c>tokenFile</c>), which another program renews. The file is read for each request, because the old
/// token can stop working as soon as the new one is there. While the file cannot be read or is empty, the last token counts.
/// </summary>
/// <param name="path">The file.</param>
internal sealed class FileCredentials(string path) : ITokenProvider
{
    private string? _last;

    /// <summary>Reads the token for the first time.</summary>
    /// <exception cref="KubeConfigException">The file cannot be read or is empty.</exception>
    public void Load()
    {
        try
        {
            _last = File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException($"its tokenFile cannot be read: {e.Message}");
        }

        if (_last.Length == 0)
            throw new KubeConfigException($"its tokenFile {path} is empty; expected a bearer token");
    }

    /// <inheritdoc/>
    public async Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken)
    {
        try
        {
            if ((await File.ReadAllTextAsync(path, cancellationToken)).Trim() is { Length: > 0 } token)
                _last = token;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The program that renews the token is replacing the file.
        }

        return new AuthenticationHeaderValue("Bearer", _last);
    }
}
