using System.Net;
using System.Text;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenIddict.Abstractions;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>
/// The consent page of an <see cref="OpenIddictServer"/>. It asks for the account (<c>login</c>, filled in from login_hint) and the
/// scopes (<c>grant</c>, all selected), and has the buttons <c>allow</c> and <c>deny</c>.
/// </summary>
internal static class ConsentPage
{
    public const string Path = "/authorize";

    public static void Map(WebApplication app)
    {
        app.MapGet(Path, IResult (HttpContext context) => Results.Content(Render(context.GetOpenIddictServerRequest()!), "text/html", Encoding.UTF8));
        app.MapPost(Path, async Task<IResult> (HttpContext context) =>
        {
            var form = await context.Request.ReadFormAsync(context.RequestAborted);
            return form.ContainsKey("allow") ? SignIn(context.GetOpenIddictServerRequest()!, form["login"].ToString(), form["grant"]) : Results.Forbid(authenticationSchemes: [ConsentingPerson.Scheme]);
        });
    }

    private static IResult SignIn(OpenIddictRequest request, string login, IEnumerable<string?> granted) =>
        Results.SignIn(ConsentingPerson.Of(login, request.GetScopes().Intersect(granted.OfType<string>())), null, ConsentingPerson.Scheme);

    private static string Render(OpenIddictRequest request)
    {
        static string Safe(string? text) => WebUtility.HtmlEncode(text ?? "");
        // The form sends the parameters of the request again, and they are validated again.
        var fields = string.Concat(request.GetParameters().Select(field => $"<input type=\"hidden\" name=\"{Safe(field.Key)}\" value=\"{Safe((string?)field.Value)}\">"));
        var boxes = string.Concat(request.GetScopes().Select(scope => $"<label><input type=\"checkbox\" name=\"grant\" value=\"{Safe(scope)}\" checked>{Safe(scope)}</label>"));
        var hint = request.LoginHint?.Split('@')[0];
        return $"""
            <!doctype html><title>Consent</title>
            <form method="post" action="{Path}">{fields}
            <input name="login" id="login" value="{Safe(hint)}">{boxes}
            <button name="allow" id="allow" value="1">Allow</button><button name="deny" id="deny" value="1">Deny</button></form>
            """;
    }
}
