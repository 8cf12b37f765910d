using System.Text;
using System.Text.Json;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;
using TokenOperator.Tests.Providers;

namespace TokenOperator.Tests.Hostile;

/// <summary>Documents from outside cause no crash, hang or unbounded memory use, and their secrets are not repeated.</summary>
public sealed class DocumentFuzzTests
{
    private const string Source = "Secret mail/seed, key token.json";
    private static readonly ApiJson Json = new(OAuthTokenJson.Default);

    // Read before the test measures what a reply allocates: the catalogue is read with it.
    private static readonly ProviderDocument Google = TestDocuments.Google;

    private static readonly string[] Files =
    [
        """{"token": "MARKED", "refresh_token": "1//MARKED", "client_id": "id", "client_secret": "MARKED", "scopes": ["a", "b"], "expiry": "2026-01-31T12:00:00Z"}""",
        """{"access_token": "MARKED", "expires_in": 3599, "refresh_token": "MARKED", "scope": "a b", "token_type": "Bearer", "expires_at": 1769860800.0}""",
        """{"access_token":"MARKED","token_type":"Bearer","refresh_token":"MARKED","expiry_date": 1769860800000, "note": {"deep": [[[{"er": 1}]]]}}""",
        """{"refresh_token":"MARKED","Issued":"2026-01-31T12:00:00.000+01:00","IssuedUtc":"2026-01-31T11:00:00.000Z","expires_in":3600}""",
        """{"installed": {"client_id": "id.apps", "client_secret": "MARKED", "redirect_uris": ["http://localhost"]}}""",
        """{"web": {"client_id": "id.apps", "client_secret": "MARKED"}}""",
        """{"type": "authorized_user", "client_id": "id", "client_secret": "MARKED", "refresh_token": "MARKED", "account": ""}""",
        """{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nMARKED"}""",
    ];

    private static readonly string[] Replies =
    [
        """{"access_token":"ya29.MARKED","expires_in":3599,"scope":"a b","token_type":"Bearer","refresh_token":"1//MARKED","refresh_token_expires_in":604799,"id_token":"MARKED"}""",
        """{"error":"invalid_grant","error_description":"Token MARKED has been expired or revoked.","error_subtype":"invalid_rapt"}""",
        """{"device_code":"MARKED","user_code":"AB-CD","verification_uri":"https://idp.example.com/device","verification_uri_complete":"https://idp.example.com/device?c=AB-CD","expires_in":900,"interval":5}""",
        "<!DOCTYPE html><html><title>MARKED</title></html>",
    ];

    private static readonly int[] Statuses = [200, 302, 400, 403, 503];

    private static readonly string[] Specs =
    [
        """
        {"apiVersion":"tokenoperator.dev/v1beta1","kind":"OAuthToken","metadata":{"name":"m","namespace":"mail","uid":"u","resourceVersion":"5"},
         "spec":{"provider":"google","account":"marcus","clientSecretRef":{"name":"client","key":"k"},"seedSecretRef":{"name":"seed"},"scopes":["a"],
         "refreshBefore":"1h30m","secretName":"s","secretTemplate":{"labels":{"example.com/team":"mail"},"annotations":{"a":"b"}},"deletionPolicy":"Delete","suspend":false}}
        """,
        """{"metadata":{"name":"m","namespace":"mail"},"spec":{"provider":"google","account":"marcus","clientSecretRef":{"name":"client"},"refreshBefore":"15m"}}""",
    ];

    [Fact]
    public Task A_damaged_seed_file_is_read_or_refused_and_its_secrets_are_not_repeated() =>
        Fuzz.RunAsync(Files, content => Refused(() => SeedFileReader.Read(content, Source)));

    [Fact]
    public Task A_damaged_client_file_is_read_or_refused_and_its_secrets_are_not_repeated() =>
        Fuzz.RunAsync(Files, content => Refused(() => ClientFileReader.Read(content, Source)));

    [Fact]
    public Task A_damaged_row_is_read_or_refused_and_its_secrets_are_not_repeated() =>
        Fuzz.RunAsync(Files, content =>
        {
            var text = Encoding.UTF8.GetString(content);
            Refused(() => TokenDocument.Read(text));
            Refused(() => TokenDocument.Write(new TokenSet { RefreshToken = new(Fuzz.Canary) }, text));
        });

    [Fact]
    public Task A_damaged_reply_becomes_an_answer_without_secrets() =>
        Fuzz.RunAsync(Replies, content =>
        {
            foreach (var status in Statuses)
            {
                var answer = TokenResponseClassifier.Classify(
                    Google, TokenEndpointReply.Read(Google, new RawReply(status, null, null, content)), DateTimeOffset.UnixEpoch, new SecretValue(Fuzz.Canary), new SecretValue("client-secret"));
                if (answer is not TokenOperator.Providers.TokenResponse.Failed failed)
                    continue;
                Fuzz.RefuseEcho(failed.Detail);
                Fuzz.RequireShowable(failed.Detail, Redactor.MaxLength);
            }
        });

    private static readonly string[] ProviderFiles =
    [
        """
        displayName: Example
        parameterDeclarations:
          tenant: {description: The tenant., default: contoso, pattern: "[a-z]+"}
          host: {description: The host., type: address, default: "https://login.example.com"}
        tokenEndpoint: "{host}/{tenant}/token"
        authorizationEndpoint: https://login.example.com/authorize
        clientAuthentication: {method: privateKeyJWT, algorithm: PS256, audience: "https://login.example.com/{tenant}"}
        request: {format: json, headers: {X-Version: "7"}}
        authorization: {parameters: {prompt: consent, resource: [a, b]}, omit: [login_hint], keep: [realmId], pkce: "off"}
        scopes: {separator: comma, consent: [openid], aliases: {email: "https://example.com/email"}, optionalPrefix: "https://graph.example.com/"}
        response: {format: auto, fields: {accessToken: data.token, expiresIn: data.life}, codeExchangeRoot: user, failures: [{path: ok, equals: "false"}]}
        expiry: {unit: seconds, never: true, checkInterval: 12h, checkEndpoint: https://login.example.com/me}
        rotation: {mode: always, grace: 10m, onReplay: revokesGrant}
        errors: {codePaths: [error, status], textPaths: [message], numbersPath: codes, rules: [{code: a, text: b, class: transient, minDelay: 5s}, {number: 7, class: client}]}
        limits: {requestsPerSecond: 10, burst: 20, clientRequestsPerSecond: 2, clientBurst: 5, minInterval: 1m}
        export: {realm: callback.realmId, tenant: parameter.tenant, url: response.instance_url}
        revocation: {endpoint: "https://login.example.com/{tenant}/{client_id}", method: DELETE, format: json, authentication: basic, token: accessToken, tokenParameter: t}
        identity: {issuers: ["https://login.example.com/{tenant}"], claim: upn, trustUnverified: true, responsePath: user.id}
        """,
        """{"extends": "base", "tokenEndpoint": "https://idp.example.com/token", "timeout": "10s", "rotation": {"grace": "untilUsed"}}""",
    ];

    [Fact]
    public Task A_damaged_provider_document_is_read_or_refused_in_short_lines() =>
        Fuzz.RunAsync(ProviderFiles, content =>
        {
            if (YamlInput.Read(Encoding.UTF8.GetString(content), out var error) is not { } json)
            {
                Fuzz.RequireShowable(error!, 600);
                return;
            }

            var based = new SourceDocument("base", DocumentSource.Catalogue, "base", new System.Text.Json.Nodes.JsonObject { ["tokenEndpoint"] = "https://base.example.com/token" });
            var resolved = ProviderResolver.Resolve([based, new SourceDocument("test", DocumentSource.Folder, "test.yaml", json)])["test"];
            foreach (var problem in resolved.Errors)
                Fuzz.RequireShowable(problem, 4000);
            if (resolved.ReadProvider() is not { } provider)
                return;
            foreach (var endpoint in provider.SecretEndpoints)
            {
                if (endpoint.Scheme != Uri.UriSchemeHttps && !endpoint.IsLoopback && json["allowInsecureHttp"]?.GetValue<bool>() != true)
                    throw new InvalidOperationException($"Secrets would be sent to {endpoint}.");
            }
        });

    private static readonly TokenOperator.Providers.Documents.ProviderDocument WithPaths = TestDocuments.Read("""
        tokenEndpoint: https://login.example.com/token
        response: {fields: {accessToken: data.token, refreshToken: data.refresh, expiresIn: data.life, scope: data.scopes}, failures: [{path: ok, equals: "false"}]}
        expiry: {default: 1h, jwt: true}
        errors: {codePaths: [error, status], textPaths: [message], numbersPath: codes, rules: [{number: 7, text: dead, class: reauthorize}]}
        export: {url: response.instance_url, team: response.team.id}
        """);

    private static readonly string[] RepliesWithPaths =
    [
        """{"ok":true,"data":{"token":"ya29.MARKED","life":"3599","scopes":["a","MARKED"],"refresh":"1//MARKED"},"instance_url":"https://x.example/MARKED","team":{"id":7}}""",
        """{"ok":false,"status":"BAD_MARKED","message":"The token MARKED is dead","codes":[7,"8",1e400]}""",
        "error=bad_code&message=MARKED&data.token=MARKED",
    ];

    [Fact]
    public Task A_damaged_reply_with_paths_becomes_an_answer_without_secrets() =>
        Fuzz.RunAsync(RepliesWithPaths, content =>
        {
            foreach (var (status, type) in new[] { (200, "application/json"), (400, "application/json"), (200, "text/plain"), (400, "application/x-www-form-urlencoded") })
            {
                var reply = TokenEndpointReply.Read(WithPaths, new RawReply(status, null, type, content), isCodeExchange: false);
                switch (TokenResponseClassifier.Classify(WithPaths, reply, DateTimeOffset.UnixEpoch, new SecretValue(Fuzz.Canary)))
                {
                    case TokenOperator.Providers.TokenResponse.Failed failed:
                        Fuzz.RefuseEcho(failed.Detail);
                        Fuzz.RequireShowable(failed.Detail, Redactor.MaxLength);
                        break;
                    case TokenOperator.Providers.TokenResponse.Granted granted:
                        foreach (var value in granted.WithoutEchoes(new SecretValue(Fuzz.Canary)).Exports.Values)
                        {
                            Fuzz.RefuseEcho(value);
                            Fuzz.RequireShowable(value, TokenEndpointReply.MaxExportLength);
                        }

                        break;
                }
            }
        });

    [Fact]
    public Task A_damaged_spec_is_read_or_refused_in_one_short_line() =>
        Fuzz.RunAsync(Specs, content =>
        {
            V1Beta1OAuthToken? entity;
            try
            {
                entity = JsonSerializer.Deserialize(content, Json.Info<V1Beta1OAuthToken>());
            }
            catch (JsonException)
            {
                // The watch skips objects that do not fit the class. WatchStreamFuzzTests covers that.
                return;
            }

            if (entity is not { Metadata.Name: not null, Metadata.NamespaceProperty: not null })
                return;
            if (TokenRequest.From(entity, out var error) is { } request)
                Fuzz.RequireShowable(request.Key.ToString()!, 400);
            else
                Fuzz.RequireShowable(error, 400);
        });

    private static void Refused(Func<object> read)
    {
        try
        {
            read();
        }
        catch (InvalidDocumentException e)
        {
            Fuzz.RefuseEcho(e.ToString());
            Fuzz.RequireShowable(e.Message, 600);
        }
    }
}
