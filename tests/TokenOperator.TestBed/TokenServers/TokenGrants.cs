using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>One account's grant: which refresh token is good now and which access tokens it brought.</summary>
public sealed class TokenGrant
{
    internal Dictionary<string, DateTimeOffset> Used { get; } = [];

    /// <summary>How many requests with a refresh token of this grant are in work.</summary>
    internal int InWork;

    internal ConcurrentDictionary<string, DateTimeOffset> AccessTokens { get; } = new();

    /// <summary>The account's name.</summary>
    public required string Account { get; init; }

    /// <summary>What a refresh must be asked with.</summary>
    public required string RefreshToken { get; set; }

    /// <summary>As granted, with blanks between.</summary>
    public string Scope { get; set; } = "https://mail.google.com/";

    /// <summary>True after a revocation, or after a used refresh token was presented again.</summary>
    public bool IsRevoked { get; set; }
}

/// <summary>The grants of a <see cref="ScriptedTokenServer"/>: the authorization server's own memory.</summary>
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

    /// <summary>Every token that was ever good.</summary>
    public IEnumerable<string> All => _byRefreshToken.Keys.Concat(_byAccessToken.Keys);

    public string IssueAccessToken(TokenGrant grant, DateTimeOffset expiresAt)
    {
        var token = NewToken("ya29.");
        grant.AccessTokens[token] = expiresAt;
        _byAccessToken[token] = grant;
        return token;
    }

    /// <summary>Replaces the grant's refresh token; the old one counts as used.</summary>
    public string Rotate(TokenGrant grant, DateTimeOffset now)
    {
        grant.Used[grant.RefreshToken] = now;
        grant.RefreshToken = NewToken("1//");
        _byRefreshToken[grant.RefreshToken] = grant;
        return grant.RefreshToken;
    }

    // Unique by its number, and as long and as unguessable as Google's.
    private string NewToken(string prefix) =>
        $"{prefix}{Interlocked.Increment(ref _count):x8}{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(40))}";
}
