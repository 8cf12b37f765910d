using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OpenIddict.Abstractions;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>The page of an <see cref="OpenIddictServer"/> on which a person enters the code of a device (RFC 8628 section 3.3).</summary>
internal static class DevicePage
{
    public const string Path = "/verify";

    public static void Map(WebApplication app)
    {
        app.MapGet(Path, IResult () => Results.Content(
            $"""
            <!doctype html><title>Code</title>
            <form method="post" action="{Path}"><input name="user_code" value=""><input name="login" value="">
            <button name="allow" value="1">Allow</button><button name="deny" value="1">Deny</button></form>
            """,
            "text/html",
            Encoding.UTF8));
        app.MapPost(Path, Task<IResult> (HttpContext context) => SignInAsync(context));
    }

    private static async Task<IResult> SignInAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        if (await context.AuthenticateAsync(ConsentingPerson.Scheme) is not { Succeeded: true, Principal: { } device })
            return Results.BadRequest("The code is not valid.");
        if (!form.ContainsKey("allow"))
            return Results.Forbid(new AuthenticationProperties { RedirectUri = "/" }, [ConsentingPerson.Scheme]);
        var person = ConsentingPerson.Of(form["login"].ToString(), device.GetScopes());
        return Results.SignIn(person, new AuthenticationProperties { RedirectUri = "/" }, ConsentingPerson.Scheme);
    }
}
