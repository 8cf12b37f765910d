using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers;

/// <summary>Reads the settings <c>Providers__NAME__*</c>, which are a provider document in another form.</summary>
public static class ProviderSettings
{
    private const string Prefix = "Providers__";
    private const string Google = "google";
    private const string ParameterPlaceholder = "PARAMETER";

    /// <summary>
    /// To learn who consents (OpenID Connect Core section 5.4), and what a provider requires before it issues a refresh token (section 11).
    /// </summary>
    private static readonly string[] GenericScopes = ["openid", "email", "offline_access"];

    private static readonly Setting<Uri?> TokenEndpoint = Setting.Address(
        Prefix + "NAME__TokenEndpoint",
        "Address for token requests. It adds a provider `NAME`, or makes one of the catalogue use a compatible server.",
        "the document's", "an absolute address that starts with https://");

    private static readonly Setting<Uri?> RevocationEndpoint = Setting.Address(
        Prefix + "NAME__RevocationEndpoint", "Address for revocation requests.", "the document's; none if `TokenEndpoint` is on another server", TokenEndpoint.Expected);

    private static readonly Setting<Uri?> AuthorizationEndpoint = Setting.Address(
        Prefix + "NAME__AuthorizationEndpoint", "Address where a person gives consent: [authorize.md](authorize.md).", "the document's", TokenEndpoint.Expected);

    private static readonly Setting<Uri?> DeviceAuthorizationEndpoint = Setting.Address(
        Prefix + "NAME__DeviceAuthorizationEndpoint", "Address that issues codes for a consent on another device: [authorize.md](authorize.md).", "the document's; none if `TokenEndpoint` is on another server", TokenEndpoint.Expected);

    private static readonly Setting<IReadOnlyList<string>> ConsentScopes = Setting.List(
        Prefix + "NAME__ConsentScopes", "Scopes to request at a consent in addition to `spec.scopes`.", ' ', "scopes, separated by spaces",
        CredentialSyntax.IsScope, "the document's; `openid email offline_access` for a name that no document has");

    private static readonly Setting<string?> Issuer = Setting.Text(
        Prefix + "NAME__Issuer", "The value that `iss` of an id_token must have after a consent. If it is not set, `iss` is not checked.",
        defaultText: "the document's; none if `TokenEndpoint` is on another server");

    private static readonly Setting<string?> Parameter = Setting.Text(
        Prefix + "NAME__Parameters__" + ParameterPlaceholder,
        "Value of a parameter that the provider's document declares, such as `tenant` of `microsoft`: [providers/README.md](providers/README.md). Write the name of the parameter as the document does.");

    private static readonly Setting<int> TimeoutSeconds = Setting.Number(
        Prefix + "NAME__TimeoutSeconds",
        "Longest wait for a response. Keep it much shorter than `refreshBefore`: a request on a connection that died silently takes this long before the operator sends it again.",
        30, 1, 300);

    private static readonly Setting<bool> RotatesRefreshTokens = Setting.Flag(
        Prefix + "NAME__RotatesRefreshTokens",
        "Whether the provider sends new refresh tokens: `true` means `rotation.mode: sometimes` if the document says `never`, and otherwise leaves it as it is; `false` means `never`. While Postgres is unavailable, the operator asks only providers that do not, because it could not store a new refresh token.",
        true, "the document's; `true` for a name that no document has");

    private static readonly Setting<double> RequestsPerSecond = Setting.Number(
        Prefix + "NAME__RequestsPerSecond",
        "Average number of requests per second, over all accounts. When requests must wait, namespaces take turns, and in a namespace the account with the earliest expiry goes first.",
        RequestRate.Default.PerSecond, 0.01, 10_000);

    private static readonly Setting<int> Burst = Setting.Number(
        Prefix + "NAME__Burst", "Number of requests that the operator can send at once after a pause.", RequestRate.Default.Burst, 1, 10_000);

    private static readonly Setting<double> ClientRequestsPerSecond = Setting.Number(
        Prefix + "NAME__ClientRequestsPerSecond",
        "Average number of requests per second of each OAuth client, in addition to `RequestsPerSecond`. A client whose accounts wait delays no other.",
        RequestRate.Highest.PerSecond, 0.01, 10_000) with
    {
        DefaultText = "no limit",
    };

    private static readonly Setting<int> ClientBurst = Setting.Number(
        Prefix + "NAME__ClientBurst", "Number of requests of one client that the operator can send at once after a pause. Needs `ClientRequestsPerSecond`.", 1, 1, 10_000);

    private static readonly Setting<bool> AllowInsecureHttp = Setting.Flag(
        Prefix + "NAME__AllowInsecureHttp", "`true` allows an `http://` address that is not on the same machine.", false);

    private static readonly Setting<string?> AllowEndpointMoveFrom = Setting.Text(
        Prefix + "NAME__AllowEndpointMoveFrom",
        "Hosts of earlier token endpoints, each with its port unless that is the usual one. The operator sends what an account last sent to one of them to the current token endpoint: [providers.md](providers.md#move-a-provider-to-another-host).",
        expected: "hosts, separated by spaces", defaultText: "none");

    /// <summary>Not about one provider: the folder with documents.</summary>
    public static Setting<string?> Folder { get; } = Setting.Text(
        "ProviderFolder", "Folder with a document for each provider, such as a mounted ConfigMap. The operator reads it again when a file changes: [providers.md](providers.md).", expected: "a folder");

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } =
    [
        Folder, TokenEndpoint, RevocationEndpoint, AuthorizationEndpoint, DeviceAuthorizationEndpoint, ConsentScopes, Issuer, Parameter, TimeoutSeconds, RotatesRefreshTokens, RequestsPerSecond, Burst,
        ClientRequestsPerSecond, ClientBurst, AllowInsecureHttp, AllowEndpointMoveFrom,
    ];

    /// <summary>Google, whether configured or not, and every other provider that has a setting.</summary>
    /// <exception cref="InvalidSettingException">A name, an address or a number is not valid.</exception>
    public static IReadOnlyList<ProviderDocument> Read(IConfiguration configuration) => SettingsReader.Read(configuration, Read);

    /// <summary>The same; records what is wrong in <paramref name="reader"/> and leaves out a provider that cannot be used.</summary>
    public static IReadOnlyList<ProviderDocument> Read(SettingsReader reader)
    {
        var catalogue = ProviderCatalogue.Read();
        var settings = ReadValidDocuments(reader, catalogue);
        var resolved = ProviderResolver.Resolve(catalogue.Concat(settings));
        var names = settings.Select(document => document.Name).Order(StringComparer.Ordinal).Where(name => name != Google).Prepend(Google);
        return [.. names.Select(name => resolved[name].ReadProvider()).OfType<ProviderDocument>()];
    }

    /// <summary>As <see cref="ReadDocuments"/>; also records what is wrong with the documents, except parameters that a ClusterOAuthProvider can still give.</summary>
    public static IReadOnlyList<SourceDocument> ReadValidDocuments(SettingsReader reader, IReadOnlyList<SourceDocument> others)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var settings = ReadDocuments(reader, others);
        var resolved = ProviderResolver.Resolve(others.Concat(settings));
        foreach (var document in settings.Where(document => resolved[document.Name].MissingParameters.Count == 0))
        {
            foreach (var error in resolved[document.Name].Errors)
                reader.Reject($"The settings {Prefix}{document.Name}__* make a provider that cannot be used: {error}");
        }

        return settings;
    }

    /// <summary>The settings of each provider that has one, as documents that extend those of the same name.</summary>
    /// <param name="reader">Reads the settings, and records what is wrong with them.</param>
    /// <param name="others">The documents that they extend, those of ClusterOAuthProviders only if the settings add to them.</param>
    public static IReadOnlyList<SourceDocument> ReadDocuments(SettingsReader reader, IReadOnlyList<SourceDocument> others)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentNullException.ThrowIfNull(others);
        var known = others.Select(document => document.Name).ToHashSet(StringComparer.Ordinal);
        var extendCluster = others.Any(document => document.Source == DocumentSource.Cluster);
        return [.. reader.NamesUnder(Prefix).Select(name => Read(reader, name, known)).OfType<SourceDocument>().Select(document => document with { ExtendsCluster = extendCluster })];
    }

    private static SourceDocument? Read(SettingsReader reader, string name, HashSet<string> catalogue)
    {
        var provider = name.ToLowerInvariant();
        if (!ProviderName.IsValid(provider))
        {
            reader.Reject($"The setting {Prefix}{name} has a name that no provider can have; expected 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit.");
            return null;
        }

        var isKnown = catalogue.Contains(provider);
        var allowsHttp = reader.Get(AllowInsecureHttp, name);
        var endpoint = Address(reader, TokenEndpoint, name, allowsHttp);
        if (endpoint is null && !isKnown)
        {
            if (reader.IsAbsent(TokenEndpoint, name))
                reader.Reject(TokenEndpoint, name, "is missing; expected the address of the provider's token endpoint");
            return null;
        }

        var json = isKnown ? new JsonObject { ["extends"] = provider } : Generic();
        if (allowsHttp)
            json["allowInsecureHttp"] = true;
        if (endpoint is not null)
            json["tokenEndpoint"] = endpoint.AbsoluteUri;
        if (Address(reader, AuthorizationEndpoint, name, allowsHttp) is { } authorization)
            json["authorizationEndpoint"] = authorization.AbsoluteUri;
        if (Address(reader, DeviceAuthorizationEndpoint, name, allowsHttp) is { } device)
            json["deviceAuthorizationEndpoint"] = device.AbsoluteUri;
        if (Address(reader, RevocationEndpoint, name, allowsHttp) is { } revocation)
            json["revocation"] = new JsonObject { ["endpoint"] = revocation.AbsoluteUri };
        if (!reader.IsAbsent(ConsentScopes, name))
            json["scopes"] = new JsonObject { ["consent"] = new JsonArray([.. reader.Get(ConsentScopes, name).Select(JsonNode? (scope) => scope)]) };
        if (reader.Get(Issuer, name) is { } issuer)
            json["identity"] = new JsonObject { ["issuers"] = new JsonArray(issuer) };
        if (!reader.IsAbsent(TimeoutSeconds, name))
            json["timeout"] = DurationText.Format(TimeSpan.FromSeconds(reader.Get(TimeoutSeconds, name)));
        // How refresh tokens rotate is for the document to say.
        var rotates = reader.IsAbsent(RotatesRefreshTokens, name) ? (bool?)null : reader.Get(RotatesRefreshTokens, name);
        if (rotates == false)
            json["rotation"] = new JsonObject { ["mode"] = "never" };
        if (ReadParameters(reader, name) is { Count: > 0 } parameters)
            json["parameters"] = parameters;
        json["limits"] = ReadLimits(reader, name);
        return new SourceDocument(provider, DocumentSource.Settings, $"the settings {Prefix}{name}__*", json)
        {
            SettingOf = field => SettingOf(name, field),
            MovesFrom = reader.Get(AllowEndpointMoveFrom, name),
            Rotates = rotates == true,
            // A consent at Google's own page has always stayed.
            KeepsAuthorizationEndpoint = provider == Google,
        };
    }

    private static JsonObject ReadLimits(SettingsReader reader, string name)
    {
        var limits = new JsonObject();
        if (!reader.IsAbsent(RequestsPerSecond, name))
            limits["requestsPerSecond"] = reader.Get(RequestsPerSecond, name);
        if (!reader.IsAbsent(Burst, name))
            limits["burst"] = reader.Get(Burst, name);
        if (!reader.IsAbsent(ClientRequestsPerSecond, name))
            limits["clientRequestsPerSecond"] = reader.Get(ClientRequestsPerSecond, name);
        if (!reader.IsAbsent(ClientBurst, name))
            limits["clientBurst"] = reader.Get(ClientBurst, name);
        return limits;
    }

    private static JsonObject ReadParameters(SettingsReader reader, string name)
    {
        var prefix = Parameter.NameFor(name)[..^ParameterPlaceholder.Length];
        var parameters = new JsonObject();
        foreach (var parameter in reader.NamesUnder(prefix))
        {
            if (reader.Get(Parameter with { Name = prefix + parameter }) is { } value)
                parameters[parameter] = value;
        }

        return parameters;
    }

    /// <summary>The setting that writes a field of a document, or null.</summary>
    private static string? SettingOf(string provider, string field) => field switch
    {
        "tokenEndpoint" => TokenEndpoint.NameFor(provider),
        "authorizationEndpoint" => AuthorizationEndpoint.NameFor(provider),
        "deviceAuthorizationEndpoint" => DeviceAuthorizationEndpoint.NameFor(provider),
        "revocation.endpoint" => RevocationEndpoint.NameFor(provider),
        "scopes.consent" => ConsentScopes.NameFor(provider),
        "identity.issuers" => Issuer.NameFor(provider),
        "rotation.mode" => RotatesRefreshTokens.NameFor(provider),
        "limits.requestsPerSecond" => RequestsPerSecond.NameFor(provider),
        "limits.clientRequestsPerSecond" => ClientRequestsPerSecond.NameFor(provider),
        _ => null,
    };

    /// <summary>The setting that allows the move of accounts from a host to the provider <paramref name="name"/>.</summary>
    public static string AllowEndpointMoveName(string name) => AllowEndpointMoveFrom.NameFor(name);

    /// <summary>What is assumed of a provider that the catalogue does not have.</summary>
    private static JsonObject Generic() => new()
    {
        ["authorization"] = new JsonObject { ["parameters"] = new JsonObject { ["access_type"] = "offline", ["prompt"] = "consent" } },
        ["scopes"] = new JsonObject { ["consent"] = new JsonArray([.. GenericScopes.Select(JsonNode? (scope) => scope)]) },
    };

    private static Uri? Address(SettingsReader reader, Setting<Uri?> setting, string name, bool allowsHttp)
    {
        if (reader.Get(setting, name) is not { } address)
            return null;
        if (address.UserInfo.Length > 0 || address.Fragment.Length > 0)
        {
            reader.Reject(setting, name, "has a user name, a password or a fragment (#); expected an address without them");
            return null;
        }

        if (address.Scheme == Uri.UriSchemeHttp && !address.IsLoopback && !allowsHttp)
        {
            reader.Reject(setting, name, "is plain http: client secrets and refresh tokens would cross the network unencrypted. "
                + $"Use https://, or set {AllowInsecureHttp.NameFor(name)}=true if you trust the network");
            return null;
        }

        return address;
    }
}
