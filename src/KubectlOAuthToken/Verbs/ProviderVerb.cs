using System.CommandLine;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Checks;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>provider check</c>: compares what is known about a provider with what it does.</summary>
internal static class ProviderVerb
{
    public static Command Build(ClusterOptions options)
    {
        var name = new Argument<string>("NAME") { Description = "The name of the provider, such as google." };
        name.CompletionSources.Add(_ => ProviderCatalogue.Read().Select(document => document.Name));
        var client = new Option<string?>("--client-file") { Description = ProviderCheckInput.Descriptions.Client };
        var token = new Option<string?>("--token-file") { Description = ProviderCheckInput.Descriptions.Token };
        var key = new Option<string?>("--key-file") { Description = ProviderCheckInput.Descriptions.Key };
        var certificate = new Option<string?>("--certificate-file") { Description = ProviderCheckInput.Descriptions.Certificate };
        var keyId = new Option<string?>("--key-id") { Description = ProviderCheckInput.Descriptions.KeyId };
        var yes = new Option<bool>("--yes") { Description = ProviderCheckInput.Descriptions.Yes };
        var sources = new ProviderSourceOptions();
        var check = new Verb(
            "check",
            "Compare the document of a provider with its discovery document and, with a client and an account that you offer, with what it does. Every request is shown before it is sent.",
            "provider check google",
            "provider check example --client-file credentials.json --token-file token.json")
        {
            name, client, token, key, certificate, keyId, yes,
        };
        sources.AddTo(check);
        options.Bind(check, async (context, parsed, cancellationToken) =>
        {
            var described = await sources.FindAsync(context.Cluster, parsed.GetRequiredValue(name), parsed, cancellationToken);
            var input = new ProviderCheckInput(parsed.GetValue(client), parsed.GetValue(token), parsed.GetValue(yes))
            {
                KeyFile = parsed.GetValue(key),
                CertificateFile = parsed.GetValue(certificate),
                KeyId = parsed.GetValue(keyId),
            };
            return await ProviderCheckRun.ExecuteAsync(await described.ReadAsync(), described.Origin, input, context.Time, cancellationToken);
        });
        return new Verb("provider", "Find out what a provider of OAuth tokens does.", "provider check google") { check };
    }
}
