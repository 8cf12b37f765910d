using System.Text.Json.Nodes;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers.Catalogue;

/// <summary>The page docs/providers/NAME.md, made from the document of a provider.</summary>
internal sealed class ProviderPage(CatalogueEntry entry)
{
    private const int Port = 8765;

    private readonly ProviderDocument _provider = entry.Resolve();
    private readonly JsonObject _documentation = entry.Json["documentation"]!.AsObject();
    private readonly IReadOnlyDictionary<string, JsonObject> _declarations = entry.Declarations();

    /// <summary>False if access tokens never expire, and nothing is known about refresh tokens; or if an app asks in its own name.</summary>
    private bool HasRefreshTokens => !IsGitHubApp && (!_provider.Expiry.Never || _provider.Rotation.Mode != RotationMode.Sometimes);

    /// <summary>True if an app signs its requests with a private key, and nobody consents.</summary>
    private bool IsGitHubApp => _provider.Protocol == ProviderProtocol.GitHubApp;

    /// <summary>The name of the provider.</summary>
    public string Name => _provider.Name;

    /// <summary>The row in the table of all providers.</summary>
    public string[] Row =>
    [
        $"[{_provider.DisplayName}]({Name}.md)",
        $"`{Name}`",
        Codes(_declarations.Where(declaration => !declaration.Value.ContainsKey("default")).Select(declaration => declaration.Key)),
        ClientAuthentication(isShort: true),
        !HasRefreshTokens ? "none" : _provider.Rotation.Mode.ToString().ToLowerInvariant(),
        _provider.RefreshToken.Absolute is { } absolute ? Days(absolute) : "",
        Codes(_provider.Export.Keys),
    ];

    /// <summary>The whole page.</summary>
    public string Text => string.Join('\n', [$"# {_provider.DisplayName}", "", .. Section(null, Introduction()), .. Section("Register a client", Register()), .. Section("Apply", Apply()),
        .. Section("What the Secret holds", Keys()), .. Section("What is particular", Particulars()), .. Section("What its errors mean", Errors()), .. Section("Not verified", Unverified())]).TrimEnd() + "\n";

    private static IEnumerable<string> Section(string? title, IEnumerable<string> lines)
    {
        var content = lines.ToList();
        if (content.Count == 0)
            return [];
        return title is null ? [.. content, ""] : [$"## {title}", "", .. content, ""];
    }

    private IEnumerable<string> Introduction()
    {
        yield return $"`spec.provider: {Name}`. This page is made from"
            + $" [{Name}.yaml](../../src/TokenOperator.Providers/Catalogue/{Name}.yaml), in which the operator has everything that it knows about this provider"
            + $"{(entry.Base is { } name ? $", together with [{name}]({name}.md), on which it builds" : "")}.";
        if (_declarations.Count == 0)
            yield break;
        yield return "";
        yield return "| Parameter | Value | Default |";
        yield return "|---|---|---|";
        foreach (var (parameter, declaration) in _declarations.OrderBy(declaration => declaration.Key, StringComparer.Ordinal))
            yield return $"| `{parameter}` | {declaration["description"]} | {(declaration["default"] is { } value ? $"`{value}`" : "none: an administrator must give it")} |";
    }

    private IEnumerable<string> Register()
    {
        var console = (string?)_documentation["console"];
        if (console is not null)
        {
            yield return $"The console: {(console.StartsWith("https://", StringComparison.Ordinal) ? $"<{console}>" : console)}.";
            yield return "";
        }

        foreach (var step in Texts("register"))
            yield return $"1. {step}";
        if (IsGitHubApp)
            yield break;
        yield return "1. Enter a redirect address:";
        yield return "";
        yield return "   | To consent with | Redirect address |";
        yield return "   |---|---|";
        yield return $"   | `kubectl oauthtoken authorize --port {Port}` | `http://{(_provider.Authorization.NeedsLocalhost ? "localhost" : "127.0.0.1")}:{Port}/` |";
        yield return $"   | [a link](../authorize.md#by-a-link) for the owner | `https://tokens.example.com/authorize/callback/{Name}` |";
        yield return "";
        yield return "   If the console accepts only addresses that start with https, enter `https://localhost/`, and add `--redirect-uri https://localhost/`";
        yield return "   to the command instead of `--port`. The operator offers a link only after the account has had a token.";
    }

    private IEnumerable<string> Apply()
    {
        var required = _declarations.Any(declaration => !declaration.Value.ContainsKey("default"));
        if (required)
        {
            yield return "An administrator applies this once. It gives the parameters, which decide where secrets are sent:";
            yield return "";
            foreach (var line in Provider(entry.Parameters.ToDictionary(parameter => parameter.Key, parameter => (string)parameter.Value!)))
                yield return line;
            yield return "";
        }

        if (IsGitHubApp)
        {
            yield return "[Grants](../grants.md) shows the Secret with the private key and the OAuthToken.";
            yield return "";
            yield return "To change a parameter, an administrator applies this:";
            yield return "";
            foreach (var line in Provider(_declarations.ToDictionary(declaration => declaration.Key, declaration => (string)declaration.Value["default"]!)))
                yield return line;
            yield break;
        }

        yield return "Apply the client and the token:";
        yield return "";
        yield return "```yaml";
        yield return "apiVersion: v1";
        yield return "kind: Secret";
        yield return $"metadata: {{name: {Name}-client, namespace: apps}}";
        yield return "stringData:";
        yield return "  client-id: YOUR-CLIENT-ID";
        if (_provider.ClientAuthentication.Method != ClientAuthenticationMethod.None)
            yield return "  client-secret: YOUR-CLIENT-SECRET";
        yield return "---";
        yield return "apiVersion: tokenoperator.dev/v1beta1";
        yield return "kind: OAuthToken";
        yield return $"metadata: {{name: marcus-{Name}, namespace: apps}}";
        yield return "spec:";
        yield return $"  provider: {Name}";
        yield return "  account: marcus";
        yield return $"  clientSecretRef: {{name: {Name}-client}}";
        if (Texts("scopes") is { Count: > 0 } scopes)
            yield return $"  scopes: [{string.Join(", ", scopes.Select(scope => scope.Contains(':', StringComparison.Ordinal) ? $"\"{scope}\"" : scope))}]";
        if ((string?)_documentation["identity"] is { } identity)
            yield return $"  identity: {identity}";
        yield return $"  secretName: marcus-{Name}-token";
        yield return "```";
        yield return "";
        yield return "Then consent:";
        yield return "";
        yield return "```";
        yield return $"kubectl oauthtoken authorize marcus-{Name} -n apps --port {Port}";
        yield return "```";
        if (required)
        {
            yield return "";
            yield return "For that, you need the right to read the ClusterOAuthProvider"
                + " ([who has it](../providers.md#rights-to-read-and-write-them)).";
        }

        if (!required && _declarations.Count > 0)
        {
            yield return "";
            yield return "To change a parameter, an administrator applies this:";
            yield return "";
            foreach (var line in Provider(_declarations.ToDictionary(declaration => declaration.Key, declaration => (string)declaration.Value["default"]!)))
                yield return line;
        }
    }

    private IEnumerable<string> Provider(IReadOnlyDictionary<string, string> parameters)
    {
        yield return "```yaml";
        yield return "apiVersion: tokenoperator.dev/v1beta1";
        yield return "kind: ClusterOAuthProvider";
        yield return $"metadata: {{name: {Name}}}";
        yield return "spec:";
        yield return $"  extends: {Name}";
        yield return "  parameters:";
        foreach (var (parameter, value) in parameters)
            yield return $"    {parameter}: {value}";
        yield return "```";
    }

    private IEnumerable<string> Keys()
    {
        if (_provider.Export.Count == 0 && _provider.Response.FixedTokenType is null)
            yield break;
        yield return "The Secret has these keys beside [the usual ones](../use-the-token.md):";
        yield return "";
        yield return "| Key | Value |";
        yield return "|---|---|";
        if (_provider.Response.FixedTokenType is { } type)
            yield return $"| `token_type` | always `{type}` |";
        foreach (var (key, source) in _provider.Export)
        {
            var place = source.Place switch
            {
                ExportPlace.Response => $"`{source.Path}` in the response of the token endpoint",
                ExportPlace.Callback => $"`{source.Path}` in the response to the consent",
                _ => $"the parameter, such as `{source.Path}`",
            };
            yield return $"| `{key}` | {place} |";
        }
    }

    private IEnumerable<string> Particulars() =>
        new[]
        {
            ClientAuthentication(),
            RequestForm(),
            AccessToken(),
            Rotation(),
            _provider.RefreshToken.Absolute is { } absolute ? $"A consent ends {Days(absolute)} after it was given, however often the token is refreshed. The operator warns before." : null,
            _provider.RefreshToken.Idle is { } idle ? $"A refresh token ends when it is not used for {Days(idle)}. Do not suspend the OAuthToken for that long." : null,
            Scopes(),
            Consent(),
            _provider.Limits.MinInterval > TimeSpan.Zero ? $"The operator refreshes one account at most once in {DurationText.Format(_provider.Limits.MinInterval)}." : null,
            Person(),
            Revocation(),
        }.OfType<string>().Concat(Texts("particulars")).Select(line => $"- {line}");

    private string ClientAuthentication(bool isShort = false) => (_provider.ClientAuthentication.Method, isShort) switch
    {
        _ when IsGitHubApp => isShort ? "private key" : "The app signs its requests with its private key.",
        (ClientAuthenticationMethod.Basic, true) => "basic",
        (ClientAuthenticationMethod.None, true) => "none",
        (ClientAuthenticationMethod.SecretAsUser, true) => "secret as user name",
        (_, true) => "body",
        (ClientAuthenticationMethod.Basic, _) => "The client authenticates with HTTP Basic.",
        (ClientAuthenticationMethod.None, _) => "The client has no secret.",
        (ClientAuthenticationMethod.SecretAsUser, _) => "The client authenticates with HTTP Basic, with the secret as the user name and no ID.",
        _ => "The client authenticates with its ID and secret in the body of the request.",
    };

    private string? Revocation()
    {
        if (_provider.Revocation is not { } revocation)
            return null;
        var proof = revocation.Authentication switch
        {
            RevocationAuthentication.Basic when _provider.ClientAuthentication.Method != ClientAuthenticationMethod.Basic => " There, the client authenticates with HTTP Basic.",
            RevocationAuthentication.Post when _provider.ClientAuthentication.Method != ClientAuthenticationMethod.Post => " There, the client authenticates with its ID and secret in the body of the request.",
            _ => "",
        };
        return $"The operator revokes a grant at `{revocation.Endpoint.OriginalString}`{(revocation.SendsAccessToken ? ", with the access token" : "")}.{proof}";
    }

    private string? RequestForm() => _provider.Request.Format switch
    {
        RequestFormat.Json => "Requests are JSON.",
        RequestFormat.Query => "Requests are GET requests with a query.",
        _ => null,
    };

    private string? AccessToken() => _provider.Expiry switch
    {
        { Never: true, CheckEndpoint: { } check } =>
            $"A response without a lifetime means an access token that never expires. The operator asks `{check}` every {DurationText.Format(_provider.Expiry.CheckInterval)} whether it still works.",
        { Never: true } => "A response without a lifetime means an access token that never expires.",
        { Default: { } lifetime } => $"The operator takes an access token whose response has no lifetime for one that works for {DurationText.Format(lifetime)}.",
        _ => null,
    };

    private string? Rotation()
    {
        if (!HasRefreshTokens)
            return null;
        var changes = _provider.Rotation.Mode switch
        {
            RotationMode.Never => "The refresh token stays the same.",
            RotationMode.Always => "Every refresh replaces the refresh token.",
            _ => "A refresh can replace the refresh token.",
        };
        var grace = _provider.Rotation switch
        {
            { CanRotate: false } => "",
            { Grace.Ticks: 0 } => "",
            { Grace: var grace2 } when grace2 == TimeSpan.MaxValue => " The old one works until the new one is used, so the operator asks again if a response is lost.",
            { Grace: var grace2 } => $" The old one works for another {Days(grace2)}, so the operator asks again within this time if a response is lost.",
        };
        var replay = _provider.Rotation switch
        {
            { CanRotate: false } or { ReplayEndsGrant: false } => "",
            { OnReplay: null, Grace: var grace2 } when grace2 == TimeSpan.MaxValue => "",
            { OnReplay: null, Grace.Ticks: 0 } => " What the use of an old one does is not documented, so if a response is lost, the operator does not ask again before the access token has expired.",
            { OnReplay: null } => " What the use of an old one does after that is not documented, so the operator then does not ask again before the access token has expired.",
            { Grace.Ticks: 0 } => " One that is used twice ends the grant.",
            _ => " One that is used after that ends the grant.",
        };
        return changes + grace + replay;
    }

    private string? Scopes()
    {
        var parts = new List<string>();
        if (_provider.Scopes.Consent.Count > 0)
            parts.Add($"A consent also requests {Codes(_provider.Scopes.Consent)}.");
        if (_provider.Scopes.AreNotComparable)
            parts.Add("The operator does not compare the scopes of a response with `spec.scopes`.");
        return parts.Count == 0 ? null : string.Join(' ', parts);
    }

    private string? Consent() => _provider.Authorization.Pkce == PkceUse.Off ? "A consent has no PKCE challenge." : null;

    private string? Person() => _provider switch
    {
        _ when IsGitHubApp => null,
        { Identity.ResponsePath: { } path } => $"The field `{path}` of the response to a consent says who consented.",
        { Identity.TrustsUnverified: true } => $"The claim `{_provider.Identity.Claim}` of the id_token says who consented. It counts without `email_verified`.",
        _ when _provider.Scopes.Consent.Contains("openid") => "The id_token says who consented.",
        _ => "No response says who consented. Leave `spec.identity` empty, and use `kubectl oauthtoken authorize`, because a link for the owner needs an identity.",
    };

    private IEnumerable<string> Errors()
    {
        if (_provider.Errors.Rules.Count == 0)
            yield break;
        yield return "What this table does not name means what [failures.md](../failures.md) says. The first line that matches counts.";
        yield return "";
        yield return "| Response | Reason | Least delay |";
        yield return "|---|---|---|";
        foreach (var rule in _provider.Errors.Rules)
        {
            string?[] criteria =
            [
                rule.Status is { } status ? $"status {status}" : null,
                rule.Code is { } code ? $"`{code}`" : null,
                rule.Number is { } number ? $"number {number}" : null,
                rule.Text is { } text ? $"with the text \"{text}\"" : null,
            ];
            yield return $"| {string.Join(", ", criteria.OfType<string>())} | `{rule.Kind}` | {(rule.MinDelay is { } delay ? DurationText.Format(delay) : "")} |";
        }
    }

    private IEnumerable<string> Unverified() => Texts("unverified").Select(line => $"- {line}");

    private List<string> Texts(string name) => [.. (_documentation[name] as JsonArray ?? []).Select(text => (string)text!)];

    private static string Codes(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"`{name}`"));

    private static string Days(TimeSpan span) => span.TotalDays % 1 == 0 ? $"{span.TotalDays:0} days" : DurationText.Format(span);
}
