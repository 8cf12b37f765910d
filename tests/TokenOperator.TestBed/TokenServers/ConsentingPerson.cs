using System.Security.Claims;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>The person who consents on a page of an <see cref="OpenIddictServer"/>.</summary>
internal static class ConsentingPerson
{
    public const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    /// <summary>What the id_token says about the person, with the scopes that the person grants.</summary>
    public static ClaimsPrincipal Of(string login, IEnumerable<string> scopes)
    {
        var identity = new ClaimsIdentity(Scheme, Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, login).SetClaim(Claims.Email, $"{login}@example.com").SetClaim(Claims.EmailVerified, true);
        identity.SetScopes(scopes);
        identity.SetDestinations(_ => [Destinations.IdentityToken]);
        return new ClaimsPrincipal(identity);
    }
}
