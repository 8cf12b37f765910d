using System.Security.Cryptography;
using k8s;
using k8s.Exceptions;
using KubeRuntime.Client;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Kubernetes;

/// <summary>Finds the user's kubeconfig, in one or more files, as kubectl does.</summary>
internal static class Kubeconfig
{
    /// <summary>
    /// Prepares a connection, and signs in if the kubeconfig names a program for that. Sends nothing to the API server. Reads
    /// <paramref name="path"/>, or the files that KUBECONFIG names, or a pod's service account, or <c>~/.kube/config</c>.
    /// </summary>
    /// <param name="path">The path of the kubeconfig, or null for the default.</param>
    /// <param name="context">The context, or null for the current one.</param>
    /// <param name="time">The clock by which credentials expire.</param>
    /// <param name="impersonation">Whom the command line asks to act as.</param>
    /// <returns>The connection, and the namespace of the context.</returns>
    /// <exception cref="KubeConfigException">The kubeconfig or the context does not exist, or cannot be used.</exception>
    public static (ApiConnection Connection, string Namespace) Connect(string? path, string? context, TimeProvider time, Impersonation? impersonation = null)
    {
        if (path is null && context is null && !KubeconfigReader.IsNamed && KubernetesClientConfiguration.IsInCluster())
            return Connect(KubernetesClientFactory.InsideCluster(impersonation));

        var paths = KubeconfigReader.Paths(path);
        // Like kubectl, ignore missing files if there are several.
        string[] files = [.. paths.Where(File.Exists).Select(Path.GetFullPath)];
        if (files.Length == 0)
            throw new KubeConfigException($"The kubeconfig {string.Join(" or ", paths)} does not exist. Name a kubeconfig with --kubeconfig, or set KUBECONFIG.");
        var config = KubeconfigReader.Read(files);
        var shown = string.Join(" and ", files);
        var chosen = context ?? config.CurrentContext;
        if (string.IsNullOrEmpty(chosen) || !config.ContextNames.Contains(chosen))
        {
            var known = config.ContextNames;
            throw new KubeConfigException(
                $"The kubeconfig {shown} has no {(string.IsNullOrEmpty(chosen) ? "current context" : $"context {chosen}")}"
                + (known.Count == 0 ? ", and no other context." : $". It has: {DisplayText.List(known)}. Choose one with --context."));
        }

        try
        {
            return Connect(KubeconfigContext.Resolve(config, chosen, time, impersonation));
        }
        catch (ExecPluginException e)
        {
            throw new KubeConfigException(
                $"The context {chosen} of the kubeconfig {shown} signs in with the program {e.Command}, which "
                + (e.IsStarted ? "returned no credentials. See its output above, or run it yourself." : $"could not be started. Install it, or add its folder to PATH.{(e.InstallHint is null ? "" : $" {e.InstallHint}")}"),
                e);
        }
        catch (Exception e) when (e is KubeConfigException or CryptographicException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException($"The context {chosen} of the kubeconfig {shown} cannot be used: {e.Message.Split('\n')[0].TrimEnd('.', '\r')}.", e);
        }
    }

    private static (ApiConnection Connection, string Namespace) Connect(KubernetesClientConfiguration configuration) =>
        (KubernetesClientFactory.Create(configuration), string.IsNullOrEmpty(configuration.Namespace) ? "default" : configuration.Namespace);
}
