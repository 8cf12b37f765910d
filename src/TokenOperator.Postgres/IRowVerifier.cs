namespace TokenOperator.Postgres;

/// <summary>Reads every row as a refresh does, and changes nothing: for a copy that was restored from a backup.</summary>
public interface IRowVerifier
{
    /// <summary>Opens every row with the keys of this process.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    Task<VerifiedRows> VerifyAsync(CancellationToken cancellationToken);
}

/// <summary>What was read.</summary>
/// <param name="Count">The number of rows that can be opened.</param>
/// <param name="WithoutRefreshToken">
/// How many of them hold no refresh token. The account of such a row needs a grant without a consent, or else a new seed or consent.
/// </param>
/// <param name="Problems">One sentence for each row that cannot be opened.</param>
public sealed record VerifiedRows(int Count, int WithoutRefreshToken, IReadOnlyList<string> Problems);
