using Microsoft.Extensions.Logging;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// The keys of a folder. The one whose name comes last in order (ordinal) is current: new rows are encrypted under it. The folder is
/// looked at again while it is used, so that a key that is mounted later counts without a restart. While it cannot be
/// read, or something in it is no key, the keys that were there go on.
/// </summary>
public sealed class Keyring
{
    // The kubelet takes up to a minute or so to bring a changed Secret into a pod: looking more often finds nothing sooner.
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookForUnknownEvery = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Lock _looking = new();
    private volatile IReadOnlyList<DataKey> _keys;
    private long _lookedAt;
    private DateTime _changedAt;
    private string? _problem;

    /// <summary>Reads the folder.</summary>
    /// <exception cref="KeyringException">It cannot be used.</exception>
    public Keyring(string folder, TimeProvider clock, ILogger log)
    {
        (Folder, _clock, _log) = (folder, clock, log);
        _changedAt = Directory.GetLastWriteTimeUtc(folder);
        _keys = KeyFolder.Read(folder);
        _lookedAt = clock.GetTimestamp();
        log.KeyringRead(folder, Names(_keys), _keys[^1].Id);
    }

    /// <summary>Where the keys are.</summary>
    public string Folder { get; }

    /// <summary>The names of all keys, in their order.</summary>
    public IReadOnlyList<string> Ids => [.. _keys.Select(key => key.Id)];

    /// <summary>The key to encrypt under.</summary>
    public DataKey Current
    {
        get
        {
            LookAgain(LookEvery);
            return _keys[^1];
        }
    }

    /// <summary>The key of this name, or null when the folder has none.</summary>
    public DataKey? Find(string id)
    {
        LookAgain(LookEvery);
        if (Among(_keys, id) is { } known)
            return known;
        // A key that was added a moment ago is found at once; one that is missing costs a look at the folder's time.
        LookAgain(Directory.GetLastWriteTimeUtc(Folder) == _changedAt ? LookForUnknownEvery : TimeSpan.Zero);
        return Among(_keys, id);
    }

    private static string Names(IReadOnlyList<DataKey> keys) => string.Join(", ", keys);

    private static DataKey? Among(IReadOnlyList<DataKey> keys, string id) => keys.FirstOrDefault(key => key.Id == id);

    private void LookAgain(TimeSpan unlessWithin)
    {
        lock (_looking)
        {
            if (_clock.GetElapsedTime(_lookedAt) < unlessWithin)
                return;
            _lookedAt = _clock.GetTimestamp();
            try
            {
                var before = _keys;
                _changedAt = Directory.GetLastWriteTimeUtc(Folder);
                _keys = KeyFolder.Read(Folder);
                _problem = null;
                if (!_keys.Select(key => key.Id).SequenceEqual(before.Select(key => key.Id)) || !_keys.Zip(before).All(pair => pair.First.HasBytesOf(pair.Second)))
                    _log.KeyringRead(Folder, Names(_keys), _keys[^1].Id);
            }
            catch (KeyringException e)
            {
                if (_problem != e.Message)
                    _log.KeyringKept(Names(_keys), e.Message);
                _problem = e.Message;
            }
        }
    }
}
