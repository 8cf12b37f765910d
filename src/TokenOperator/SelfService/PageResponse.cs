using Microsoft.AspNetCore.Http;
using TokenOperator.Core.Text;

namespace TokenOperator.SelfService;

/// <summary>Writes a <see cref="PlainPage"/> to an HTTP response.</summary>
internal static class PageResponse
{
    /// <summary>Writes the page with the given HTTP status.</summary>
    public static Task WriteAsync(
        HttpContext context, int status, string title, string text, IReadOnlyList<PageAction>? actions = null, IReadOnlyList<PageDetail>? details = null, TimeSpan? refresh = null)
    {
        Protect(context.Response);
        context.Response.StatusCode = status;
        context.Response.ContentType = PlainPage.ContentType;
        return context.Response.WriteAsync(PlainPage.Html(title, text, actions, details, refresh), context.RequestAborted);
    }

    /// <summary>Sets <see cref="PlainPage.Headers"/>.</summary>
    public static void Protect(HttpResponse response)
    {
        foreach (var (name, value) in PlainPage.Headers)
            response.Headers[name] = value;
    }
}
