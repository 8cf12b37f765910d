using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres;

/// <summary>Consents that were begun in a browser and have not come back: any replica may be asked for the end of what another began.</summary>
public interface IPendingAuthorizations
{
    /// <summary>
    /// Remembers one for <paramref name="lifetime"/> of the database's clock, and forgets those whose time is over. False when the
    /// object has too many open ones.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    Task<bool> AddAsync(string stateHash, PendingAuthorization consent, TimeSpan lifetime, CancellationToken ct);

    /// <summary>Takes it away and gives it, to one caller alone; null when it is not there or its time is over.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    Task<PendingAuthorization?> TakeAsync(string stateHash, CancellationToken ct);
}

/// <summary>What an answer has to belong to.</summary>
/// <param name="Namespace">Namespace of the object.</param>
/// <param name="Name">Name of the object.</param>
/// <param name="Uid">Its uid: one that was made anew under the same name is another.</param>
/// <param name="ObjectGeneration">Generation of its spec.</param>
/// <param name="RowGeneration">Generation of the row that the result replaces.</param>
/// <param name="BrowserHash">Of what the browser has in its cookie.</param>
/// <param name="Verifier">PKCE's. Of no use without the code and the client's secret.</param>
public sealed record PendingAuthorization(
    string Namespace, string Name, string Uid, long ObjectGeneration, long RowGeneration, string BrowserHash, SecretValue Verifier);
