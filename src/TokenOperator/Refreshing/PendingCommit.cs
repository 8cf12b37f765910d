using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>A token that the provider issued and Postgres does not have yet.</summary>
/// <param name="Claimed">The row in Postgres that it follows.</param>
/// <param name="ClaimId">The id of the claim. If the claim could not be written, the id that the later write uses.</param>
/// <param name="Token">The new tokens.</param>
/// <param name="RefreshedAt">When the provider issued them.</param>
public sealed record PendingCommit(AccountRecord Claimed, Guid ClaimId, TokenSet Token, DateTimeOffset RefreshedAt)
{
    /// <summary>The claim, if it could not be written; otherwise null.</summary>
    public Claim? Unwritten { get; init; }

    /// <summary>The generation that the row will have: one more for each answer since <see cref="Claimed"/>.</summary>
    public long Generation { get; init; } = Claimed.Generation + 1;

    /// <summary>The row as it will be.</summary>
    public AccountRecord Record => ApplyTo(Claimed);

    /// <summary>True if the refresh token exists nowhere else, so that it is lost with this process.</summary>
    public bool HoldsNewRefreshToken => Token.GrantToken is { } held && !held.Equals(Claimed.Token.GrantToken);

    /// <summary>Returns <paramref name="row"/>, read from Postgres, as it will be after this commit. A row that this commit does not follow stays as it is.</summary>
    public AccountRecord ApplyTo(AccountRecord row) => row.Generation != Claimed.Generation
        ? row
        : row with { Token = Token, Generation = Generation, LastRefreshAt = RefreshedAt, Failure = null, OpenClaim = null };
}
