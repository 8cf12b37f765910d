using System.Security.Cryptography;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;

namespace KubectlOAuthToken;

/// <summary>One consent, from the address that a browser opens to the token (RFC 8252: the person's own browser, a loopback redirect, PKCE).</summary>
/// <param name="noBrowser">True: the address is printed, and what the browser ends on is read from standard input.</param>
/// <param name="port">Where the browser comes back to; 0 for a free one.</param>
/// <param name="patience">How long a person may take.</param>
internal sealed class AuthorizationCodeFlow(bool noBrowser, int port, TimeSpan patience)
{
    /// <summary>When the code was exchanged.</summary>
    public DateTimeOffset AskedAt { get; private set; }

    /// <summary>Asks, gives what came, once it is found good, to <paramref name="use"/>, and tells the browser.</summary>
    /// <exception cref="PluginException">It was denied, is somebody else's, or is of no use.</exception>
    public async Task<T> AskAsync<T>(
        IAuthorizationProvider provider, OAuthClient client, IReadOnlyList<string> scopes, ExpectedIdentity expected,
        Func<CodeExchangeResponse.Granted, Task<T>> use, CancellationToken ct)
    {
        await using var listener = noBrowser ? null : LoopbackListener.Start(port);
        var request = new AuthorizationRequest
        {
            ClientId = client.ClientId,
            // Nothing needs to listen there: the person copies the address that the browser could not open.
            RedirectUri = listener?.Address ?? new Uri($"http://127.0.0.1:{(port > 0 ? port : RandomNumberGenerator.GetInt32(49152, 65536))}/"),
            Scopes = scopes,
            State = RandomText.New(),
            Pkce = Pkce.New(),
            LoginHint = expected.LoginHint,
        };
        var address = provider.AuthorizationUri(request);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(patience);
        try
        {
            var response = listener is null ? await PasteAsync(address, request.State, limit.Token) : await BrowseAsync(listener, address, limit.Token);
            var granted = await ExchangeAsync(provider, client, request, response, expected, ct);
            var used = await use(granted);
            if (listener is not null)
                await listener.AnswerAsync(good: true, $"The consent{(granted.Identity is { } who ? $" of {who}" : "")} is kept, and the operator goes on with it. You can close this page.");
            return used;
        }
        catch (PluginException e) when (listener is not null)
        {
            await listener.AnswerAsync(good: false, e.Message);
            throw;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new PluginException($"Nothing came back from the browser within {DurationText.Format(patience)}. Start again, and see that the browser is on this machine; if not, use --no-browser.");
        }
    }

    private static async Task<AuthorizationResponse> BrowseAsync(LoopbackListener listener, Uri address, CancellationToken ct)
    {
        var opened = Browser.TryOpen(address);
        await Console.Error.WriteLineAsync($"{(opened ? "Opening your browser. If nothing opens, go to" : "No browser could be opened on this machine. Go to")}:\n\n  {address.AbsoluteUri}\n");
        return await listener.ReplyAsync(ct);
    }

    private static async Task<AuthorizationResponse> PasteAsync(Uri address, string state, CancellationToken ct)
    {
        await Console.Error.WriteLineAsync(
            $"Open this address in a browser:\n\n  {address.AbsoluteUri}\n\n"
            + "It ends on a page that cannot be opened, at http://127.0.0.1. Copy that page's whole address (or the code in it) and paste it here:");
        var pasted = (await Console.In.ReadLineAsync(ct))?.Trim()
            ?? throw new PluginException("Standard input ended before an address or a code was pasted.", ExitCodes.BadInput);
        // A code alone says nothing of the request that it answers, but it is of no use with the verifier of another one.
        return pasted.Contains('=', StringComparison.Ordinal) || pasted.Length == 0 || !CredentialSyntax.IsValid(pasted)
            ? AuthorizationResponse.Read(pasted)
            : new AuthorizationResponse(state, new SecretValue(pasted), null);
    }

    private async Task<CodeExchangeResponse.Granted> ExchangeAsync(
        IAuthorizationProvider provider, OAuthClient client, AuthorizationRequest request, AuthorizationResponse response, ExpectedIdentity expected, CancellationToken ct)
    {
        if ((response.State is not null || response.Code is not null) && !response.MatchesState(request.State))
            throw Refused(ConsentValidator.StateMismatch);
        if (ConsentValidator.FindError(response) is { } useless)
            throw Refused(useless);
        AskedAt = TimeProvider.System.GetUtcNow();
        var answer = await provider.ExchangeCodeAsync(client, response.Code!, request.Pkce, request.RedirectUri, ct);
        if (answer is not CodeExchangeResponse.Granted granted)
            throw Refused($"The provider gave no token for the consent ({((CodeExchangeResponse.Failed)answer).Detail}). Start again; if it stays so, look at the OAuth client in the provider's console");
        if (ConsentValidator.FindError(granted, expected, request.Scopes) is not { } reason)
            return granted;
        var who = granted.Identity is { } got && expected.IsKnown && !expected.Matches(got) ? $" (it is of {got}, expected is {expected.LoginHint})" : "";
        throw Refused(reason + who);
    }

    private static PluginException Refused(string sentence) => new($"{sentence}.", ExitCodes.Refused);
}
