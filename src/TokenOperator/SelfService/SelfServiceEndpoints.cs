using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using KubeRuntime;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Core.Text;

namespace TokenOperator.SelfService;

/// <summary>The pages for people, on a separate port, which serves neither probes nor metrics.</summary>
public static partial class SelfServiceEndpoints
{
    private const string CodeSegment = "code";

    /// <summary>No code that is shown is valid for longer. The database knows when each one expires.</summary>
    private static readonly TimeSpan MaxCodeLifetime = TimeSpan.FromHours(1);

    /// <summary>Serves the pages on the port of <paramref name="settings"/>. Does nothing if they are off.</summary>
    public static void Map(WebApplication app, SelfServiceSettings settings)
    {
        ArgumentNullException.ThrowIfNull(app);
        ArgumentNullException.ThrowIfNull(settings);
        if (settings.PublicUrl is not { } address)
            return;
        var flow = app.Services.GetRequiredService<SelfServiceFlow>();
        app.MapWhen(
            context => context.Connection.LocalPort == settings.Port,
            // A proxy may or may not remove the path of the public address.
            branch => branch.UsePathBase(address.AbsolutePath.TrimEnd('/')).Run(context => ServeAsync(context, flow, settings)));
    }

    private static Task ServeAsync(HttpContext context, SelfServiceFlow flow, SelfServiceSettings settings)
    {
        var (request, cancellationToken) = (context.Request, context.RequestAborted);
        var get = HttpMethods.IsGet(request.Method);
        return request.Path.Value?.Split('/') switch
        {
            ["", "authorize", "callback", var provider] when get => EndAsync(context, provider, flow, settings),
            ["", "authorize", "outcome"] when get => ShowOutcomeAsync(context, settings),
            ["", "authorize", CodeSegment] when get => ShowAsync(context, flow.WaitDeviceAsync(request.Cookies[DeviceName(settings)], cancellationToken), settings),
            ["", "authorize", var ns, var name, var ticket] when get => ShowAsync(context, flow.ShowAsync(new NamespacedName(ns, name), ticket, cancellationToken), settings),
            ["", "authorize", _, _, _] or ["", "authorize", _, _, _, CodeSegment] when HttpMethods.IsPost(request.Method) && !IsOfThisSite(request) =>
                PageResponse.WriteAsync(context, StatusCodes.Status403Forbidden, "Not done", "Another site sent this request, so the consent was not started. Open the link itself."),
            ["", "authorize", var ns, var name, var ticket] when HttpMethods.IsPost(request.Method) =>
                ShowAsync(context, flow.BeginAsync(new NamespacedName(ns, name), ticket, cancellationToken), settings),
            ["", "authorize", var ns, var name, var ticket, CodeSegment] when HttpMethods.IsPost(request.Method) =>
                ShowAsync(context, flow.BeginDeviceAsync(new NamespacedName(ns, name), ticket, cancellationToken), settings, DeviceName(settings)),
            _ => PageResponse.WriteAsync(context, StatusCodes.Status404NotFound, "Not found", "There is nothing here."),
        };
    }

    /// <summary>The address of the provider's redirect contains the code. The browser is redirected to one that does not, which shows the result.</summary>
    private static async Task EndAsync(HttpContext context, string provider, SelfServiceFlow flow, SelfServiceSettings settings)
    {
        var browser = context.Request.Cookies[CookieName(settings)];
        var step = await flow.EndAsync(provider, context.Request.QueryString.Value ?? "", browser, context.RequestAborted);
        context.Response.Cookies.Delete(CookieName(settings), Cookie(settings));
        context.Response.Cookies.Append(OutcomeName(settings), Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(step, StepJson.Default.Step)), Cookie(settings));
        Redirect(context.Response, new Uri(settings.PublicUrl!, "authorize/outcome"));
    }

    // The browser can set a cookie to anything. Its text is shown to that browser only, and nothing else depends on it.
    private static Task ShowOutcomeAsync(HttpContext context, SelfServiceSettings settings)
    {
        Step? step = null;
        try
        {
            if (context.Request.Cookies[OutcomeName(settings)] is { } outcome)
                step = JsonSerializer.Deserialize(Base64Url.DecodeFromChars(outcome), StepJson.Default.Step);
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            step = null;
        }

        context.Response.Cookies.Delete(OutcomeName(settings), Cookie(settings));
        return step is { Status: >= 200 and < 600 }
            ? PageResponse.WriteAsync(context, step.Status, step.Title, step.Text)
            : PageResponse.WriteAsync(context, StatusCodes.Status404NotFound, "Nothing to show", "The result was already shown. The status of the OAuthToken shows its current state.");
    }

    private static async Task ShowAsync(HttpContext context, Task<Step> work, SelfServiceSettings settings, string? cookie = null)
    {
        var step = await work;
        if (step.Browser is { } browser)
            context.Response.Cookies.Append(cookie ?? CookieName(settings), browser, Cookie(settings, cookie is null ? settings.ConsentLifetime : MaxCodeLifetime));
        if (step.Redirect is { } redirect)
        {
            Redirect(context.Response, redirect);
            return;
        }

        var address = context.Request.PathBase + context.Request.Path;
        PageAction[] actions =
        [
            .. step.IsOffer ? [new PageAction("Continue", address)] : Array.Empty<PageAction>(),
            .. step.OffersCode ? [new PageAction("Use a code on another device", $"{address}/{CodeSegment}")] : Array.Empty<PageAction>(),
        ];
        await PageResponse.WriteAsync(context, step.Status, step.Title, step.Text, actions, step.Details, step.Refresh);
    }

    private static void Redirect(HttpResponse response, Uri where)
    {
        PageResponse.Protect(response);
        response.StatusCode = StatusCodes.Status303SeeOther;
        response.Headers.Location = where.AbsoluteUri;
    }

    /// <summary>The header in which browsers report the source of a request. With no-referrer, the Origin of a form is null.</summary>
    private static bool IsOfThisSite(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() is "" or "same-origin";

    // __Host-: browsers accept such a cookie only from this host and over TLS, so another host cannot set one.
    private static string CookieName(SelfServiceSettings settings) => settings.PublicUrl!.Scheme == "https" ? "__Host-token-operator" : "token-operator";

    private static string DeviceName(SelfServiceSettings settings) => $"{CookieName(settings)}-code";

    private static string OutcomeName(SelfServiceSettings settings) => $"{CookieName(settings)}-outcome";

    // Lax: the redirect from the provider is a navigation from another site.
    private static CookieOptions Cookie(SelfServiceSettings settings, TimeSpan? lifetime = null) => new()
    {
        HttpOnly = true,
        Secure = settings.PublicUrl!.Scheme == "https",
        SameSite = SameSiteMode.Lax,
        Path = "/",
        MaxAge = lifetime ?? settings.ConsentLifetime,
        IsEssential = true,
    };

    [JsonSerializable(typeof(Step))]
    private sealed partial class StepJson : JsonSerializerContext;
}
