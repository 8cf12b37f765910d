using System.Collections.Frozen;

namespace TokenOperator.Core.Tokens;

/// <summary>Compares scopes. Google has two names for some of them, and answers with another one than was asked for.</summary>
public static class ScopeNames
{
    /// <summary>https://developers.google.com/identity/protocols/oauth2/scopes: the short names are those of OpenID Connect.</summary>
    private static readonly FrozenDictionary<string, string> ShortNames = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["https://www.googleapis.com/auth/userinfo.email"] = "email",
        ["https://www.googleapis.com/auth/userinfo.profile"] = "profile",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The scopes of <paramref name="wanted"/>, as they are named there, that <paramref name="granted"/> has under no name.</summary>
    public static IReadOnlyList<string> Missing(IEnumerable<string> wanted, IEnumerable<string> granted)
    {
        var names = granted.Select(Canonical).ToHashSet(StringComparer.Ordinal);
        return [.. wanted.Where(scope => !names.Contains(Canonical(scope))).Distinct(StringComparer.Ordinal)];
    }

    // An address is the same with and without a slash at its end, as in https://mail.google.com/.
    private static string Canonical(string scope)
    {
        var address = scope.StartsWith("https://", StringComparison.Ordinal) ? scope.TrimEnd('/') : scope;
        return ShortNames.GetValueOrDefault(address, address);
    }
}
