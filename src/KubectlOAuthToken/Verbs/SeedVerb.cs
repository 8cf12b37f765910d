using System.CommandLine;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>seed</c>: writes a token file to the seed Secret of an OAuthToken.</summary>
internal static class SeedVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var file = new Option<string>("--from-file", "-f") { Description = "A token file (token.json of google-auth, gcloud, rclone, Node googleapis and others), or - for standard input.", Required = true };
        var timeout = ClusterOptions.Timeout();
        var command = new Verb(
            "seed",
            "Write a token file to the Secret that spec.seedSecretRef names, and wait until the token is Ready.",
            "seed marcus-gmail -n mail --from-file token.json",
            "seed marcus-gmail -n mail --from-file - <token.json")
        {
            name, file, timeout,
        };
        options.Bind(command, (context, parsed, cancellationToken) =>
            ExecuteAsync(context, parsed.GetRequiredValue(name), parsed.GetRequiredValue(file), parsed.GetValue(timeout) ?? ClusterOptions.DefaultTimeout, cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VerbContext context, string name, string file, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var content = await TokenFile.ReadAsync(file, cancellationToken);
        var token = await context.Cluster.GetAsync(name, cancellationToken);
        if (token.Spec?.Grant is { } grant && grant != Grant.RefreshToken.Instance.Name)
            throw new PluginException($"{context.Cluster.Namespace}/{name} needs no token file, so nothing was written: spec.grant is {DisplayText.Of(grant, 60)}.", ExitCodes.Refused);
        // The operator uses the same reader, so a file that it would reject is rejected before anything is written.
        var takesAccessToken = await TakesAccessTokenAsync(context.Cluster, token.Spec?.Provider ?? "", cancellationToken);
        SeedFileReader.Read(content.Span, TokenFile.Shown(file), takesAccessToken);
        return await SeedSecret.PutAndWaitAsync(context, token, content, timeout, cancellationToken);
    }

    /// <summary>True at a provider with access tokens that never expire.</summary>
    private static async Task<bool> TakesAccessTokenAsync(Cluster cluster, string provider, CancellationToken cancellationToken)
    {
        var inCluster = await ClusterProviders.ReadAsync(cluster, provider, cancellationToken);
        return ProviderResolver.Resolve(ProviderCatalogue.Read().Concat(inCluster.Documents)).GetValueOrDefault(provider)?.ReadProvider()?.Expiry.Never == true;
    }
}
