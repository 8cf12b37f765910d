// Every sentence that a status shows: what is wrong, where, and what to do. No I/O.
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Api;

/// <summary>Messages for conditions. They hold names of objects, Secrets, keys, scopes and client ids, and never anything secret.</summary>
public static class ConditionMessages
{
    /// <summary>For a suspended object.</summary>
    public const string Suspended = "spec.suspend is true: the token is not refreshed and the Secret is left as it is. Set it to false to go on.";

    /// <summary>No such provider.</summary>
    public static string UnknownProvider(TokenRequest request, IEnumerable<string> known) =>
        $"spec.provider is \"{Shown(request.Key.Provider)}\"; this operator knows {string.Join(", ", known.Order(StringComparer.Ordinal))}. "
        + "Correct it, or add the provider to the operator's settings (Providers__NAME__TokenEndpoint).";

    /// <summary>No row that the namespace may use, and no seedSecretRef. The same words whether there is a row of others or none.</summary>
    public static string NoSeed(TokenRequest request) =>
        $"No refresh token is stored for {request.Key} that namespace {request.Owner.Namespace} may use, and spec.seedSecretRef is not set. "
        + $"Set it to a Secret with a token file, or {SeedCommand(request)}";

    /// <summary>A row without a refresh token.</summary>
    public static string NoRefreshToken(TokenRequest request) =>
        $"The stored row of {request.Key} has no refresh token. {NewToken(request)}.";

    /// <summary>The namespace may not use the account. Says nothing about whom it belongs to.</summary>
    public static string NotAllowed(TokenRequest request) =>
        $"Namespace {request.Owner.Namespace} may not use the account {request.Key}. An administrator can allow it: "
        + $"token-operator accounts allow {Word(request.Key.Provider)} {Word(request.Key.Account)} --namespace {request.Owner.Namespace}";

    /// <summary>Fewer scopes than asked for.</summary>
    public static string ScopesMissing(TokenRequest request, IEnumerable<string> missing) =>
        $"The account {request.Key} has not granted {string.Join(", ", missing)}. Consent again with all of spec.scopes. {NewToken(request)}.";

    /// <summary>The seed names another client than clientSecretRef.</summary>
    public static string SeedOfAnotherClient(TokenRequest request, string seedClient, string client) =>
        $"{request.Seed} was obtained with the client {Shown(seedClient)}, but {request.Client} holds the client {Shown(client)}. "
        + "A refresh token works only with the client that obtained it: put matching files there.";

    /// <summary>Another account of the same client was refused because of the client.</summary>
    public static string ClientRejectedElsewhere(TokenRequest request) =>
        $"The provider refuses the OAuth client in {request.Client}. {NewClient(request)}";

    /// <summary>The provider has not answered yet.</summary>
    public static string WaitsForProvider(TokenRequest request) =>
        $"The refresh of {request.Key} is waiting for its provider, or for its turn: the operator sends a provider at most Concurrency requests at once.";

    /// <summary>The operator's own limit.</summary>
    public static string WaitsForRateLimit(TokenRequest request) =>
        $"The refresh of {request.Key} waits for its turn: many accounts are due, and the operator keeps to Providers__{request.Key.Provider}__RequestsPerSecond.";

    /// <summary>What a failed refresh means for a person.</summary>
    public static string Failure(TokenRequest request, RefreshFailure failure) => failure.Kind switch
    {
        FailureKind.ReauthorizationRequired =>
            $"The refresh token of {request.Key} is dead ({failure.Detail}): a person must consent again. {NewToken(request)}.",
        FailureKind.SessionPolicyReauth =>
            $"The organisation's session length for {request.Key} has ended ({failure.Detail}): a person must sign in again. {NewToken(request)}. "
            + "To stop this, have the administrator exempt the application from Google Cloud session control.",
        FailureKind.AdminPolicyBlocked =>
            $"An administrator of the organisation of {request.Key} blocks the application ({failure.Detail}). "
            + "Have the client allowed under API controls in the admin console, then ask again: " + AskAgain(request),
        FailureKind.ClientRejected =>
            $"The provider refuses the OAuth client in {request.Client} ({failure.Detail}). {NewClient(request)}",
        FailureKind.RequestRejected =>
            $"The provider refuses the request for {request.Key} ({failure.Detail}). Check that {request.Client} and the token file belong together, then ask again: {AskAgain(request)}",
        FailureKind.RateLimited =>
            $"The provider asks for fewer requests ({failure.Detail}); failure {failure.Count} in a row, tried again by itself.",
        FailureKind.InvalidResponse =>
            $"The provider's answer cannot be understood ({failure.Detail}); failure {failure.Count} in a row, tried again by itself.",
        _ =>
            $"The provider cannot be reached or is at fault ({failure.Detail}); failure {failure.Count} in a row, tried again by itself.",
    };

    private static string NewToken(TokenRequest request) =>
        request.Seed is { } seed
            ? $"{Authorize(request)}, or put a new token file into {seed}"
            : $"{Authorize(request)}, or, to import a new token file, {SeedCommand(request)}";

    private static string Authorize(TokenRequest request) =>
        $"Run: kubectl oauthtoken authorize {Word(request.Owner.Name)} -n {request.Owner.Namespace}";

    private static string SeedCommand(TokenRequest request) =>
        $"run: token-operator seed FILE --provider {Word(request.Key.Provider)} --account {Word(request.Key.Account)} --namespace {request.Owner.Namespace}";

    private static string NewClient(TokenRequest request) =>
        $"Compare it with the provider's console and put the right one there; every account of this client waits for it. To try as it is: {AskAgain(request)}";

    private static string AskAgain(TokenRequest request) =>
        $"kubectl annotate oauthtoken -n {request.Owner.Namespace} {request.Owner.Name} tokenoperator.dev/refresh-requested-at=\"$(date)\" --overwrite";

    private static string Shown(string text) => DisplayText.Of(text, 100);

    // These lines are copied into a shell, often by somebody with more rights than the one who wrote the spec.
    private static string Word(string text) => DisplayText.ShellWord(text);
}
