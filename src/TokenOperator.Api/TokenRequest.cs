// Reads a spec: fills in defaults, or reports what is not valid in one sentence. No I/O.
using System.Text.RegularExpressions;
using KubeRuntime;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Api;

/// <summary>A valid spec with its defaults filled in.</summary>
public sealed partial record TokenRequest
{
    /// <summary>The maximum length of an account's name, in characters.</summary>
    public const int MaxAccountLength = 256;

    /// <summary>The maximum number of labels in a template, and of annotations.</summary>
    public const int MaxTemplateEntries = 32;

    /// <summary>The maximum length of an annotation in a template, in characters.</summary>
    public const int MaxAnnotationLength = 1024;

    /// <summary>docs/security.md promises that a message shows no more of a field.</summary>
    internal const int MaxShownLength = 100;

    private const int MaxNameLength = 317;
    private const int MaxLabelLength = 63;
    private const int MaxRequestLength = 256;
    private const int MaxProviderLength = 63;

    /// <summary>The OAuthToken.</summary>
    public required NamespacedName Owner { get; init; }

    /// <summary>The account.</summary>
    public required AccountKey Key { get; init; }

    /// <summary>The account as messages show it.</summary>
    public string ShownAccount => DisplayText.Of(Key.ToString(), MaxShownLength);

    /// <summary>How the token is obtained.</summary>
    public Grant Grant { get; init; } = Grant.RefreshToken.Instance;

    /// <summary>The key with the OAuth client; null for a grant without one.</summary>
    public SecretKey? Client { get; init; }

    /// <summary>True if the spec names the key of <see cref="Client"/>.</summary>
    public bool NamesClientKey { get; init; }

    /// <summary>The key with the private key that signs assertions; null for a grant without one.</summary>
    public SecretKey? SigningKey { get; init; }

    /// <summary>Where the OAuth client is, for messages: the key only if the spec names it, because the Secret can have a key for each value instead.</summary>
    public string ShownClient => NamesClientKey ? $"{Client}" : $"Secret {Client?.Secret}";

    /// <summary>What proves who asks, for messages.</summary>
    public string Credentials => SigningKey?.ToString() ?? (Client is null ? "the operator's ServiceAccount" : ShownClient);

    /// <summary>Identifies what the token must have been issued for. Null if any token of the account will do: see <see cref="Core.Tokens.Grant.InputsFingerprint"/>.</summary>
    public string? GrantInputs => Grant.InputsFingerprint(Scopes, Client?.Name, Client?.Key, SigningKey?.Name, SigningKey?.Key);

    /// <summary>The key with the seed, or null.</summary>
    public SecretKey? Seed { get; init; }

    /// <summary>Scopes that the token must have.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>Who must have consented, or null.</summary>
    public string? Identity { get; init; }

    /// <summary>The lifetime that is left when a refresh is due.</summary>
    public TimeSpan RefreshBefore { get; init; } = RefreshPolicy.DefaultRefreshBefore;

    /// <summary>The name of the Secret to write, in the namespace of the object.</summary>
    public required string SecretName { get; init; }

    /// <summary>Labels for the Secret.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = None;

    /// <summary>Annotations for the Secret.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = None;

    /// <summary>True: the Secret stays when the object is deleted, so it has no owner reference.</summary>
    public bool OrphansSecret { get; init; }

    /// <summary>True: change nothing.</summary>
    public bool Suspended { get; init; }

    private static readonly Dictionary<string, string> None = [];

    /// <summary>Reads the spec of <paramref name="entity"/>. The CRD already rejects most errors, but not on every server and not for objects that are older than it.</summary>
    /// <param name="entity">The object.</param>
    /// <param name="error">When the result is null: which field, what was found and what was expected.</param>
    public static TokenRequest? From(V1Beta1OAuthToken entity, out string error)
    {
        var spec = entity.Spec;
        error = Check(spec, SecretNameOf(entity)) ?? CheckUnchanged("provider", spec.Provider, entity.Status?.Provider) ?? CheckUnchanged("account", spec.Account, entity.Status?.Account) ?? "";
        if (error.Length > 0 || GrantReader.Read(spec, out error) is not { } grant)
            return null;

        var ns = entity.Metadata.NamespaceProperty;
        return new TokenRequest
        {
            Owner = entity.Key(),
            Key = new AccountKey(spec.Provider!, spec.Account!),
            Grant = grant,
            Client = At(ns, spec.ClientSecretRef, "credentials.json"),
            NamesClientKey = spec.ClientSecretRef?.Key is not null,
            SigningKey = At(ns, GrantReader.KeyOf(spec), "private-key"),
            Seed = At(ns, spec.SeedSecretRef, "token.json"),
            Scopes = spec.Scopes ?? [],
            Identity = spec.Identity,
            RefreshBefore = DurationText.TryParse(spec.RefreshBefore, out var before) ? before : RefreshPolicy.DefaultRefreshBefore,
            SecretName = SecretNameOf(entity),
            Labels = spec.SecretTemplate?.Labels ?? None,
            Annotations = spec.SecretTemplate?.Annotations ?? None,
            OrphansSecret = Orphans(entity),
            Suspended = spec.Suspend ?? false,
        };
    }

    /// <summary>The account that the object has used, or, before that, the one that its spec names. Empty where the spec has none.</summary>
    public static AccountKey UsedKey(V1Beta1OAuthToken entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        return new AccountKey(entity.Status?.Provider ?? entity.Spec?.Provider ?? "", entity.Status?.Account ?? entity.Spec?.Account ?? "");
    }

    /// <summary>The object with the account that it has used, whatever its spec names now.</summary>
    public static V1Beta1OAuthToken WithUsedAccount(V1Beta1OAuthToken entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        return entity is { Spec: { } spec, Status: { Provider: { } provider, Account: { } account } } && (spec.Provider != provider || spec.Account != account)
            ? new V1Beta1OAuthToken
            {
                ApiVersion = entity.ApiVersion,
                Kind = entity.Kind,
                Metadata = entity.Metadata,
                Spec = spec with { Provider = provider, Account = account },
                Status = entity.Status,
            }
            : entity;
    }

    /// <summary>Stands for a spec that is not valid: it names the object and its Secret, and asks for nothing.</summary>
    public static TokenRequest Invalid(V1Beta1OAuthToken entity) => new()
    {
        Owner = entity.Key(),
        Key = new AccountKey("", ""),
        SecretName = SecretNameOf(entity),
        OrphansSecret = Orphans(entity),
    };

    /// <summary>The name of the Secret, also for a spec that is otherwise not valid.</summary>
    public static string SecretNameOf(V1Beta1OAuthToken entity) =>
        string.IsNullOrEmpty(entity.Spec?.SecretName) ? entity.Metadata.Name : entity.Spec.SecretName;

    /// <summary>
    /// Removes from an object what the operator does not read, and cuts what is longer than it may be, so that it is still recognized as too long. An
    /// object can have more than a megabyte, and memory holds all of them. An object that is older than the limits of the CRD can exceed them.
    /// </summary>
    public static V1Beta1OAuthToken Shrink(V1Beta1OAuthToken entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        if (entity.Metadata is { } metadata)
        {
            var requested = metadata.Annotations is { } annotations && annotations.TryGetValue(V1Beta1OAuthToken.RefreshRequestedAnnotation, out var value) ? value : null;
            metadata.Annotations = requested is null ? null : new Dictionary<string, string> { [V1Beta1OAuthToken.RefreshRequestedAnnotation] = Cut(requested, MaxRequestLength) };
            metadata.Labels = null;
            metadata.OwnerReferences = null;
            metadata.ManagedFields = null;
        }

        if (entity.Spec?.SecretTemplate is { } template)
        {
            entity.Spec = entity.Spec with
            {
                SecretTemplate = new V1Beta1OAuthToken.Template { Labels = Cut(template.Labels, MaxLabelLength), Annotations = Cut(template.Annotations, MaxAnnotationLength) },
            };
        }

        return entity;
    }

    private static string Cut(string text, int maxLength) => text.Length > maxLength ? text[..maxLength] : text;

    /// <summary>One entry and one character more than allowed show that there were too many.</summary>
    private static Dictionary<string, string>? Cut(IReadOnlyDictionary<string, string>? entries, int maxLength)
    {
        if (entries is null)
            return null;
        var kept = new Dictionary<string, string>();
        foreach (var (name, value) in entries.Take(MaxTemplateEntries + 1))
            kept[Cut(name, MaxNameLength + 1)] = value is null ? value! : Cut(value, maxLength + 1);
        return kept;
    }

    private static bool Orphans(V1Beta1OAuthToken entity) => entity.Spec?.SecretDeletionPolicy == "Orphan";

    private static SecretKey? At(string ns, V1Beta1OAuthToken.SecretKeyRef? named, string defaultKey) =>
        named is null ? null : new SecretKey(ns, named.Name!, named.Key ?? defaultKey);

    private static string? Check(V1Beta1OAuthToken.EntitySpec? spec, string secretName) =>
        spec is null ? "spec is missing."
        : string.IsNullOrEmpty(spec.Provider) ? "spec.provider is empty; expected the name of a provider, such as google."
        : !DisplayText.IsPrintable(spec.Provider) || spec.Provider.Length > MaxProviderLength ? $"spec.provider is \"{Shown(spec.Provider)}\"; expected the name of a provider, such as google."
        : string.IsNullOrWhiteSpace(spec.Account) ? "spec.account is empty; expected the account's name, such as marcus."
        : spec.Account.Length > MaxAccountLength ? $"spec.account has {spec.Account.Length} characters; expected at most {MaxAccountLength}."
        : !DisplayText.IsPrintable(spec.Account) ? "spec.account has a control character; expected printable characters."
        : spec.SeedSecretRef is { Name: null or "" } ? "spec.seedSecretRef.name is empty; expected the name of the Secret with the token file."
        : spec.Identity is { } identity && (string.IsNullOrWhiteSpace(identity) || identity.Length > Core.Tokens.Identity.MaxLength || !DisplayText.IsPrintable(identity))
            ? $"spec.identity is \"{Shown(identity)}\"; expected an email address, or a subject as in the provider's id_token."
        : spec.Scopes?.FirstOrDefault(scope => !ScopeToken().IsMatch(scope ?? "")) is { } scope
            ? $"spec.scopes has \"{Shown(scope)}\"; expected the name of one scope, without spaces, quotation marks, backslashes and control characters."
        : CheckSecretName(spec, secretName) ?? CheckDuration(spec.RefreshBefore) ?? CheckTemplate(spec.SecretTemplate)
        ?? (spec.DeletionPolicy is null or "Retain" or "Delete" or "Revoke"
            ? null
            : $"spec.deletionPolicy is \"{Shown(spec.DeletionPolicy)}\"; expected Retain, Delete or Revoke.")
        ?? (spec.SecretDeletionPolicy is null or "Delete" or "Orphan"
            ? null
            : $"spec.secretDeletionPolicy is \"{Shown(spec.SecretDeletionPolicy)}\"; expected Delete or Orphan.");

    /// <summary>An object that changed its account would leave the row of the old one behind, and its Secret would go to apps that expect the old one.</summary>
    private static string? CheckUnchanged(string field, string? now, string? used) =>
        used is null || used == now
            ? null
            : $"spec.{field} was {DisplayText.Of(used, MaxShownLength)} and cannot change. Change it back, or delete this OAuthToken and create another one.";

    /// <summary>The operator would refuse to write such a Secret, and the message about that suggests to delete it.</summary>
    private static string? CheckSecretName(V1Beta1OAuthToken.EntitySpec spec, string secretName) =>
        (spec.ClientSecretRef?.Name == secretName ? "spec.clientSecretRef"
            : spec.SeedSecretRef?.Name == secretName ? "spec.seedSecretRef"
            : GrantReader.KeyOf(spec)?.Name == secretName ? "the grant"
            : null) is { } field
            ? $"spec.secretName is \"{Shown(secretName)}\"{(string.IsNullOrEmpty(spec.SecretName) ? ", the name of this object, because it is not set" : "")}, and {field} names the same Secret. "
                + "The operator writes the token to a Secret of its own: set spec.secretName to another name."
            : null;

    private static string? CheckDuration(string? text) =>
        text is null ? null
        : !DurationText.TryParse(text, out var duration) ? $"spec.refreshBefore is \"{Shown(text)}\"; expected a duration such as 15m or 1h30m."
        : duration < RefreshPolicy.MinRefreshBefore ? $"spec.refreshBefore is \"{Shown(text)}\"; expected at least 1m."
        : null;

    private static string? CheckTemplate(V1Beta1OAuthToken.Template? template)
    {
        foreach (var (field, entries) in new[] { ("labels", template?.Labels), ("annotations", template?.Annotations) })
        {
            if (entries?.Count > MaxTemplateEntries)
                return $"spec.secretTemplate.{field} has more than {MaxTemplateEntries} entries; expected at most {MaxTemplateEntries}.";
            foreach (var (name, value) in entries ?? None)
            {
                if (name.StartsWith(V1Beta1OAuthToken.GroupName + "/", StringComparison.Ordinal) || name == "app.kubernetes.io/managed-by")
                    return $"spec.secretTemplate.{field} sets \"{Shown(name)}\", which the operator sets itself; remove it.";
                if (!QualifiedName().IsMatch(name))
                    return $"spec.secretTemplate.{field} has the name \"{Shown(name)}\"; expected a Kubernetes name such as example.com/team.";
                if (value is null)
                    return $"spec.secretTemplate.{field}[\"{Shown(name)}\"] has no value; expected text.";
                if (value.Length > MaxAnnotationLength)
                    return $"spec.secretTemplate.{field}[\"{Shown(name)}\"] has more than {MaxAnnotationLength} characters; expected at most {MaxAnnotationLength}.";
                if (field == "labels" && !LabelValue().IsMatch(value))
                    return $"spec.secretTemplate.labels[\"{Shown(name)}\"] is \"{Shown(value)}\"; expected at most 63 letters, digits, '-', '_' or '.'.";
            }
        }

        return null;
    }

    private static string Shown(string text) => DisplayText.Of(text, 60);

    [GeneratedRegex(@"\A([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex QualifiedName();

    // RFC 6749 section 3.3, as the CRD has it.
    [GeneratedRegex(@"\A[\x21\x23-\x5b\x5d-\x7e]{1,512}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ScopeToken();

    [GeneratedRegex(@"\A([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex LabelValue();
}

/// <summary>A key of a Secret.</summary>
/// <param name="Namespace">Namespace of the Secret.</param>
/// <param name="Name">Name of the Secret.</param>
/// <param name="Key">Key in it.</param>
public readonly record struct SecretKey(string Namespace, string Name, string Key)
{
    /// <summary>The Secret.</summary>
    public NamespacedName Secret => new(Namespace, Name);

    /// <inheritdoc/>
    public override string ToString() => $"Secret {Namespace}/{Name}, key {Key}";
}
