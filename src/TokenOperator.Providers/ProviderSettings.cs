using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers;

/// <summary>Reads the settings <c>Providers__NAME__*</c>.</summary>
public static partial class ProviderSettings
{
    private const string Prefix = "Providers__";

    private static readonly Setting<Uri?> TokenEndpoint = Setting.Address(
        Prefix + "NAME__TokenEndpoint",
        "Address for refresh requests. It adds a provider `NAME` that uses the same protocol, or makes `google` use a compatible server.",
        "google: Google's", "an absolute address that starts with https://");

    private static readonly Setting<Uri?> RevocationEndpoint = Setting.Address(
        Prefix + "NAME__RevocationEndpoint", "Address for revocation requests.", "google: Google's, with Google's token endpoint", TokenEndpoint.Expected);

    private static readonly Setting<Uri?> AuthorizationEndpoint = Setting.Address(
        Prefix + "NAME__AuthorizationEndpoint", "Address where a person gives consent: [authorize.md](authorize.md).", "google: Google's", TokenEndpoint.Expected);

    private static readonly Setting<IReadOnlyList<string>> ConsentScopes = Setting.List(
        Prefix + "NAME__ConsentScopes", "Scopes to request at a consent in addition to `spec.scopes`.", ' ', "scopes, separated by spaces",
        CredentialSyntax.IsScope, "`openid email offline_access`; google without the last");

    private static readonly Setting<string?> Issuer = Setting.Text(
        Prefix + "NAME__Issuer", "The value that `iss` of an id_token must have after a consent. If it is not set, `iss` is not checked.",
        defaultText: "google's at Google's token endpoint");

    private static readonly Setting<int> TimeoutSeconds = Setting.Number(
        Prefix + "NAME__TimeoutSeconds",
        "Longest wait for a response. Keep it much shorter than `refreshBefore`: a request on a connection that died silently takes this long before the operator sends it again.",
        (int)ProviderOptions.Google.Timeout.TotalSeconds, 1, 300);

    private static readonly Setting<bool> RotatesRefreshTokens = Setting.Flag(
        Prefix + "NAME__RotatesRefreshTokens",
        "Whether the provider sends new refresh tokens. While Postgres is unavailable, the operator asks only providers that do not, because it could not store a new refresh token.",
        true, "`true`; google `false`");

    private static readonly Setting<double> RequestsPerSecond = Setting.Number(
        Prefix + "NAME__RequestsPerSecond",
        "Average number of requests per second, over all accounts. When requests must wait, namespaces take turns, and in a namespace the account with the earliest expiry goes first.",
        RequestRate.Default.PerSecond, 0.01, 10_000);

    private static readonly Setting<int> Burst = Setting.Number(
        Prefix + "NAME__Burst", "Number of requests that the operator can send at once after a pause.", RequestRate.Default.Burst, 1, 10_000);

    private static readonly Setting<bool> AllowInsecureHttp = Setting.Flag(
        Prefix + "NAME__AllowInsecureHttp", "`true` allows an `http://` address that is not on the same machine.", false);

    /// <summary>Not about one provider: the folder with documents.</summary>
    public static Setting<string?> Folder { get; } = Setting.Text(
        "ProviderFolder", "Folder with a document for each provider, such as a mounted ConfigMap. The operator reads it again when a file changes: [providers.md](providers.md).", expected: "a folder");

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } =
    [
        Folder, TokenEndpoint, RevocationEndpoint, AuthorizationEndpoint, ConsentScopes, Issuer, TimeoutSeconds, RotatesRefreshTokens, RequestsPerSecond, Burst, AllowInsecureHttp,
    ];

    /// <summary>Google, whether configured or not, and every other provider that has a setting.</summary>
    /// <exception cref="InvalidSettingException">A name, an address or a number is not valid.</exception>
    public static IReadOnlyList<ProviderOptions> Read(IConfiguration configuration) => SettingsReader.Read(configuration, Read);

    /// <summary>The same; records what is wrong in <paramref name="reader"/> and leaves out a provider without an address.</summary>
    public static IReadOnlyList<ProviderOptions> Read(SettingsReader reader)
    {
        var names = reader.NamesUnder(Prefix).ToDictionary(name => name.ToLowerInvariant());
        var google = Read(reader, names.GetValueOrDefault(ProviderOptions.Google.Name, ProviderOptions.Google.Name), ProviderOptions.Google);
        var others = names.Where(name => name.Key != ProviderOptions.Google.Name).OrderBy(name => name.Key, StringComparer.Ordinal).Select(name => Read(reader, name.Value, null));
        return [.. others.Prepend(google).OfType<ProviderOptions>()];
    }

    private static ProviderOptions? Read(SettingsReader reader, string name, ProviderOptions? defaults)
    {
        if (!NamePattern().IsMatch(name.ToLowerInvariant()))
        {
            reader.Reject($"The setting {Prefix}{name} has a name that no provider can have; expected 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit.");
            return null;
        }

        var allowsHttp = reader.Get(AllowInsecureHttp, name);
        var endpoint = Address(reader, TokenEndpoint, name, allowsHttp);
        if (endpoint is null && defaults is null && reader.IsAbsent(TokenEndpoint, name))
            reader.Reject(TokenEndpoint, name, "is missing; expected the address of the provider's token endpoint");
        var issuer = reader.Get(Issuer, name);
        var options = new ProviderOptions
        {
            Name = name.ToLowerInvariant(),
            TokenEndpoint = (endpoint ?? defaults?.TokenEndpoint)!,
            AuthorizationEndpoint = Address(reader, AuthorizationEndpoint, name, allowsHttp) ?? defaults?.AuthorizationEndpoint,
            ConsentScopes = reader.Get(ConsentScopes, name, defaults?.ConsentScopes ?? ProviderOptions.DefaultConsentScopes),
            // Another address than the default's has another issuer.
            Issuers = issuer is not null ? [issuer] : endpoint is null ? defaults?.Issuers ?? [] : [],
            // A token of another server must not be sent to the default's.
            RevocationEndpoint = Address(reader, RevocationEndpoint, name, allowsHttp) ?? (endpoint is null ? defaults?.RevocationEndpoint : null),
            Timeout = TimeSpan.FromSeconds(reader.Get(TimeoutSeconds, name)),
            RotatesRefreshTokens = reader.Get(RotatesRefreshTokens, name, defaults?.RotatesRefreshTokens ?? true),
            Rate = new RequestRate(reader.Get(RequestsPerSecond, name), reader.Get(Burst, name)),
        };
        return options.TokenEndpoint is null ? null : options;
    }

    private static Uri? Address(SettingsReader reader, Setting<Uri?> setting, string name, bool allowsHttp)
    {
        if (reader.Get(setting, name) is not { } address)
            return null;
        if (address.UserInfo.Length > 0 || address.Fragment.Length > 0)
            reader.Reject(setting, name, "has a user name, a password or a fragment (#); expected an address without them");
        else if (address.Scheme == Uri.UriSchemeHttp && !address.IsLoopback && !allowsHttp)
        {
            reader.Reject(setting, name, "is plain http: client secrets and refresh tokens would cross the network unencrypted. "
                + $"Use https://, or set {AllowInsecureHttp.NameFor(name)}=true if you trust the network");
        }

        return address;
    }

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
