using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>The grant of an account: its current refresh token, and the access tokens that were issued for it.</summary>
public sealed class TokenGrant
{
    internal Dictionary<string, DateTimeOffset> Used { get; } = [];

    /// <summary>The number of requests with a refresh token of this grant that are being processed.</summary>
    internal int InWork;

    internal ConcurrentDictionary<string, DateTimeOffset> AccessTokens { get; } = new();

    /// <summary>The account's name.</summary>
    public required string Account { get; init; }

    /// <summary>The current refresh token.</summary>
    public required string RefreshToken { get; set; }

    /// <summary>The granted scopes, separated by spaces.</summary>
    public string Scope { get; set; } = "https://mail.google.com/";

    /// <summary>True after a revocation, or after reuse of a refresh token.</summary>
    public bool IsRevoked { get; set; }
}

/// <summary>The grants of a <see cref="ScriptedTokenServer"/>.</summary>
internal sealed class TokenGrants
{
    private readonly ConcurrentDictionary<string, TokenGrant> _byRefreshToken = new();
    private readonly ConcurrentDictionary<string, TokenGrant> _byAccessToken = new();
    private long _count;

    public TokenGrant Add(string account, string? refreshToken)
    {
        var grant = new TokenGrant { Account = account, RefreshToken = refreshToken ?? NewToken("1//") };
        _byRefreshToken[grant.RefreshToken] = grant;
        return grant;
    }

    public TokenGrant? Find(string token) => _byRefreshToken.GetValueOrDefault(token) ?? _byAccessToken.GetValueOrDefault(token);

    /// <summary>Every token that was ever issued or accepted.</summary>
    public IEnumerable<string> All => _byRefreshToken.Keys.Concat(_byAccessToken.Keys);

    public string IssueAccessToken(TokenGrant grant, DateTimeOffset expiresAt)
    {
        var token = NewToken("ya29.");
        grant.AccessTokens[token] = expiresAt;
        _byAccessToken[token] = grant;
        return token;
    }

    /// <summary>Replaces the grant's refresh token. The old one counts as used.</summary>
    public string Rotate(TokenGrant grant, DateTimeOffset now)
    {
        grant.Used[grant.RefreshToken] = now;
        grant.RefreshToken = NewToken("1//");
        _byRefreshToken[grant.RefreshToken] = grant;
        return grant.RefreshToken;
    }

    // Unique because of its number, and as long and as random as Google's tokens.
    private string NewToken(string prefix) =>
        $"{prefix}{Interlocked.Increment(ref _count):x8}{RandomText()}";

    public static string RandomText() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(40));
}
