using System.Net;

namespace TokenOperator.Core.Text;

/// <summary>A web page without scripts, images or anything from another host: a title, a sentence, and at most one button.</summary>
public static class PlainPage
{
    /// <summary>The content type of <see cref="Html"/>.</summary>
    public const string ContentType = "text/html; charset=utf-8";

    /// <summary>Response headers that keep the page from being stored, framed, sniffed, or named to the next site.</summary>
    public static IReadOnlyDictionary<string, string> Headers { get; } = new Dictionary<string, string>
    {
        // form-action is left out: browsers apply it to each redirect that follows a form, and those lead to the provider.
        ["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
        ["Cache-Control"] = "no-store",
        ["Referrer-Policy"] = "no-referrer",
        ["X-Content-Type-Options"] = "nosniff",
        ["X-Frame-Options"] = "DENY",
    };

    /// <summary>The page. All texts are encoded, so they can hold anything.</summary>
    /// <param name="title">The heading.</param>
    /// <param name="text">What happened, or what to do.</param>
    /// <param name="action">The address that the button posts to, or null for no button.</param>
    public static string Html(string title, string text, string? action = null)
    {
        var button = action is null ? "" : $"<form method=\"post\" action=\"{WebUtility.HtmlEncode(action)}\"><button>Continue</button></form>\n";
        return $"""
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{WebUtility.HtmlEncode(title)}</title>
            <h1>{WebUtility.HtmlEncode(title)}</h1>
            <p>{WebUtility.HtmlEncode(text)}</p>
            {button}</html>

            """;
    }
}
