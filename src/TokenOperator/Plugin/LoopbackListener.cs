using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using TokenOperator.Commands;
using TokenOperator.Providers.Consent;
using TokenOperator.SelfService;

namespace TokenOperator.Plugin;

/// <summary>
/// Where the browser comes back to (RFC 8252 section 7.3): one answer, on the loopback address alone. The browser waits until it
/// is known what became of the consent.
/// </summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TaskCompletionSource<ConsentReply> _reply = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<(bool Good, string Sentence)> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _served = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private LoopbackListener(WebApplication app) => _app = app;

    /// <summary>The redirect address.</summary>
    public Uri Address => new(new Uri(_app.Urls.Single()), "/");

    /// <summary>Listens on <paramref name="port"/>, or on a free one for 0.</summary>
    public static async Task<LoopbackListener> StartAsync(int port, CancellationToken ct)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        var listener = new LoopbackListener(builder.Build());
        listener._app.Run(listener.ServeAsync);
        try
        {
            await listener._app.StartAsync(ct);
            return listener;
        }
        catch (IOException e)
        {
            await listener.DisposeAsync();
            throw new PluginException($"Port {port} of this machine cannot be listened on ({e.Message}). Choose another by --port, or leave it out.", ExitCodes.BadInput);
        }
    }

    /// <summary>What the browser brings.</summary>
    public Task<ConsentReply> ReplyAsync(CancellationToken ct) => _reply.Task.WaitAsync(ct);

    /// <summary>Shows in the browser what became of it, if one waits, and returns when it has been sent or the browser has gone.</summary>
    public async Task AnswerAsync(bool good, string sentence)
    {
        _outcome.TrySetResult((good, sentence));
        if (_reply.Task.IsCompleted)
            await _served.Task;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _outcome.TrySetResult((false, "Nothing was changed."));
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }

    private async Task ServeAsync(HttpContext context)
    {
        // Another host name is a page elsewhere that had this address looked up.
        if (context.Request.Host.Host != "127.0.0.1" || context.Request.Path != "/" || !HttpMethods.IsGet(context.Request.Method) || !context.Request.QueryString.HasValue)
        {
            await PlainPage.WriteAsync(context, StatusCodes.Status404NotFound, "Not found", "There is nothing here.");
            return;
        }

        if (!_reply.TrySetResult(ConsentReply.Read(context.Request.QueryString.Value!)))
        {
            await PlainPage.WriteAsync(context, StatusCodes.Status410Gone, "Used", "This address was used already.");
            return;
        }

        try
        {
            var (good, sentence) = await _outcome.Task.WaitAsync(context.RequestAborted);
            await PlainPage.WriteAsync(context, good ? StatusCodes.Status200OK : StatusCodes.Status403Forbidden, good ? "Done" : "Not done", sentence);
            await context.Response.CompleteAsync();
        }
        finally
        {
            _served.TrySetResult();
        }
    }
}
