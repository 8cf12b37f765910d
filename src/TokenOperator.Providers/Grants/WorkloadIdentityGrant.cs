using System.Buffers;
using System.Text;
using System.Text.Json;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Grants;

/// <summary>
/// The operator's own ServiceAccount token proves who asks: as the client's assertion (Microsoft Entra ID), or exchanged for the identity of a
/// service account (Google). It is sent only to addresses of documents that say so.
/// </summary>
internal static class WorkloadIdentityGrant
{
    private const string CloudPlatform = "https://www.googleapis.com/auth/cloud-platform";
    private const string Acting = "acting as the service account";
    private const string Signing = "signing for the service account";

    /// <summary>Asks once at each step.</summary>
    public static async Task<TokenResponse> RequestAsync(GrantContext context, GrantRequest request, Grant.WorkloadIdentity grant, WorkloadIdentityFile file)
    {
        var (own, error) = await file.ReadAsync();
        if (own is null)
            return new TokenResponse.Failed(FailureKind.ProviderUnavailable, $"nothing was sent: {error}");
        return grant.ClientId is { } clientId
            ? await AssertAsync(context, own, clientId, request.Scopes)
            : await ExchangeAsync(context, own, grant, request.Scopes);
    }

    private static Task<TokenResponse> AssertAsync(GrantContext context, SecretValue own, string clientId, IReadOnlyList<string> scopes) => context.PostAsync(
        context.Document.TokenEndpoint,
        client: null,
        context.Document.Errors,
        [own],
        ("grant_type", "client_credentials"),
        ("client_id", clientId),
        (context.Document.Scopes.Parameter, context.Document.Scopes.Join(scopes)),
        ("client_assertion_type", JwtAssertion.ClientAssertionType),
        ("client_assertion", own.Reveal()));

    private static async Task<TokenResponse> ExchangeAsync(GrantContext context, SecretValue own, Grant.WorkloadIdentity grant, IReadOnlyList<string> scopes)
    {
        // RFC 8693.
        var exchanged = await context.PostAsync(
            context.Document.WorkloadIdentity.ExchangeEndpoint!,
            client: null,
            new ErrorRules(),
            [own],
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", grant.GoogleAudience),
            ("scope", CloudPlatform),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", own.Reveal()),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"));
        if (exchanged is not TokenResponse.Granted { AccessToken: var federated })
            return exchanged;

        if (grant.Subject is not { } subject)
        {
            var reply = await CallAsync(context, grant, "generateAccessToken", federated, AccessTokenBody(scopes));
            return reply.IsSuccess ? reply.ReadToken("accessToken", "expireTime", context.Now, null, Acting) : Fail(reply, Acting, own, federated);
        }

        // generateAccessToken has no subject. The service account signs the assertion that its key would sign.
        var claims = JwtAssertion.Json(JwtBearerGrant.Claims(context, grant.ServiceAccount!, subject, null, scopes, new Dictionary<string, string>()));
        var signed = await CallAsync(context, grant, "signJwt", federated, JwtAssertion.Json([("payload", Encoding.UTF8.GetString(claims))]).ToArray());
        if (!signed.IsSuccess)
            return Fail(signed, Signing, own, federated);
        return signed.Body.ValueKind == JsonValueKind.Object && SecretValue.From(signed.Body.Text("signedJwt")) is { } assertion
            ? await JwtBearerGrant.PostAsync(context, assertion, null, [own, federated])
            : new TokenResponse.Failed(FailureKind.InvalidResponse, $"{Signing}: HTTP {signed.Status}: the response has no signedJwt");
    }

    private static Task<ApiReply> CallAsync(GrantContext context, Grant.WorkloadIdentity grant, string method, SecretValue bearer, byte[] body) => context.CallAsync(
        HttpMethod.Post,
        new Uri($"{context.Document.WorkloadIdentity.CredentialsEndpoint!.AbsoluteUri.TrimEnd('/')}/projects/-/serviceAccounts/{Uri.EscapeDataString(grant.ServiceAccount!)}:{method}"),
        bearer,
        body,
        KeyValuePair.Create("Accept", "application/json"));

    private static TokenResponse.Failed Fail(ApiReply reply, string step, params IEnumerable<SecretValue?> secrets) => reply.Fail(reply.Kind(FailureKind.GrantRejected), step, secrets);

    private static byte[] AccessTokenBody(IReadOnlyList<string> scopes)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("scope");
            foreach (var scope in scopes.Count > 0 ? scopes : [CloudPlatform])
                writer.WriteStringValue(scope);
            writer.WriteEndArray();
            writer.WriteString("lifetime", "3600s");
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
