// The messages of conditions that depend on the case: what is wrong, where, and what to do. No I/O.
using KubeRuntime;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Api;

/// <summary>Messages for conditions. They contain names of objects, Secrets, keys, scopes and client IDs, and never a secret.</summary>
public static class ConditionMessages
{
    /// <summary>The object is suspended.</summary>
    public const string Suspended = "spec.suspend is true: the operator does not refresh the token and does not change the Secret. To resume, set it to false.";

    /// <summary>The provider does not exist.</summary>
    public static string UnknownProvider(TokenRequest request, IEnumerable<string> known) =>
        $"spec.provider is \"{Shown(request.Key.Provider)}\", and no provider has this name.{DidYouMean.Suggest(request.Key.Provider, known)} "
        + $"Correct it (docs/providers/README.md lists the built-in providers), or have an administrator add the provider (docs/providers.md). Known are {DisplayText.List(known.Order(StringComparer.Ordinal))}.";

    /// <summary>The provider needs values that nobody has given.</summary>
    /// <param name="provider">The name of the provider.</param>
    /// <param name="origin">Where its document comes from.</param>
    /// <param name="parameters">The parameters that need a value.</param>
    public static string ProviderNotConfigured(string provider, string origin, IReadOnlyList<string> parameters) =>
        $"The provider {Shown(provider)} ({origin}) needs values for {DisplayText.List(parameters)}. An administrator gives them in a ClusterOAuthProvider of this name: "
        + $"spec: {{extends: {Shown(provider)}, parameters: {{{string.Join(", ", parameters.Take(10).Select(parameter => $"{parameter}: ..."))}}}}}, "
        + $"or in the operator's settings: {string.Join(", ", parameters.Take(10).Select(parameter => $"Providers__{Shown(provider)}__Parameters__{parameter}"))}";

    /// <summary>The document of the provider is not valid.</summary>
    /// <param name="origin">Where it comes from, such as <c>ClusterOAuthProvider acme</c>.</param>
    /// <param name="errors">Sentences.</param>
    public static string ProviderInvalid(string origin, IReadOnlyList<string> errors)
    {
        const int MaxErrors = 10;
        var more = errors.Count > MaxErrors ? $" There are {errors.Count - MaxErrors} more errors." : "";
        return $"{Capital(origin)}: {string.Join(" ", errors.Take(MaxErrors))}{more}";
    }

    /// <summary>The document of the provider moves accounts to another host.</summary>
    /// <param name="origin">Where it comes from.</param>
    /// <param name="from">The host that the accounts were last refreshed at.</param>
    /// <param name="to">The host of the document.</param>
    /// <param name="permission">What allows the move: the end of a sentence that starts with "To allow it, ".</param>
    public static string ProviderMoved(string origin, string from, string to, string permission) =>
        $"{Capital(origin)}: the token endpoint moves from {Shown(from)} to {Shown(to)}, so that the tokens and client secrets of accounts in use would be sent there. "
        + $"If that is not intended, restore the address. To allow it, {permission}";

    /// <summary>The command that allows a ClusterOAuthProvider to move.</summary>
    public static string AllowMoveCommand(string provider, string from) =>
        $"run: kubectl annotate clusteroauthprovider {Word(provider)} {V1Beta1ClusterOAuthProvider.MovesFromAnnotation}={Word(from)} --overwrite";

    /// <summary>The line that allows a file to move accounts.</summary>
    public static string AllowMoveLine(string origin, string field, string from) => $"add this line to {origin}: {field}: {Word(from)}";

    /// <summary>The setting that allows settings or the built-in catalogue to move accounts.</summary>
    public static string AllowMoveSetting(string setting, string from) => $"give the operator the setting {setting}={Word(from)}";

    /// <summary>A grant cannot be revoked, because its refresh token would be sent to another host.</summary>
    public static string NotRevokedAfterMove(TokenRequest request, string from, string to) =>
        $"The grant of {request.ShownAccount} is not revoked: it was last refreshed at {Shown(from)}, the token endpoint of the provider is now at {Shown(to)}, "
        + "and no administrator has allowed that move. Revoke it at the provider, or see docs/providers.md, Move a provider to another host.";

    /// <summary>No row that the namespace may use, and no seedSecretRef. The message is the same whether other namespaces have a row or there is none.</summary>
    public static string NoSeed(TokenRequest request) =>
        $"There is no stored refresh token for {request.ShownAccount} that namespace {request.Owner.Namespace} may use, and spec.seedSecretRef is not set. "
        + $"To consent, {Authorize(request)}. If you have a refresh token already, set spec.seedSecretRef to a Secret with it in the key refresh-token, or {SeedCommand(request)}";

    /// <summary>The row has no refresh token.</summary>
    public static string NoRefreshToken(TokenRequest request) =>
        $"The stored row of {request.ShownAccount} has no refresh token. {NewToken(request)}.";

    /// <summary>The namespace may not use the account. The message does not say to whom it belongs.</summary>
    public static string NotAllowed(TokenRequest request) =>
        $"Namespace {request.Owner.Namespace} may not use the account {request.ShownAccount}. An administrator can allow it: "
        + $"token-operator accounts allow {Word(request.Key.Provider)} {Word(request.Key.Account)} --namespace {request.Owner.Namespace}";

    /// <summary>The account belongs to a namespace that had this name before.</summary>
    public static string NamespaceCreatedAgain(TokenRequest request) =>
        $"The namespace {request.Owner.Namespace} was deleted and created again, and the account {request.Key} belongs to the earlier one. "
        + $"Put a token file with the account's current refresh token in {(request.Seed is { } seed ? $"{seed}" : "a Secret, and name it in spec.seedSecretRef")}, or ask an administrator to allow it: "
        + $"token-operator accounts allow {Word(request.Key.Provider)} {Word(request.Key.Account)} --namespace {request.Owner.Namespace} "
        + "(after a restore of the whole cluster: token-operator accounts rebind)";

    /// <summary>The rule of RBAC that lets the operator read a namespace.</summary>
    public const string NamespaceRule = "{apiGroups: [\"\"], resources: [namespaces], verbs: [get]}";

    /// <summary>The operator may not read the namespace.</summary>
    public static string NamespaceForbidden(string ns) =>
        $"The operator may not read the namespace {ns}, so it cannot tell whether the account belongs to this namespace or to an earlier one of this name. "
        + $"Add this rule to the operator's ClusterRole, or to its Role in {ns}: {NamespaceRule}";

    /// <summary>The namespace is gone, and its objects are about to be.</summary>
    public static string NamespaceGone(string ns) => $"The namespace {ns} does not exist any more.";

    /// <summary>An older object with the same account has other inputs of its grant.</summary>
    public static string GrantConflict(TokenRequest request, NamespacedName older) =>
        $"OAuthToken {older} is older and has the same provider and account ({request.Key}) with another grant, other scopes or other inputs, and one account has one token. "
        + "Give this object the same spec.grant, scopes, Secret names and grant block, or create another one with another spec.account.";

    /// <summary>The namespace may not use the operator's identity.</summary>
    public static string WorkloadIdentityNotAllowed(TokenRequest request) =>
        $"Namespace {request.Owner.Namespace} may not use the operator's own identity. An administrator can allow it with the operator's setting WorkloadIdentityNamespaces.";

    /// <summary>The operator has no identity of its own to use.</summary>
    public const string NoWorkloadIdentity =
        "The operator has no identity of its own to use. An administrator mounts a projected ServiceAccount token, and names its file in the operator's setting WorkloadIdentityTokenFile (docs/grants.md).";

    /// <summary>The provider cannot do what the grant asks for.</summary>
    public static string GrantUnsupported(TokenRequest request, string why) => $"spec.grant is {request.Grant.Name}, but {why}. Choose another spec.grant or spec.provider.";

    /// <summary>The namespace has as many accounts as it may have.</summary>
    public static string QuotaExceeded(string ns, long count, int max) =>
        $"Namespace {ns} has {count} accounts, and the operator's setting MaxAccountsPerNamespace allows {max}, so the seed is not imported. An administrator can raise the setting. "
        + "To remove an account that nobody needs, create its OAuthToken again with deletionPolicy Delete, and delete it.";

    /// <summary>The account granted fewer scopes than the spec requests.</summary>
    public static string ScopesMissing(TokenRequest request, IEnumerable<string> missing) =>
        request.Grant.NeedsConsent
            ? $"The account {request.ShownAccount} has not granted {DisplayText.List(missing)}. Consent again with all of spec.scopes. {NewToken(request)}."
            : $"The provider issued a token of {request.ShownAccount} without {DisplayText.List(missing)}. Allow these scopes at the provider, or remove them from spec.scopes. {AfterThat(request)}";

    /// <summary>The seed names another client than <c>spec.clientSecretRef</c>.</summary>
    public static string SeedOfAnotherClient(TokenRequest request, string seedClient, string client) =>
        $"{request.Seed} was obtained with the client {Shown(seedClient)}, but {request.ShownClient} contains the client {Shown(client)}. "
        + "A refresh token works only with the client that obtained it. Use files that belong together.";

    /// <summary>The provider rejected another account of the same client because of the client.</summary>
    public static string ClientRejectedElsewhere(TokenRequest request) =>
        $"The provider rejects the OAuth client in {request.ShownClient} for several accounts, so this one waits for a few minutes. {NewClient(request)}";

    /// <summary>The provider has not answered yet.</summary>
    public static string WaitsForProvider(TokenRequest request) =>
        $"The refresh of {request.ShownAccount} is waiting for its provider, or for its turn: the operator sends a provider at most Concurrency requests at once.";

    /// <summary>The refresh waits for the operator's rate limit.</summary>
    /// <param name="request">What the object asks for.</param>
    /// <param name="limit">Where an administrator finds the limit.</param>
    public static string WaitsForRateLimit(TokenRequest request, string limit) =>
        $"The refresh of {request.ShownAccount} waits because many accounts are due and {limit} limits the requests.";

    /// <summary>The refresh waits for the share of its OAuth client.</summary>
    /// <param name="request">What the object asks for.</param>
    /// <param name="limit">Where an administrator finds the limit.</param>
    public static string WaitsForClientLimit(TokenRequest request, string limit) =>
        $"The refresh of {request.ShownAccount} waits because many accounts of the OAuth client in {request.ShownClient} are due and {limit} limits the requests of each client.";

    /// <summary>A Secret of that name exists, and nothing says that the operator wrote it.</summary>
    public static string SecretOfOthers(NamespacedName secret) =>
        $"Secret {secret} exists and was not created by the operator, so the operator does not change it. Delete it, or choose another spec.secretName.";

    /// <summary>Another OAuthToken owns the Secret.</summary>
    public static string SecretOfOAuthToken(NamespacedName secret, string owner) =>
        $"Secret {secret} belongs to the OAuthToken {Shown(owner)}. Give each OAuthToken its own spec.secretName.";

    /// <summary>Something else has made itself the controller of a Secret that the operator wrote.</summary>
    public static string SecretOfController(NamespacedName secret, string kind, string name) =>
        $"Secret {secret} is controlled by {Shown(kind)} {Shown(name)}, so the operator does not change it. "
        + "Remove that entry from the Secret's metadata.ownerReferences, or choose another spec.secretName.";

    /// <summary>The Secret could not be written this time.</summary>
    public static string SecretNotWritten(NamespacedName secret, string error) => $"Secret {secret} could not be written: {error} The operator retries automatically.";

    /// <summary>Nobody can change the data of the Secret.</summary>
    public static string SecretImmutable(NamespacedName secret) =>
        $"Secret {secret} is immutable, so the operator cannot put a new token in it. If a policy makes Secrets immutable, exempt this one. Then delete it, "
        + $"and the operator writes it again: kubectl delete secret -n {secret.Namespace} {secret.Name}";

    /// <summary>A policy, a quota or missing rights prevent the write.</summary>
    public static string SecretDenied(NamespacedName secret, string error) =>
        $"The API server denies the write of Secret {secret}: {error} Change what denies it. {RetriesDenied}";

    /// <summary>As <see cref="SecretDenied"/>, for a Secret that must go.</summary>
    public static string SecretDeletionDenied(NamespacedName secret, string error) =>
        $"The operator must delete Secret {secret}, and the API server denies it: {error} Change what denies it, or delete the Secret yourself. {RetriesDenied}";

    /// <summary>What the API server said, in one line that ends with a full stop. It can quote what a policy says about <paramref name="secrets"/>.</summary>
    public static string ServerSays(string error, params ReadOnlySpan<SecretValue?> secrets) => Redactor.Of(error, secrets).TrimEnd('.', ' ') + ".";

    private const string RetriesDenied = "The operator retries when the OAuthToken or the Secret changes, and otherwise every 5 minutes.";

    /// <summary>The object is being deleted, and the provider has not answered yet.</summary>
    public static string WaitsForRevocation(TokenRequest request) =>
        $"This OAuthToken is being deleted. The operator waits until the provider has revoked the grant of {request.ShownAccount}. {KeepRow(request)}";

    /// <summary>The object is being deleted, and its policy cannot be carried out yet.</summary>
    public static string CleanupFailed(TokenRequest request, string policy, string cause, string giveUpAt) =>
        $"This OAuthToken is being deleted, and deletionPolicy {policy} cannot be carried out for {request.ShownAccount} yet: {cause} "
        + $"The operator retries until {giveUpAt}, and then deletes the object and keeps the row. {KeepRow(request)}";

    /// <summary>The object is deleted although its policy was not carried out.</summary>
    public static string CleanupAbandoned(TokenRequest request, string policy, string cause) =>
        $"The operator gave up deletionPolicy {policy}, so that the object can be deleted: {cause} The row of {request.ShownAccount} is kept, and the grant may still be valid. "
        + "Revoke the grant at the provider. To have the operator delete the row, create the OAuthToken again and delete it.";

    /// <summary>The command that deletes an object whose policy cannot be carried out.</summary>
    public static string RetainCommand(NamespacedName owner) =>
        $"kubectl patch oauthtoken {Word(owner.Name)} -n {owner.Namespace} --type=merge -p '{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}'";

    private static string KeepRow(TokenRequest request) => $"To delete the object now and keep the row, run: {RetainCommand(request.Owner)}";

    /// <summary>What a failed refresh means, and what to do.</summary>
    /// <param name="request">What the object asks for.</param>
    /// <param name="failure">The failure.</param>
    /// <param name="needsHuman">True if someone must act.</param>
    public static string Failure(TokenRequest request, RefreshFailure failure, bool needsHuman)
    {
        if (failure.Kind.NeedsHuman() && !needsHuman)
            return $"The provider rejects the refresh of {request.ShownAccount} ({failure.Detail}). Such an answer can be wrong: the operator asks again at {Timestamps.Format(failure.RetryAt)}. The token is valid until then.";
        if (needsHuman && !failure.Kind.NeedsHuman())
        {
            return $"The provider has rejected the refresh of {request.ShownAccount} {failure.Count} times with an answer that the operator does not know ({failure.Detail}). Look it up in the provider's documentation. "
                + (request.Grant.NeedsConsent ? $"If the consent has ended, this helps. {NewToken(request)}." : AfterThat(request));
        }

        return ReasonInfo.Of(failure.Kind.ToString()).FailureMessage is { } message
            ? message(request, failure)
            : throw new ArgumentOutOfRangeException(nameof(failure), failure.Kind, "There is no message for this kind of failure.");
    }

    /// <summary>The end of a message about a failure that needs no action.</summary>
    internal static string Retries(RefreshFailure failure) => $"This is consecutive failure {failure.Count}; the operator retries automatically.";

    /// <summary>How to obtain and provide another refresh token.</summary>
    internal static string NewToken(TokenRequest request) =>
        request.Seed is { } seed
            ? $"To consent again, {Authorize(request)}, or put a new token file in {seed}"
            : $"To consent again, {Authorize(request)}, or, to import a new token file, {SeedCommand(request)}";

    private static string Authorize(TokenRequest request) =>
        $"run: kubectl oauthtoken authorize {Word(request.Owner.Name)} -n {request.Owner.Namespace}";

    private static string SeedCommand(TokenRequest request) =>
        $"run: token-operator seed FILE --provider {Word(request.Key.Provider)} --account {Word(request.Key.Account)} --namespace {request.Owner.Namespace}";

    /// <summary>How to correct the client.</summary>
    internal static string NewClient(TokenRequest request) =>
        !request.Grant.NeedsConsent ? $"Compare it with the provider's console, and clientAuthentication in the provider's document with what the provider expects. {AfterThat(request)}"
        : $"Compare it with the provider's console, and clientAuthentication in the provider's document with what the provider expects. If other accounts of this client work, the refresh token of this one belongs to another client. {NewToken(request)}. To retry without a change: {Retry(request)}";

    /// <summary>The fields of the spec that decide what a grant without a consent asks for.</summary>
    internal static string GrantFields(TokenRequest request) => request.Grant switch
    {
        Grant.ClientCredentials => $"spec.scopes, spec.clientCredentials and {request.Credentials}",
        Grant.JwtBearer => $"spec.scopes, spec.jwtBearer and {request.Credentials}",
        Grant.GitHubApp => $"spec.githubApp and {request.Credentials}",
        Grant.WorkloadIdentity => "spec.scopes, spec.workloadIdentity and the trust in the operator's ServiceAccount (docs/grants.md)",
        _ => $"{request.Credentials}",
    };

    /// <summary>What to do when the cause is removed at the provider, where the operator does not notice it.</summary>
    internal static string AfterThat(TokenRequest request) => $"To retry at once: {Retry(request)}";

    /// <summary>The command that requests a refresh.</summary>
    internal static string Retry(TokenRequest request) =>
        $"kubectl annotate oauthtoken -n {request.Owner.Namespace} {request.Owner.Name} tokenoperator.dev/refresh-requested-at=\"$(date)\" --overwrite";

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    private static string Shown(string text) => DisplayText.Of(text, TokenRequest.MaxShownLength);

    // Users copy these lines into a shell, often with more permissions than the author of the spec has.
    private static string Word(string text) => DisplayText.ShellWord(text);
}
