using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Publishing;

namespace TokenOperator.SelfService;

/// <summary>
/// The links in <c>status.authorizationURL</c>. A link holds its end and 256 bits that nobody guesses, and is good for as long as it
/// stands in the status of its object and its end has not come: the status is where any replica looks it up.
/// </summary>
public sealed class AuthorizationLinks(SelfServiceSettings settings)
{
    /// <summary>The link for the status: the one that stands there while more than half of its life is left, else a new one; null when no consent is needed.</summary>
    public string? For(string? before, NamespacedName owner, Problem? problem, DateTimeOffset now)
    {
        if (settings.PublicUrl is null || problem is not { NeedsHuman: true } || !ReasonInfo.Of(problem.Reason).ConsentHelps)
            return null;
        var prefix = Prefix(owner);
        if (before is not null && before.StartsWith(prefix, StringComparison.Ordinal) && EndOf(before[prefix.Length..]) is { } end && end - now > settings.LinkLifetime / 2 && end - now <= settings.LinkLifetime)
            return before;
        return string.Create(CultureInfo.InvariantCulture, $"{prefix}{(now + settings.LinkLifetime).ToUnixTimeSeconds()}.{RandomText.New()}");
    }

    /// <summary>When the link is to be made anew, or null.</summary>
    public DateTimeOffset? RenewAt(string? link) => link is not null && EndOf(link[(link.LastIndexOf('/') + 1)..]) is { } end ? end - (settings.LinkLifetime / 2) : null;

    /// <summary>True when <paramref name="ticket"/>, the link's last part, is that of the object's status and not over.</summary>
    public bool IsGood(V1Alpha1OAuthToken entity, string ticket, DateTimeOffset now)
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
