using k8s.Authentication;

namespace KubeRuntime.Client;

/// <summary>
/// Where the API server is and how it is asked. Not the <c>Kubernetes</c> of KubernetesClient, which has a method for each operation
/// of the API and the JSON of all types: memory and time of each start for what is not used here.
/// </summary>
public sealed class ApiConnection : IDisposable
{
    internal ApiConnection(Uri address, HttpClient http, ServiceClientCredentials? credentials) =>
        (Address, Http, Credentials) = (address, http, credentials);

    /// <summary>The server's address, perhaps with a path in front of the API.</summary>
    public Uri Address { get; }

    /// <summary>The connections; no time limit of their own.</summary>
    internal HttpClient Http { get; }

    /// <summary>Puts the bearer token or the password into a request; null where a certificate is all.</summary>
    internal ServiceClientCredentials? Credentials { get; }

    /// <inheritdoc/>
    public void Dispose() => Http.Dispose();
}
