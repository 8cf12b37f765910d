using System.CommandLine;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;

namespace KubectlOAuthToken;

/// <summary><c>seed</c>: a token file becomes the seed Secret of an OAuthToken.</summary>
internal static class SeedVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = options.Name<string>();
        var file = new Option<string>("--from-file", "-f") { Description = "A token file (token.json of google-auth, gcloud, rclone, Node googleapis and others), or - for standard input.", Required = true };
        var timeout = ClusterOptions.Timeout();
        var command = new Verb(
            "seed",
            "Put a token file into the Secret that spec.seedSecretRef names, and wait until the token is Ready.",
            "seed marcus-gmail -n mail --from-file token.json",
            "seed marcus-gmail -n mail --from-file - <token.json")
        {
            name, file, timeout,
        };
        options.Bind(command, (cluster, parsed, ct) => ExecuteAsync(cluster, parsed.GetRequiredValue(name), parsed.GetRequiredValue(file), parsed.GetValue(timeout) ?? ClusterOptions.UsualTimeout, ct));
        return command;
    }

    private static async Task<int> ExecuteAsync(Cluster cluster, string name, string file, TimeSpan timeout, CancellationToken ct)
    {
        // With the operator's own reader: what it would refuse is refused here, before anything is written.
        var content = await TokenFile.ReadAsync(file, ct);
        SeedFileReader.Read(content.Span, TokenFile.Shown(file));
        var token = await cluster.GetAsync(name, ct);
        return await SeedSecret.PutAndWaitAsync(cluster, token, content, timeout, ct);
    }
}
