namespace TokenOperator.Postgres;

/// <summary>
/// Brings rows that are there under another key, while operators run: each row is replaced in one statement and only as
/// it was read, so that nothing that was written meanwhile is lost. Throws as <see cref="ITokenStore"/> does; what was done by then stays done.
/// </summary>
public interface IKeyRotation
{
    /// <summary>How many rows are under which key; null stands for plain text.</summary>
    Task<IReadOnlyList<KeyUse>> CountAsync(CancellationToken ct);

    /// <summary>Writes the rows chosen anew, as this process would write them now.</summary>
    Task<RewrittenRows> RewriteAsync(RowChoice choice, CancellationToken ct);
}

/// <summary>Which rows.</summary>
public enum RowChoice
{
    /// <summary>Those in plain text.</summary>
    PlainText,

    /// <summary>Those that are encrypted.</summary>
    Encrypted,

    /// <summary>Those that are not under the current key, in plain text or under another.</summary>
    NotCurrent,
}

/// <summary>A key in use.</summary>
/// <param name="KeyId">Its name; null for plain text.</param>
/// <param name="Rows">How many rows.</param>
public sealed record KeyUse(string? KeyId, long Rows);

/// <summary>What became of the rows.</summary>
/// <param name="Count">How many were written anew.</param>
/// <param name="Problems">A sentence for each row that was left as it is.</param>
public sealed record RewrittenRows(int Count, IReadOnlyList<string> Problems);
