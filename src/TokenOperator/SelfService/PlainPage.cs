// Pages without a script, a picture or anything from elsewhere. Knows nothing of tokens.
using System.Net;
using Microsoft.AspNetCore.Http;

namespace TokenOperator.SelfService;

/// <summary>One page: a title, a sentence, and at most one button.</summary>
internal static class PlainPage
{
    // form-action is left out: browsers apply it to where a form's answer sends them on, which is the provider and whoever signs in there.
    private const string Policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

    /// <summary>Writes it; both texts may hold anything.</summary>
    /// <param name="context">The request.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="title">The heading.</param>
    /// <param name="text">What happened, or what to do.</param>
    /// <param name="action">Where the button posts to, or null for no button.</param>
    public static Task WriteAsync(HttpContext context, int status, string title, string text, string? action = null)
    {
        var response = context.Response;
        Protect(response);
        response.StatusCode = status;
        response.ContentType = "text/html; charset=utf-8";
        var button = action is null ? "" : $"<form method=\"post\" action=\"{WebUtility.HtmlEncode(action)}\"><button>Continue</button></form>\n";
        return response.WriteAsync(
            $"""
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{WebUtility.HtmlEncode(title)}</title>
            <h1>{WebUtility.HtmlEncode(title)}</h1>
            <p>{WebUtility.HtmlEncode(text)}</p>
            {button}</html>

            """,
            context.RequestAborted);
    }

    /// <summary>Nothing is kept, framed, guessed or told to the next site.</summary>
    public static void Protect(HttpResponse response)
    {
        var headers = response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
    }
}
