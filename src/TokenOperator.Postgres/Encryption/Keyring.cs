using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// The keys of a folder. The key whose name comes last in ordinal order is the current one, which encrypts new rows. The folder is
/// checked again while the keyring is in use, so a key that is mounted later takes effect without a restart. While the folder
/// cannot be read, or a file in it is not a key, the previous keys stay in use.
/// </summary>
internal sealed partial class Keyring
{
    // The kubelet takes about a minute to update a mounted Secret, so more frequent checks find nothing sooner.
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CheckIntervalForUnknown = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _checking = new();
    private volatile IReadOnlyList<DataKey> _keys;
    private long _checkedAt;
    private DateTime _changedAt;
    private string? _problem;

    /// <summary>Reads the folder.</summary>
    /// <exception cref="InvalidSettingException">The folder cannot be used.</exception>
    public Keyring(string folder, TimeProvider time, ILogger logger)
    {
        (Folder, _time, _logger) = (folder, time, logger);
        _changedAt = Directory.GetLastWriteTimeUtc(folder);
        _keys = KeyFolder.Read(folder);
        _checkedAt = time.GetTimestamp();
        LogKeys();
    }

    /// <summary>The folder that contains the keys.</summary>
    public string Folder { get; }

    /// <summary>The names of all keys in ascending order.</summary>
    public IReadOnlyList<string> Ids => [.. _keys.Select(key => key.Id)];

    /// <summary>The key that encrypts new rows.</summary>
    public DataKey Current
    {
        get
        {
            Check(CheckInterval);
            return _keys[^1];
        }
    }

    /// <summary>The key of this name, or null when the folder has none.</summary>
    public DataKey? Find(string id)
    {
        Check(CheckInterval);
        if (Find(_keys, id) is { } known)
            return known;
        // A key that was added a moment ago is found immediately. A missing key costs one read of the timestamp of the folder.
        Check(Directory.GetLastWriteTimeUtc(Folder) == _changedAt ? CheckIntervalForUnknown : TimeSpan.Zero);
        return Find(_keys, id);
    }

    private static string Names(IReadOnlyList<DataKey> keys) => string.Join(", ", keys);

    private static DataKey? Find(IReadOnlyList<DataKey> keys, string id) => keys.FirstOrDefault(key => key.Id == id);

    private void LogKeys()
    {
        LogRead(Folder, Names(_keys), _keys[^1].Id);
        foreach (var file in FileAccessCheck.WorldReadable(_keys.Select(key => Path.Combine(Folder, key.Id))))
            LogWorldReadable(file, FileAccessCheck.Remedy(file));
    }

    private void Check(TimeSpan interval)
    {
        lock (_checking)
        {
            if (_time.GetElapsedTime(_checkedAt) < interval)
                return;
            _checkedAt = _time.GetTimestamp();
            try
            {
                var before = _keys;
                _changedAt = Directory.GetLastWriteTimeUtc(Folder);
                _keys = KeyFolder.Read(Folder);
                _problem = null;
                if (!_keys.Select(key => key.Id).SequenceEqual(before.Select(key => key.Id)) || !_keys.Zip(before).All(pair => pair.First.HasBytesOf(pair.Second)))
                    LogKeys();
            }
            catch (InvalidSettingException e)
            {
                if (_problem != e.Message)
                    LogKept(Names(_keys), e.Message);
                _problem = e.Message;
            }
        }
    }

    [LoggerMessage(6100, LogLevel.Information, "The keyring {Folder} contains the keys {Keys}; rows are encrypted with {Current}")]
    private partial void LogRead(string folder, string keys, string current);

    [LoggerMessage(6101, LogLevel.Warning, "The keys {Keys} stay in use: {Problem}")]
    private partial void LogKept(string keys, string problem);

    [LoggerMessage(6103, LogLevel.Warning, "Every user of this machine can read the key {File}. Run: {Command}")]
    private partial void LogWorldReadable(string file, string command);
}
