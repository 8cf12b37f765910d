using System.Globalization;
using System.Net;

namespace TokenOperator.Core.Text;

/// <summary>A value that someone else chose, shown under a label of this program.</summary>
/// <param name="Label">What it is.</param>
/// <param name="Value">The value.</param>
public sealed record PageDetail(string Label, string Value);

/// <summary>A button.</summary>
/// <param name="Label">What it says.</param>
/// <param name="Address">The address that it posts to.</param>
public sealed record PageAction(string Label, string Address);

/// <summary>A web page without scripts, images or anything from another host: a title, a sentence, and buttons.</summary>
public static class PlainPage
{
    private const int MaxDetail = 1000;

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
    /// <param name="actions">The buttons.</param>
    /// <param name="details">Values to show apart from the text, so that none of them can continue its sentence.</param>
    /// <param name="refresh">After how long the browser loads the page again; null for never.</param>
    public static string Html(string title, string text, IReadOnlyList<PageAction>? actions = null, IReadOnlyList<PageDetail>? details = null, TimeSpan? refresh = null)
    {
        var list = string.Concat((details ?? []).Select(detail => $"<dt>{WebUtility.HtmlEncode(detail.Label)}</dt><dd>{WebUtility.HtmlEncode(DisplayText.Of(detail.Value, MaxDetail))}</dd>\n"));
        if (list.Length > 0)
            list = $"<dl>\n{list}</dl>\n";
        var buttons = string.Concat((actions ?? []).Select(action =>
            $"<form method=\"post\" action=\"{WebUtility.HtmlEncode(action.Address)}\"><button>{WebUtility.HtmlEncode(action.Label)}</button></form>\n"));
        var again = refresh is { } interval ? string.Create(CultureInfo.InvariantCulture, $"<meta http-equiv=\"refresh\" content=\"{Math.Ceiling(interval.TotalSeconds):0}\">") : "";
        return $"""
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">{again}<title>{WebUtility.HtmlEncode(title)}</title>
            <h1>{WebUtility.HtmlEncode(title)}</h1>
            <p>{WebUtility.HtmlEncode(text)}</p>
            {list}{buttons}</html>

            """;
    }
}
