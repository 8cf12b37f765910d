// The messages of conditions that depend on the case: what is wrong, where, and what to do. No I/O.
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
        $"spec.provider is \"{Shown(request.Key.Provider)}\"; the providers of this operator are {string.Join(", ", known.Order(StringComparer.Ordinal))}. "
        + "Correct it, or add the provider to the operator's settings (Providers__NAME__TokenEndpoint).";

    /// <summary>No row that the namespace may use, and no seedSecretRef. The message is the same whether other namespaces have a row or there is none.</summary>
    public static string NoSeed(TokenRequest request) =>
        $"There is no stored refresh token for {request.Key} that namespace {request.Owner.Namespace} may use, and spec.seedSecretRef is not set. "
        + $"Set it to a Secret with a token file, or {SeedCommand(request)}";

    /// <summary>The row has no refresh token.</summary>
    public static string NoRefreshToken(TokenRequest request) =>
        $"The stored row of {request.Key} has no refresh token. {NewToken(request)}.";

    /// <summary>The namespace may not use the account. The message does not say to whom it belongs.</summary>
    public static string NotAllowed(TokenRequest request) =>
        $"Namespace {request.Owner.Namespace} may not use the account {request.Key}. An administrator can allow it: "
        + $"token-operator accounts allow {Word(request.Key.Provider)} {Word(request.Key.Account)} --namespace {request.Owner.Namespace}";

    /// <summary>The account granted fewer scopes than the spec requests.</summary>
    public static string ScopesMissing(TokenRequest request, IEnumerable<string> missing) =>
        $"The account {request.Key} has not granted {string.Join(", ", missing)}. Consent again with all of spec.scopes. {NewToken(request)}.";

    /// <summary>The seed names another client than <c>spec.clientSecretRef</c>.</summary>
    public static string SeedOfAnotherClient(TokenRequest request, string seedClient, string client) =>
        $"{request.Seed} was obtained with the client {Shown(seedClient)}, but {request.Client} contains the client {Shown(client)}. "
        + "A refresh token works only with the client that obtained it. Use files that belong together.";

    /// <summary>The provider rejected another account of the same client because of the client.</summary>
    public static string ClientRejectedElsewhere(TokenRequest request) =>
        $"The provider rejects the OAuth client in {request.Client} for several accounts, so this one waits for a few minutes. {NewClient(request)}";

    /// <summary>The provider has not answered yet.</summary>
    public static string WaitsForProvider(TokenRequest request) =>
        $"The refresh of {request.Key} is waiting for its provider, or for its turn: the operator sends a provider at most Concurrency requests at once.";

    /// <summary>The refresh waits for the operator's rate limit.</summary>
    public static string WaitsForRateLimit(TokenRequest request) =>
        $"The refresh of {request.Key} waits because many accounts are due and Providers__{request.Key.Provider}__RequestsPerSecond limits the requests.";

    /// <summary>What a failed refresh means, and what to do.</summary>
    /// <param name="request">What the object asks for.</param>
    /// <param name="failure">The failure.</param>
    /// <param name="needsHuman">True if someone must act.</param>
    public static string Failure(TokenRequest request, RefreshFailure failure, bool needsHuman)
    {
        if (failure.Kind.NeedsHuman() && !needsHuman)
            return $"The provider rejects the refresh of {request.Key} ({failure.Detail}). Such an answer can be wrong: the operator asks again at {Timestamps.Format(failure.RetryAt)}. The token is valid until then.";
        if (needsHuman && !failure.Kind.NeedsHuman())
            return $"The provider has rejected the refresh of {request.Key} {failure.Count} times with an answer that the operator does not know ({failure.Detail}). Look it up in the provider's documentation. If the consent has ended: {NewToken(request)}.";
        return ReasonInfo.Of(failure.Kind.ToString()).FailureMessage is { } message
            ? message(request, failure)
            : throw new ArgumentOutOfRangeException(nameof(failure), failure.Kind, "There is no message for this kind of failure.");
    }

    /// <summary>The end of a message on a failure that needs nobody.</summary>
    internal static string Retries(RefreshFailure failure) => $"This is consecutive failure {failure.Count}; the operator retries automatically.";

    /// <summary>How to obtain and provide another refresh token.</summary>
    internal static string NewToken(TokenRequest request) =>
        request.Seed is { } seed
            ? $"{Authorize(request)}, or put a new token file in {seed}"
            : $"{Authorize(request)}, or, to import a new token file, {SeedCommand(request)}";

    private static string Authorize(TokenRequest request) =>
        $"Run: kubectl oauthtoken authorize {Word(request.Owner.Name)} -n {request.Owner.Namespace}";

    private static string SeedCommand(TokenRequest request) =>
        $"run: token-operator seed FILE --provider {Word(request.Key.Provider)} --account {Word(request.Key.Account)} --namespace {request.Owner.Namespace}";

    /// <summary>How to correct the client.</summary>
    internal static string NewClient(TokenRequest request) =>
        $"Compare it with the provider's console and correct it. If other accounts of this client work, the refresh token of this one belongs to another client: {NewToken(request)}. To retry without a change: {Retry(request)}";

    /// <summary>The command that requests a refresh.</summary>
    internal static string Retry(TokenRequest request) =>
        $"kubectl annotate oauthtoken -n {request.Owner.Namespace} {request.Owner.Name} tokenoperator.dev/refresh-requested-at=\"$(date)\" --overwrite";

    private static string Shown(string text) => DisplayText.Of(text, 100);

    // Users copy these lines into a shell, often with more permissions than the author of the spec has.
    private static string Word(string text) => DisplayText.ShellWord(text);
}
