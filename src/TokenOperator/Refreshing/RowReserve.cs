using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>
/// Rows that no object named when all rows were read, so that objects which are created together later do not cost one read each. There can
/// be any number of such rows, because they stay when their objects are deleted. The reserve therefore has a fixed size. Rows that do not
/// fit are read when they are needed. Thread-safe.
/// </summary>
internal sealed class RowReserve
{
    /// <summary>The maximum size of all rows together, in bytes: about 2,000 rows with the tokens of the usual providers.</summary>
    internal const int MaxSize = 4 * 1024 * 1024;

    /// <summary>What a row needs apart from its texts, and each text apart from its characters.</summary>
    private const int RowSize = 1024;
    private const int TextSize = 32;

    private readonly Lock _sync = new();
    private Dictionary<AccountKey, AccountRecord> _rows = [];
    private long _removals;

    /// <summary>Begins to collect rows from a statement that is about to be sent.</summary>
    public Filling Begin()
    {
        lock (_sync)
            return new Filling(_removals);
    }

    /// <summary>
    /// Keeps what was collected, in place of all earlier rows. Nothing is kept if a row was removed after the statement was sent, because the
    /// statement may have seen an earlier state of that row.
    /// </summary>
    public void Replace(Filling filling)
    {
        lock (_sync)
            _rows = filling.Removals == _removals ? filling.Rows : [];
    }

    /// <summary>Takes a row out of the reserve; null if it is not there.</summary>
    public AccountRecord? Take(AccountKey key)
    {
        lock (_sync)
            return _rows.Remove(key, out var row) ? row : null;
    }

    /// <summary>Removes a row that has changed, or whose current state is known from elsewhere.</summary>
    public void Remove(AccountKey key)
    {
        lock (_sync)
        {
            _removals++;
            _rows.Remove(key);
        }
    }

    /// <summary>The rows of one statement.</summary>
    internal sealed class Filling(long removals)
    {
        private int _size;

        public long Removals => removals;

        public Dictionary<AccountKey, AccountRecord> Rows { get; } = [];

        public bool IsFull => _size > MaxSize - RowSize;

        /// <summary>Adds a row if it fits.</summary>
        public void Add(AccountRecord row)
        {
            var size = SizeOf(row);
            if (size <= MaxSize - _size && Rows.TryAdd(row.Key, row))
                _size += size;
        }

        private static int SizeOf(AccountRecord row)
        {
            var (token, failure, claim) = (row.Token, row.Failure, row.OpenClaim);
            string?[] texts =
            [
                row.Key.Provider, row.Key.Account, row.Incarnation, failure?.Detail, failure?.InputsFingerprint, claim?.Scope, claim?.Holder,
                token.RefreshToken?.Reveal(), token.AccessToken?.Reveal(), token.TokenType, token.Identity?.Email, token.Identity?.Subject,
                token.GrantInputs, .. token.Scopes, .. token.Exports.Keys, .. token.Exports.Values, .. row.Namespaces ?? [], .. row.DeniedNamespaces, .. row.NamespaceUids, .. row.SeedFingerprints,
            ];
            return RowSize + texts.Sum(text => text is null ? 0 : TextSize + (sizeof(char) * text.Length));
        }
    }
}
