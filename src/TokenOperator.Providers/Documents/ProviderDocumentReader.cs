using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Documents;

/// <summary>Reads and validates the fields of a document whose base has been merged into it. All errors are reported together.</summary>
internal sealed partial class ProviderDocumentReader
{
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(3650);
    private static readonly TimeSpan PatternTimeout = TimeSpan.FromMilliseconds(100);

    /// <summary>The keys that the operator itself writes to a Secret.</summary>
    private static readonly string[] SecretKeys = ["access_token", "token_type", "expires_at", "scope", "provider", "account"];

    private readonly DocumentFields _root;
    private readonly List<string> _errors = [];
    private readonly Dictionary<string, string?> _parameters = new(StringComparer.Ordinal);
    private readonly HashSet<string> _addresses = new(StringComparer.Ordinal);
    private readonly HashSet<string> _invalid = new(StringComparer.Ordinal);
    private readonly bool _allowsHttp;
    private readonly SortedSet<string> _missing = new(StringComparer.Ordinal);
    private int _missingErrors;

    private ProviderDocumentReader(JsonObject json, string path)
    {
        _root = new DocumentFields(json, path, _errors);
        _allowsHttp = _root.Flag("allowInsecureHttp");
        _root.Text("extends");
        ReadParameters();
    }

    /// <summary>The document, or null.</summary>
    /// <param name="name">The name of the provider.</param>
    /// <param name="json">The merged document.</param>
    /// <param name="path">The prefix of fields in messages, such as <c>spec.</c>.</param>
    /// <param name="errors">Why the result is null: sentences, each with the path of a field.</param>
    /// <param name="missing">The parameters that need a value, if nothing else is wrong.</param>
    public static ProviderDocument? Read(string name, JsonObject json, string path, out IReadOnlyList<string> errors, out IReadOnlyList<string> missing)
    {
        var reader = new ProviderDocumentReader(json, path);
        var document = reader.Read(name);
        reader._root.RejectUnknown();
        errors = reader._errors;
        missing = reader._missingErrors == errors.Count ? [.. reader._missing] : [];
        return errors.Count == 0 ? document : null;
    }

    /// <summary>The paths of the fields that this reader knows, in the objects that <paramref name="json"/> has.</summary>
    public static IEnumerable<string> KnownFields(JsonObject json)
    {
        var reader = new ProviderDocumentReader(json, "");
        reader.Read("");
        return reader._root.Known;
    }

    /// <summary>The parameters that a document declares, with their values; null for one that has none.</summary>
    public static IReadOnlyDictionary<string, string?> ParametersOf(JsonObject json) => new ProviderDocumentReader(json, "")._parameters;

    private void ReadParameters()
    {
        var given = _root.Map("parameters");
        foreach (var (name, declaration) in _root.Objects("parameterDeclarations"))
        {
            var description = declaration.Text("description");
            var isAddress = declaration.Choice("type", false, ("name", false), ("address", true));
            var byDefault = declaration.Text("default");
            var value = given.GetValueOrDefault(name) ?? byDefault;
            var pattern = declaration.Text("pattern");
            if (!DocumentTemplate.Name().IsMatch(name))
                declaration.Reject("is not a name for a parameter; expected a lowercase letter, and then letters and digits");
            if (isAddress)
                _addresses.Add(name);
            _parameters[name] = value;
            if (value is not null && !IsValid(name, value, isAddress, pattern, description))
                _invalid.Add(name);
        }

        foreach (var name in given.Keys.Where(name => !_parameters.ContainsKey(name)))
            _root.Reject($"parameters.{name}", $"is not a parameter of this provider; it has {DisplayText.List(_parameters.Keys.Order(StringComparer.Ordinal))}");
    }

    private bool IsValid(string name, string value, bool isAddress, string? pattern, string? description)
    {
        var shown = DisplayText.Of(value, 60);
        if (isAddress && FindAddressError(value) is { } error)
        {
            _root.Reject($"parameters.{name}", $"is \"{shown}\", which {error}");
            return false;
        }

        if (isAddress && value.EndsWith('/'))
        {
            _root.Reject($"parameters.{name}", $"is \"{shown}\"; expected an address without a slash at its end, because a path follows");
            return false;
        }

        if (!isAddress && !DocumentTemplate.Value().IsMatch(value))
        {
            _root.Reject($"parameters.{name}", $"is \"{shown}\"; expected 1 to 253 letters, digits, dots, underscores, hyphens and tildes");
            return false;
        }

        try
        {
            if (pattern is null || Regex.IsMatch(value, $@"\A(?:{pattern})\z", RegexOptions.CultureInvariant, PatternTimeout))
                return true;
            _root.Reject($"parameters.{name}", $"is \"{shown}\"; expected a value that matches {pattern}{(description is null ? "" : $". It is described so: {description.TrimEnd('.')}")}");
        }
        catch (Exception e) when (e is ArgumentException or RegexMatchTimeoutException)
        {
            _root.Reject($"parameterDeclarations.{name}.pattern", "is not a regular expression that can be used");
        }

        return false;
    }

    private ProviderDocument? Read(string name)
    {
        var (tokenEndpoint, identity, authorization, displayName) = (Address(_root, "tokenEndpoint"), ReadIdentity(), ReadAuthorization(), _root.Text("displayName"));
        if (!_root.Has("tokenEndpoint"))
            _root.Reject("tokenEndpoint", "is missing; expected the address of the provider's token endpoint");
        ReadDocumentation(_root.Object("documentation"));
        var (errors, response) = (ReadErrors(), ReadResponse());
        var document = new ProviderDocument
        {
            Name = name,
            DisplayName = displayName ?? name,
            Protocol = _root.Choice("protocol", ProviderProtocol.OAuth2, ("oauth2", ProviderProtocol.OAuth2), ("githubApp", ProviderProtocol.GitHubApp)),
            TokenEndpoint = tokenEndpoint!,
            AuthorizationEndpoint = Address(_root, "authorizationEndpoint"),
            DeviceAuthorizationEndpoint = Address(_root, "deviceAuthorizationEndpoint"),
            DiscoveryEndpoint = Address(_root, "discoveryEndpoint"),
            Revocation = ReadRevocation(),
            ClientAuthentication = ReadClientAuthentication(),
            Request = ReadRequest(),
            Authorization = authorization,
            CodeExchange = Parameters(_root.Object("codeExchange")),
            Refresh = ReadRefresh(),
            Scopes = ReadScopes(),
            Response = response,
            Expiry = ReadExpiry(),
            Rotation = ReadRotation(),
            RefreshToken = ReadRefreshToken(),
            Errors = errors,
            Assertion = ReadAssertion(errors),
            WorkloadIdentity = ReadWorkloadIdentity(),
            Limits = ReadLimits(),
            Export = ReadExport(authorization, response),
            Identity = identity,
            Timeout = _root.Duration("timeout", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5)) ?? TimeSpan.FromSeconds(30),
        };
        return tokenEndpoint is null ? null : document;
    }

    /// <summary>Only the pages in docs/providers are made from these.</summary>
    private static void ReadDocumentation(DocumentFields documentation)
    {
        foreach (var name in new[] { "register", "particulars", "unverified", "scopes" })
            documentation.Texts(name);
        documentation.Text("console");
        documentation.Text("identity");
    }

    private ClientAuthentication ReadClientAuthentication()
    {
        var fields = _root.Object("clientAuthentication");
        return new ClientAuthentication
        {
            Method = fields.Choice(
                "method", ClientAuthenticationMethod.Post,
                ("post", ClientAuthenticationMethod.Post), ("basic", ClientAuthenticationMethod.Basic), ("none", ClientAuthenticationMethod.None),
                ("secretAsUser", ClientAuthenticationMethod.SecretAsUser), ("privateKeyJWT", ClientAuthenticationMethod.PrivateKeyJwt),
                ("certificate", ClientAuthenticationMethod.Certificate)),
            EncodesBasic = fields.Choice("basicEncoding", true, ("form", true), ("raw", false)),
            Algorithm = fields.Choice("algorithm", "RS256", ("RS256", "RS256"), ("PS256", "PS256"), ("ES256", "ES256")),
            Typ = fields.Choice("typ", ClientAuthentication.DefaultTyp, (ClientAuthentication.DefaultTyp, ClientAuthentication.DefaultTyp), (ClientAuthentication.ExplicitTyp, ClientAuthentication.ExplicitTyp)),
            Audience = Resolved(fields, "audience"),
        };
    }

    private RequestRules ReadRequest()
    {
        var fields = _root.Object("request");
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { ["Accept"] = "application/json" };
        foreach (var (name, value) in fields.Map("headers"))
        {
            if (!HeaderName().IsMatch(name) || ReservedHeader().IsMatch(name) || !CredentialSyntax.IsValid(value))
                fields.Reject($"headers.{name}", "is not a header field that a document can set");
            else
                headers[name] = value;
        }

        return new RequestRules
        {
            Format = fields.Choice("format", RequestFormat.Form, ("form", RequestFormat.Form), ("json", RequestFormat.Json), ("query", RequestFormat.Query)),
            Headers = headers,
        };
    }

    private AuthorizationRules ReadAuthorization()
    {
        var fields = _root.Object("authorization");
        return new AuthorizationRules
        {
            Parameters = Parameters(fields),
            Pkce = fields.Choice("pkce", PkceUse.S256, ("S256", PkceUse.S256), ("off", PkceUse.Off)),
            CodeParameter = fields.Text("codeParameter") ?? "code",
            Keep = fields.Texts("keep") ?? [],
            NeedsLocalhost = fields.Choice("redirectHost", false, ("127.0.0.1", false), ("localhost", true)),
        };
    }

    private RefreshRules ReadRefresh()
    {
        var fields = _root.Object("refresh");
        var defaults = new RefreshRules();
        return new RefreshRules
        {
            Endpoint = Address(fields, "endpoint"),
            GrantType = fields.Text("grantType") ?? defaults.GrantType,
            TokenParameter = fields.Text("tokenParameter") ?? defaults.TokenParameter,
            UsesAccessToken = fields.Choice("token", false, ("refreshToken", false), ("accessToken", true)),
            SendsScopes = fields.Flag("sendScopes"),
            Parameters = Parameters(fields),
        };
    }

    private ScopeRules ReadScopes()
    {
        var fields = _root.Object("scopes");
        return new ScopeRules
        {
            Separator = fields.Choice("separator", ' ', ("space", ' '), ("comma", ',')),
            Parameter = fields.Text("parameter") ?? "scope",
            Consent = Scopes(fields, "consent"),
            Aliases = fields.Map("aliases"),
            OptionalPrefix = fields.Text("optionalPrefix"),
            NotEchoed = Scopes(fields, "notEchoed"),
            AreNotComparable = fields.Choice("compare", false, ("granted", false), ("never", true)),
            ResponseSeparator = fields.Choice<char?>("responseSeparator", null, ("space", ' '), ("comma", ',')),
        };
    }

    private ResponseRules ReadResponse()
    {
        var fields = _root.Object("response");
        var paths = fields.Object("fields");
        var defaults = new ResponseRules();
        return new ResponseRules
        {
            Format = fields.Choice("format", ResponseFormat.Auto, ("auto", ResponseFormat.Auto), ("json", ResponseFormat.Json), ("form", ResponseFormat.Form)),
            AccessToken = Path(paths, "accessToken") ?? defaults.AccessToken,
            RefreshToken = Path(paths, "refreshToken") ?? defaults.RefreshToken,
            ExpiresIn = Path(paths, "expiresIn") ?? defaults.ExpiresIn,
            ExpiresAt = Path(paths, "expiresAt") ?? defaults.ExpiresAt,
            RefreshTokenExpiresIn = Path(paths, "refreshTokenExpiresIn") ?? defaults.RefreshTokenExpiresIn,
            TokenType = Path(paths, "tokenType") ?? defaults.TokenType,
            Scope = Path(paths, "scope") ?? defaults.Scope,
            IdToken = Path(paths, "idToken") ?? defaults.IdToken,
            CodeExchangeRoot = Path(fields, "codeExchangeRoot"),
            FixedTokenType = fields.Text("tokenType"),
            Failures = [.. fields.List("failures").Select(marker => new FailureMarker(Required(marker, "path", Path(marker, "path")), Required(marker, "equals", marker.Text("equals"))))],
        };
    }

    private static string Required(DocumentFields fields, string name, string? value)
    {
        if (!fields.Has(name))
            fields.Reject(name, "is missing; expected path and equals, such as path: ok and equals: \"false\"");
        return value ?? "";
    }

    private ExpiryRules ReadExpiry()
    {
        var fields = _root.Object("expiry");
        var rules = new ExpiryRules
        {
            IsInMilliseconds = fields.Choice("unit", false, ("seconds", false), ("milliseconds", true)),
            Default = fields.Duration("default", TimeSpan.FromMinutes(1), MaxLifetime),
            Max = fields.Duration("max", TimeSpan.FromMinutes(1), MaxLifetime),
            ReadsJwt = fields.Flag("jwt"),
            Never = fields.Flag("never"),
            CheckInterval = fields.Duration("checkInterval", TimeSpan.FromMinutes(5), TimeSpan.FromDays(30)) ?? ExpiryRules.DefaultCheckInterval,
            CheckEndpoint = Address(fields, "checkEndpoint"),
        };
        if (rules is { Never: true, Default: not null })
            fields.Reject("never", "cannot be true when default is set; expected one of the two");
        return rules;
    }

    private RotationRules ReadRotation()
    {
        var fields = _root.Object("rotation");
        var untilUsed = fields.Text("grace") == "untilUsed";
        return new RotationRules
        {
            Mode = fields.Choice("mode", RotationMode.Sometimes, ("never", RotationMode.Never), ("sometimes", RotationMode.Sometimes), ("always", RotationMode.Always)),
            Grace = untilUsed ? TimeSpan.MaxValue : fields.Duration("grace", TimeSpan.Zero, MaxLifetime) ?? TimeSpan.Zero,
            OnReplay = fields.Choice<ReplayEffect?>("onReplay", null, ("error", ReplayEffect.Error), ("same", ReplayEffect.Same), ("revokesGrant", ReplayEffect.RevokesGrant)),
        };
    }

    private RefreshTokenLifetime ReadRefreshToken()
    {
        var fields = _root.Object("refreshToken");
        return new RefreshTokenLifetime(fields.Duration("idle", TimeSpan.FromHours(1), MaxLifetime), fields.Duration("absolute", TimeSpan.FromHours(1), MaxLifetime));
    }

    private ErrorRules ReadErrors()
    {
        var fields = _root.Object("errors");
        var defaults = new ErrorRules();
        var errors = new ErrorRules
        {
            CodePaths = Paths(fields, "codePaths") ?? defaults.CodePaths,
            TextPaths = Paths(fields, "textPaths") ?? defaults.TextPaths,
            NumbersPath = Path(fields, "numbersPath"),
        };
        return errors with { Rules = ReadRules(fields, "rules", "errors.rules", errors) };
    }

    private static List<ErrorRule> ReadRules(DocumentFields fields, string name, string path, ErrorRules errors)
    {
        var rules = new List<ErrorRule>();
        foreach (var entry in fields.List(name))
        {
            var rule = new ErrorRule
            {
                Status = entry.Whole("status", 200, 599),
                Code = entry.Text("code"),
                Number = entry.Whole("number", 0, int.MaxValue),
                Text = entry.Text("text"),
                Kind = entry.Choice("class", FailureKind.InvalidResponse, ErrorClasses),
                MinDelay = entry.Duration("minDelay", TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)),
            };
            if (!entry.Has("class"))
                entry.Reject("class", $"is missing; expected one of {string.Join(", ", ErrorClasses.Select(named => named.Name))}");
            if (rule is { Status: null, Code: null, Number: null, Text: null })
                entry.Reject("matches every response; expected at least one of status, code, number and text");
            else if (rule.Status is >= 300 and < 400)
                entry.Reject("can never match: a redirect is never followed, and is always an invalid response");
            else if (rule.Number is not null && errors.NumbersPath is null)
                entry.Reject("can never match: it has a number, and errors.numbersPath is not set");
            else if (rule.Code is not null && errors.CodePaths.Count == 0)
                entry.Reject("can never match: it has a code, and errors.codePaths is empty");
            else if (rules.FindIndex(earlier => earlier.Covers(rule)) is >= 0 and var index)
                entry.Reject($"can never match: {path}[{index}] matches everything that this rule does. Change their order, or remove one of them");
            rules.Add(rule);
        }

        return rules;
    }

    private AssertionRules ReadAssertion(ErrorRules errors)
    {
        var fields = _root.Object("assertion");
        return new AssertionRules
        {
            Lifetime = fields.Duration("lifetime", TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(59)) ?? new AssertionRules().Lifetime,
            ErrorRules = ReadRules(fields, "errorRules", "assertion.errorRules", errors),
        };
    }

    private WorkloadIdentityRules ReadWorkloadIdentity()
    {
        var fields = _root.Object("workloadIdentity");
        return new WorkloadIdentityRules
        {
            AllowsClientAssertion = fields.Flag("clientAssertion"),
            ExchangeEndpoint = Address(fields, "exchangeEndpoint"),
            CredentialsEndpoint = Address(fields, "credentialsEndpoint"),
        };
    }

    /// <summary>The classes of errors in documents, and what they mean.</summary>
    public static IReadOnlyList<(string Name, FailureKind Kind)> Classes => ErrorClasses;

    private static readonly (string Name, FailureKind Kind)[] ErrorClasses =
    [
        ("reauthorize", FailureKind.ReauthorizationRequired),
        ("interaction", FailureKind.SessionPolicyReauth),
        ("configuration", FailureKind.RequestRejected),
        ("client", FailureKind.ClientRejected),
        ("policy", FailureKind.AdminPolicyBlocked),
        ("grant", FailureKind.GrantRejected),
        ("key", FailureKind.KeyRejected),
        ("delegation", FailureKind.NotDelegated),
        ("subject", FailureKind.SubjectRejected),
        ("clock", FailureKind.ClockSkewed),
        ("throttled", FailureKind.RateLimited),
        ("transient", FailureKind.ProviderUnavailable),
    ];

    private RequestLimits ReadLimits()
    {
        var fields = _root.Object("limits");
        var rate = RequestRate.Default;
        var (perClient, clientBurst) = (fields.Number("clientRequestsPerSecond", 0.01, 10_000), fields.Whole("clientBurst", 1, 10_000));
        if (fields.Has("clientBurst") && !fields.Has("clientRequestsPerSecond"))
            fields.Reject("clientRequestsPerSecond", "is missing; expected the number of requests per second of each client");
        return new RequestLimits
        {
            Rate = new RequestRate(fields.Number("requestsPerSecond", 0.01, 10_000) ?? rate.PerSecond, fields.Whole("burst", 1, 10_000) ?? rate.Burst),
            ClientRate = perClient is { } perSecond ? new RequestRate(perSecond, clientBurst ?? 1) : null,
            MinInterval = fields.Duration("minInterval", TimeSpan.Zero, TimeSpan.FromHours(1)) ?? TimeSpan.Zero,
        };
    }

    private Dictionary<string, ExportSource> ReadExport(AuthorizationRules authorization, ResponseRules response)
    {
        string[] secrets = ["access_token", "refresh_token", "id_token", LastName(response.AccessToken), LastName(response.RefreshToken), LastName(response.IdToken)];
        var exports = new Dictionary<string, ExportSource>(StringComparer.Ordinal);
        foreach (var (key, source) in _root.Map("export"))
        {
            var (place, path) = source.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot ? (source[..dot], source[(dot + 1)..]) : (source, "");
            if (!SecretKey().IsMatch(key) || SecretKeys.Contains(key))
                _root.Reject($"export.{key}", $"is not a key that a document can write; expected letters, digits, dots, hyphens and underscores, and none of {string.Join(", ", SecretKeys)}");
            else if ((place == "response" && secrets.Contains(LastName(path))) || (place == "callback" && path == authorization.CodeParameter))
                _root.Reject($"export.{key}", $"is \"{DisplayText.Of(source, 60)}\", which is a secret; expected a value that is none");
            else if (place == "response" && PathPattern().IsMatch(path))
                exports[key] = new ExportSource(ExportPlace.Response, path);
            else if (place == "callback" && authorization.Keep.Contains(path))
                exports[key] = new ExportSource(ExportPlace.Callback, path);
            else if (place == "parameter" && _parameters.TryGetValue(path, out var value))
                exports[key] = new ExportSource(ExportPlace.Parameter, value ?? "");
            else
                _root.Reject($"export.{key}", $"is \"{DisplayText.Of(source, 60)}\"; expected response. and a path, callback. and a name of authorization.keep, or parameter. and the name of a parameter");
        }

        return exports;
    }

    private static string LastName(string path) => path[(path.LastIndexOf('.') + 1)..];

    private RevocationRules? ReadRevocation()
    {
        var fields = _root.Object("revocation");
        var rules = new RevocationRules
        {
            Endpoint = Address(fields, "endpoint", RevocationRules.ClientIdPlaceholder)!,
            Method = fields.Choice("method", HttpMethod.Post, ("POST", HttpMethod.Post), ("DELETE", HttpMethod.Delete)),
            Format = fields.Choice("format", RequestFormat.Form, ("form", RequestFormat.Form), ("json", RequestFormat.Json), ("query", RequestFormat.Query)),
            Authentication = fields.Choice(
                "authentication", RevocationAuthentication.Client,
                ("client", RevocationAuthentication.Client), ("post", RevocationAuthentication.Post), ("basic", RevocationAuthentication.Basic),
                ("token", RevocationAuthentication.Token), ("none", RevocationAuthentication.None)),
            SendsAccessToken = fields.Choice("token", false, ("refreshToken", false), ("accessToken", true)),
            TokenParameter = fields.Text("tokenParameter") ?? "token",
            Parameters = Parameters(fields),
        };
        return rules.Endpoint is null ? null : rules;
    }

    private IdentityRules ReadIdentity()
    {
        var fields = _root.Object("identity");
        return new IdentityRules
        {
            Issuers = [.. (fields.Texts("issuers") ?? []).Select((issuer, index) => Resolved(fields, $"issuers[{index}]", issuer)).OfType<string>()],
            Claim = fields.Text("claim") ?? "email",
            TrustsUnverified = fields.Flag("trustUnverified"),
            ResponsePath = Path(fields, "responsePath"),
        };
    }

    private RequestParameters Parameters(DocumentFields fields)
    {
        var set = fields.MultiMap("parameters")
            .Select(parameter => KeyValuePair.Create(parameter.Key, Resolved(fields, $"parameters.{parameter.Key}", parameter.Value) ?? ""))
            .ToList();
        return new RequestParameters(set, fields.Texts("omit") ?? []);
    }

    private static List<string> Scopes(DocumentFields fields, string name)
    {
        var scopes = fields.Texts(name) ?? [];
        foreach (var scope in scopes.Where(scope => !CredentialSyntax.IsScope(scope)))
            fields.Reject(name, $"has \"{DisplayText.Of(scope, 60)}\"; expected the name of one scope");
        return [.. scopes];
    }

    private static string? Path(DocumentFields fields, string name)
    {
        if (fields.Text(name) is not { } path || PathPattern().IsMatch(path))
            return fields.Text(name);
        fields.Reject(name, $"is \"{DisplayText.Of(path, 60)}\"; expected names with dots between them");
        return null;
    }

    private static IReadOnlyList<string>? Paths(DocumentFields fields, string name)
    {
        var paths = fields.Texts(name);
        foreach (var path in (paths ?? []).Where(path => !PathPattern().IsMatch(path)))
            fields.Reject(name, $"has \"{DisplayText.Of(path, 60)}\"; expected names with dots between them");
        return paths;
    }

    private string? Resolved(DocumentFields fields, string name) => fields.Text(name) is { } template ? Resolved(fields, name, template) : null;

    private string? Resolved(DocumentFields fields, string name, string template)
    {
        // The value itself has been rejected. What it makes of this field says nothing more.
        if (_invalid.Any(parameter => template.Contains($"{{{parameter}}}", StringComparison.Ordinal)))
            return null;
        if (DocumentTemplate.Resolve(template, _parameters, out var error) is { } text)
            return text;
        var missing = _parameters.Where(parameter => parameter.Value is null && template.Contains($"{{{parameter.Key}}}", StringComparison.Ordinal)).Select(parameter => parameter.Key).ToList();
        _missing.UnionWith(missing);
        _missingErrors += missing.Count > 0 ? 1 : 0;
        fields.Reject(name, error!);
        return null;
    }

    /// <summary>An address, or null.</summary>
    /// <param name="fields">The object that has the field.</param>
    /// <param name="name">The field.</param>
    /// <param name="segment">What may stay in braces, as one segment of the path; null: nothing.</param>
    private Uri? Address(DocumentFields fields, string name, string? segment = null)
    {
        if (fields.Text(name) is not { } template)
            return null;
        if (segment is null || !template.Contains(segment, StringComparison.Ordinal))
            return WholeAddress(fields, name, template);

        // With a name in its place, the address shows where it is, and what is wrong with the rest.
        const string Name = "a-segment";
        if (WholeAddress(fields, name, template.Replace(segment, Name, StringComparison.Ordinal)) is not { } example)
            return null;
        if (example.Segments.Count(part => part.TrimEnd('/') == Name) == 1 && example.OriginalString.Split(Name).Length == 2)
            return new Uri(example.OriginalString.Replace(Name, segment, StringComparison.Ordinal));
        fields.Reject(name, $"has {segment} in more than one place, or beside other characters; expected it once, as a whole segment of the path");
        return null;
    }

    private Uri? WholeAddress(DocumentFields fields, string name, string template)
    {
        foreach (var parameter in _addresses.Where(parameter => template.IndexOf($"{{{parameter}}}", StringComparison.Ordinal) > 0))
            fields.Reject(name, $"has the parameter {parameter} after its beginning; a parameter of the type address can only begin an address");
        if (Resolved(fields, name, template) is not { } text)
            return null;
        if (FindAddressError(text) is not { } error)
            return new Uri(text);
        fields.Reject(name, $"is \"{DisplayText.Of(text, 100)}\", which {error}");
        return null;
    }

    private string? FindAddressError(string text) =>
        !Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme is not ("https" or "http") || address.Host.Length == 0
            ? "is not an address; expected one that starts with https://"
        : address.UserInfo.Length > 0 || address.Fragment.Length > 0 || text.Contains('\\', StringComparison.Ordinal)
            ? "has a user name, a password, a fragment (#) or a backslash; expected an address without them"
        : address.Scheme == Uri.UriSchemeHttp && !address.IsLoopback && !_allowsHttp
            ? "is plain http, so that secrets would cross the network unencrypted. Use https://, or set allowInsecureHttp: true if you trust the network"
        : null;

    [GeneratedRegex(@"\A[^.\s]{1,100}(\.[^.\s]{1,100}){0,7}\z", RegexOptions.CultureInvariant)]
    private static partial Regex PathPattern();

    /// <summary>The keys that the API server accepts (IsConfigMapKey in apimachinery).</summary>
    [GeneratedRegex(@"\A(?!\.\z|\.\.)[-._A-Za-z0-9]{1,253}\z", RegexOptions.CultureInvariant)]
    private static partial Regex SecretKey();

    [GeneratedRegex(@"\A[A-Za-z0-9-]{1,100}\z", RegexOptions.CultureInvariant)]
    private static partial Regex HeaderName();

    /// <summary>These belong to the connection, to the encoding of the response, to the client's authentication or to the body.</summary>
    [GeneratedRegex(@"\A(authorization|proxy-.*|host|connection|content-.*|accept-encoding|transfer-encoding|expect|cookie|te|trailer|upgrade)\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex ReservedHeader();
}
