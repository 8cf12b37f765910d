using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>Reads the reply that ends a consent: the tokens, the values to export, and who consented.</summary>
internal static class ConsentReply
{
    /// <summary>What was granted.</summary>
    /// <param name="document">The provider.</param>
    /// <param name="call">With a reply that holds <paramref name="granted"/>.</param>
    /// <param name="granted">The tokens.</param>
    /// <param name="client">The client that the tokens are for.</param>
    /// <param name="kept">What only the authorization response has.</param>
    /// <param name="now">Compared with the expiry of the id_token.</param>
    public static CodeExchangeResponse.Granted Read(
        ProviderDocument document, TokenEndpointCall call, TokenResponse.Granted granted, OAuthClient client, IReadOnlyDictionary<string, string> kept, DateTimeOffset now)
    {
        SecretValue?[] secrets = [.. call.Secrets, granted.AccessToken, granted.RefreshToken];
        var identity = IdentityOf(document, call.Reply!, client, now, secrets, out var error);
        return new CodeExchangeResponse.Granted((granted with { Exports = AllExports(document, granted, kept) }).WithoutEchoes(secrets), identity, error);
    }

    private static Identity? IdentityOf(
        ProviderDocument document, TokenEndpointReply reply, OAuthClient client, DateTimeOffset now, ReadOnlySpan<SecretValue?> secrets, out string? error)
    {
        if (document.Identity.ResponsePath is null || reply.IdToken is not null)
            return IdToken.Read(reply.IdToken, client.ClientId, document, now, secrets, out error);
        error = null;
        if (reply.Person is { } person && Identity.IsValid(person) && !Redactor.Repeats(person, secrets))
            return new Identity(person, Identity.IsAddress(person) ? person : null);
        error = $"the response has no {document.Identity.ResponsePath}. Check {document.PlaceOf("identity.responsePath")}";
        return null;
    }

    /// <summary>With what only the authorization response has, and with the parameters of the document.</summary>
    private static IReadOnlyDictionary<string, string> AllExports(ProviderDocument document, TokenResponse.Granted granted, IReadOnlyDictionary<string, string> kept)
    {
        var values = document.Export
            .Where(export => export.Value.Place == ExportPlace.Callback && kept.ContainsKey(export.Value.Path))
            .ToDictionary(export => export.Key, export => kept[export.Value.Path], StringComparer.Ordinal);
        return document.MergeExports(values, granted.Exports);
    }
}
