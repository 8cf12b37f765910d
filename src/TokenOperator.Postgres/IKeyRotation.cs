namespace TokenOperator.Postgres;

/// <summary>The names of the keys that rows are encrypted with. The keys themselves never leave the store.</summary>
public interface IKeyring
{
    /// <summary>All keys that the store can decrypt with, in ascending order.</summary>
    IReadOnlyList<string> KeyIds { get; }

    /// <summary>The key that the store encrypts with; null when it writes plain text.</summary>
    string? CurrentKeyId { get; }
}

/// <summary>
/// Rewrites existing rows under another key while operators run. Each row is replaced in one statement, and only if it has not
/// changed since it was read, so no concurrent write is lost. A method throws <see cref="StoreUnavailableException"/> when the
/// database cannot be used now; rows that were rewritten by then stay rewritten.
/// </summary>
public interface IKeyRotation
{
    /// <summary>Counts the rows of each key.</summary>
    Task<IReadOnlyList<KeyUsage>> CountAsync(CancellationToken cancellationToken);

    /// <summary>Rewrites the selected rows in the form in which this process writes rows.</summary>
    Task<RewriteResult> RewriteAsync(RowSelection selection, CancellationToken cancellationToken);
}

/// <summary>The rows to rewrite.</summary>
public enum RowSelection
{
    /// <summary>
    /// Rows in plain text, rows whose encryption contains no generation or another one, and rows whose access has no seal or does not suit it. The
    /// person who selects them trusts what the table contains now.
    /// </summary>
    PlainText,

    /// <summary>Encrypted rows.</summary>
    Encrypted,

    /// <summary>Rows that are not encrypted with the current key: those in plain text and those of another key.</summary>
    NotCurrent,
}

/// <summary>A key that rows are encrypted with.</summary>
/// <param name="KeyId">The name of the key; null for plain text. Every name that no key can have is reported as <see cref="InvalidName"/>.</param>
/// <param name="Rows">The number of rows.</param>
public sealed record KeyUsage(string? KeyId, long Rows)
{
    /// <summary>Stands for names that no key can have. Such rows were not written by an operator.</summary>
    public const string InvalidName = "(not a name)";
}

/// <summary>The result of a rewrite.</summary>
/// <param name="Count">The number of rows that were rewritten.</param>
/// <param name="Problems">One sentence for each selected row that was not rewritten.</param>
public sealed record RewriteResult(int Count, IReadOnlyList<string> Problems);
