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
    /// <param name="overrides">What the command line says in place of the kubeconfig.</param>
    /// <param name="time">The clock by which credentials expire.</param>
    /// <returns>The connection, and the namespace of the context.</returns>
    /// <exception cref="KubeConfigException">The kubeconfig or the context does not exist, or cannot be used.</exception>
    public static (ApiConnection Connection, string Namespace) Connect(string? path, KubeconfigOverrides overrides, TimeProvider time)
    {
        if (path is null && !overrides.ChooseAConnection && !KubeconfigReader.IsNamed && KubernetesClientConfiguration.IsInCluster())
            return Connect(KubernetesClientFactory.InsideCluster(overrides));

        var paths = KubeconfigReader.Paths(path);
        // Like kubectl, ignore missing files if there are several, and need none for a server that the command line names.
        string[] files = [.. paths.Where(File.Exists).Select(Path.GetFullPath)];
        if (files.Length == 0 && (path is not null || overrides.Server is null))
            throw new KubeConfigException($"The kubeconfig {string.Join(" or ", paths)} does not exist. Name a kubeconfig with --kubeconfig, or set KUBECONFIG.");
        var config = KubeconfigReader.Read(files);
        var shown = files.Length == 0 ? string.Join(" or ", paths) : string.Join(" and ", files);
        var chosen = overrides.Context ?? config.CurrentContext;
        if (overrides.Context is not null || (overrides.Cluster is null && overrides.Server is null))
            Require("context", chosen, config.ContextNames, shown);
        if (overrides.Cluster is not null)
            Require("cluster", overrides.Cluster, config.ClusterNames, shown);
        if (overrides.User is not null)
            Require("user", overrides.User, config.UserNames, shown);

        try
        {
            return Connect(KubeconfigContext.Resolve(config, overrides, time));
        }
        catch (ExecPluginException e)
        {
            throw new KubeConfigException(
                $"{Subject(chosen, shown)} signs in with the program {e.Command}, which "
                + (e.IsStarted ? "returned no credentials. See its output above, or run it yourself." : $"could not be started. Install it, or add its folder to PATH.{(e.InstallHint is null ? "" : $" {e.InstallHint}")}"),
                e);
        }
        catch (Exception e) when (e is KubeConfigException or CryptographicException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException($"{Subject(chosen, shown)} cannot be used: {e.Message.Split('\n')[0].TrimEnd('.', '\r')}.", e);
        }
    }

    private static string Subject(string? context, string shown) => string.IsNullOrEmpty(context) ? $"The kubeconfig {shown}" : $"The context {context} of the kubeconfig {shown}";

    /// <summary>Checks a name before it is looked up, so that the message can list the others.</summary>
    private static void Require(string what, string? name, IReadOnlyCollection<string> known, string shown)
    {
        if (!string.IsNullOrEmpty(name) && known.Contains(name))
            return;
        throw new KubeConfigException(
            $"The kubeconfig {shown} has no {(string.IsNullOrEmpty(name) ? $"current {what}" : $"{what} {name}")}"
            + (known.Count == 0 ? $", and no other {what}." : $". It has: {DisplayText.List(known)}. Choose one with --{what}."));
    }

    private static (ApiConnection Connection, string Namespace) Connect(KubernetesClientConfiguration configuration) =>
        (KubernetesClientFactory.Create(configuration), string.IsNullOrEmpty(configuration.Namespace) ? "default" : configuration.Namespace);
}
