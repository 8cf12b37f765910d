// The authorization code flow on the user's machine: browser, redirect, token endpoint. No calls to the cluster.
using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Authorization;

namespace KubectlOAuthToken.Consent;

/// <summary>One consent, from the address that the browser opens to the tokens (RFC 8252: the user's own browser, a loopback redirect, PKCE).</summary>
/// <param name="noBrowser">True to print the address, and to read the redirect from standard input.</param>
/// <param name="port">The port of the redirect; 0 for a free one.</param>
/// <param name="redirectHost">The host of the redirect; null for the one that the provider's document needs.</param>
/// <param name="redirectUri">The whole redirect, where nothing of this program listens, as without a browser; null for one on this machine.</param>
/// <param name="timeout">How long the user may take.</param>
/// <param name="time">Measures the timeout.</param>
internal sealed class AuthorizationCodeFlow(bool noBrowser, int port, string? redirectHost, Uri? redirectUri, TimeSpan timeout, TimeProvider time)
{
    /// <summary>Asks for consent, passes the tokens to <paramref name="save"/>, and shows the result in the browser.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="client">The OAuth client.</param>
    /// <param name="scopes">The scopes to ask for. The tokens must have all of them.</param>
    /// <param name="expected">Whose consent it must be.</param>
    /// <param name="save">Saves the tokens.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>What <paramref name="save"/> returned.</returns>
    /// <exception cref="PluginException">The consent was denied, belongs to another account, or is incomplete.</exception>
    public async Task<T> RunAsync<T>(
        IAuthorizationProvider provider, OAuthClient client, IReadOnlyList<string> scopes, ExpectedIdentity expected, Func<TokenSet, Task<T>> save, CancellationToken cancellationToken)
    {
        var host = redirectHost ?? (provider.Document.Authorization.NeedsLocalhost ? LoopbackListener.Localhost : LoopbackListener.Literal);
        await using var listener = noBrowser || redirectUri is not null ? null : LoopbackListener.Start(port, provider.Document.Authorization, host);
        var request = new AuthorizationRequest
        {
            ClientId = client.ClientId,
            // Nothing needs to listen there: the user copies the address that the browser could not open.
            RedirectUri = listener?.Address ?? redirectUri ?? new Uri($"http://{host}:{(port > 0 ? port : RandomNumberGenerator.GetInt32(49152, 65536))}/"),
            Scopes = scopes,
            State = RandomText.New(),
            Pkce = Pkce.New(),
            LoginHint = expected.LoginHint,
        };
        var address = provider.AuthorizationUri(request);
        using var deadline = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            var response = listener is null ? await PasteAsync(provider, request, address, either.Token) : await BrowseAsync(listener, address, either.Token);
            var token = await ExchangeAsync(provider, client, request, response, expected, cancellationToken);
            var saved = await save(token);
            if (listener is not null)
                await listener.AnswerAsync(isGood: true, $"The consent{(token.Identity is { } owner ? $" of {owner}" : "")} was saved, and the operator will use it. You can close this page.");
            return saved;
        }
        catch (Exception e) when (listener is not null && PluginErrors.IsExpected(e))
        {
            await listener.AnswerAsync(isGood: false, PluginErrors.Explain(e).Message);
            throw;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new PluginException($"The browser did not return within {DurationText.Format(timeout)}. Start again, and use a browser on this machine. If that is not possible, use --no-browser.");
        }
    }

    private static async Task<AuthorizationResponse> BrowseAsync(LoopbackListener listener, Uri address, CancellationToken cancellationToken)
    {
        var opened = TryOpenBrowser(address);
        await Console.Error.WriteLineAsync($"{(opened ? "Opening your browser. If no page appears, open this address" : "This machine has no browser. Open this address")}:\n\n  {address.AbsoluteUri}\n");
        return await listener.ResponseAsync(cancellationToken);
    }

    /// <summary>Opens <paramref name="address"/> with the program in BROWSER, or with the system's default. Returns false if that fails.</summary>
    private static bool TryOpenBrowser(Uri address)
    {
        var start = Environment.GetEnvironmentVariable("BROWSER") is { Length: > 0 } program ? new ProcessStartInfo(program, [address.AbsoluteUri])
            : OperatingSystem.IsWindows() ? new ProcessStartInfo(address.AbsoluteUri) { UseShellExecute = true }
            : new ProcessStartInfo(OperatingSystem.IsMacOS() ? "open" : "xdg-open", [address.AbsoluteUri]);
        // Keep the browser's own output off this terminal.
        (start.RedirectStandardOutput, start.RedirectStandardError) = (!start.UseShellExecute, !start.UseShellExecute);
        try
        {
            using var process = Process.Start(start);
            return true;
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException)
        {
            return false;
        }
    }

    private async Task<AuthorizationResponse> PasteAsync(
        IAuthorizationProvider provider, AuthorizationRequest request, Uri address, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync(
            $"Open this address in a browser:\n\n  {address.AbsoluteUri}\n\n"
            + $"At the end, the browser {(redirectUri is null ? "fails to open a page at" : "goes to")} {request.RedirectUri.Scheme}://{request.RedirectUri.Host}. Copy the whole address of that page (or the code in it) and paste it here:");
        var pasted = (await Console.In.ReadLineAsync(cancellationToken))?.Trim()
            ?? throw new PluginException("Standard input ended before an address or a code was pasted.", ExitCodes.BadInput);
        var response = AuthorizationResponse.ReadPasted(pasted, request.State, provider.Document.Authorization, out var isCode);
        if (isCode && provider.Document.Authorization.Keep is { Count: > 0 } kept)
            throw new PluginException($"The address has more than the code that must be kept ({DisplayText.List(kept)}). Start again, and paste the whole address, from http to its end.", ExitCodes.BadInput);
        return response;
    }

    private async Task<TokenSet> ExchangeAsync(
        IAuthorizationProvider provider, OAuthClient client, AuthorizationRequest request, AuthorizationResponse response, ExpectedIdentity expected, CancellationToken cancellationToken)
    {
        if ((response.State is not null || response.Code is not null) && !response.MatchesState(request.State))
            throw ConsentAcceptance.Refused(ConsentValidator.StateMismatch);
        if (!provider.IsFrom(response))
            throw ConsentAcceptance.Refused(ConsentValidator.IssuerMismatch(provider.Document));
        if (ConsentValidator.FindError(response) is { } useless)
            throw ConsentAcceptance.Refused(useless);
        var askedAt = time.GetUtcNow();
        var answer = await provider.ExchangeCodeAsync(client, response, request.Pkce, request.RedirectUri, cancellationToken);
        if (answer is not CodeExchangeResponse.Granted granted)
            throw ConsentAcceptance.Refused($"The provider issued no token for the consent ({((CodeExchangeResponse.Failed)answer).Detail}). Start again. If this happens again, check the OAuth client in the provider's console");
        return ConsentAcceptance.Accept(provider.Document, granted, request.Scopes, expected, askedAt);
    }
}
