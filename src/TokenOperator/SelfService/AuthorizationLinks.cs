using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Text;

namespace TokenOperator.SelfService;

/// <summary>
/// The links in <c>status.authorizationURL</c>. A link holds its expiry time and 256 random bits. It is valid until that time, as long
/// as it is in the status of its object, where every replica looks it up.
/// </summary>
public sealed class AuthorizationLinks(SelfServiceSettings settings)
{
    /// <summary>The link for the status: the present one while more than half of its life is left, otherwise a new one. Null if the pages are off.</summary>
    public string? For(string? before, NamespacedName owner, DateTimeOffset now)
    {
        if (settings.PublicUrl is null)
            return null;
        var prefix = Prefix(owner);
        if (before is not null && before.StartsWith(prefix, StringComparison.Ordinal) && EndOf(before[prefix.Length..]) is { } end && end - now > settings.LinkLifetime / 2 && end - now <= settings.LinkLifetime)
            return before;
        return string.Create(CultureInfo.InvariantCulture, $"{prefix}{(now + settings.LinkLifetime).ToUnixTimeSeconds()}.{RandomText.New()}");
    }

    /// <summary>When a new link replaces this one, or null.</summary>
    public DateTimeOffset? RenewAt(string? link) => link is not null && EndOf(link[(link.LastIndexOf('/') + 1)..]) is { } end ? end - (settings.LinkLifetime / 2) : null;

    /// <summary>True if <paramref name="ticket"/>, the link's last part, matches the object's status and has not expired.</summary>
    public bool IsValid(V1Beta1OAuthToken entity, string ticket, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(entity);
        return settings.PublicUrl is not null
            && entity.Status?.AuthorizationURL is { } link
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(link), Encoding.UTF8.GetBytes(Prefix(entity.Key()) + ticket))
            && EndOf(ticket) > now;
    }

    private string Prefix(NamespacedName owner) => $"{settings.PublicUrl!.AbsoluteUri}authorize/{owner.Namespace}/{owner.Name}/";

    private static DateTimeOffset? EndOf(string ticket) =>
        ticket.Split('.') is [var end, _] && long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds < 253402300800
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;
}
