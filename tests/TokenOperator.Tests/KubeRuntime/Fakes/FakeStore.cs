using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace TokenOperator.Tests.KubeRuntime.Fakes;

/// <summary>The store rejects a request.</summary>
internal sealed class RefusedException(int code, string reason, string message) : Exception(message)
{
    public int Code { get; } = code;

    public string Reason { get; } = reason;
}

/// <summary>The objects of the fake API server and the history of their changes, with the rules that the runtime relies on.</summary>
internal sealed class FakeStore
{
    private readonly Lock _sync = new();
    private readonly SortedDictionary<string, JsonObject> _objects = new(StringComparer.Ordinal);
    private readonly List<(long Version, string Collection, string Type, string Object)> _history = [];
    private readonly List<(string Collection, string Namespace, Channel<string> Lines)> _watches = [];
    private long _version = 100;
    private long _forgotten;

    public long Version
    {
        get { lock (_sync) return _version; }
    }

    public int WatchCount
    {
        get { lock (_sync) return _watches.Count; }
    }

    public static string Key(string collection, string ns, string name) => $"{collection}|{ns}|{name}";

    public JsonObject? Get(string collection, string ns, string name)
    {
        lock (_sync)
            return _objects.TryGetValue(Key(collection, ns, name), out var found) ? Copy(found) : null;
    }

    public (List<JsonObject> Items, long Version) List(string collection, string ns)
    {
        lock (_sync)
        {
            var prefix = ns.Length == 0 ? $"{collection}|" : $"{collection}|{ns}|";
            return (_objects.Where(o => o.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(o => Copy(o.Value)).ToList(), _version);
        }
    }

    public JsonObject Create(string collection, JsonObject body)
    {
        lock (_sync)
        {
            var metadata = body["metadata"]!.AsObject();
            var key = Key(collection, (string?)metadata["namespace"] ?? "", (string)metadata["name"]!);
            if (_objects.ContainsKey(key))
                throw new RefusedException(409, "AlreadyExists", "it exists already");
            metadata["uid"] = Guid.NewGuid().ToString();
            metadata["generation"] = 1L;
            return Save(collection, key, Copy(body), "ADDED");
        }
    }

    /// <summary>Applies <paramref name="change"/> to an object; null when there is none.</summary>
    public JsonObject? Update(string collection, string ns, string name, Action<JsonObject> change)
    {
        lock (_sync)
        {
            var key = Key(collection, ns, name);
            if (!_objects.TryGetValue(key, out var old))
                return null;
            var changed = Copy(old);
            change(changed);
            var metadata = changed["metadata"]!.AsObject();
            if ((string?)metadata["resourceVersion"] != (string?)old["metadata"]!["resourceVersion"])
                throw new RefusedException(409, "Conflict", "the object has been modified");
            if (changed["spec"]?.ToJsonString() != old["spec"]?.ToJsonString())
                metadata["generation"] = (long)metadata["generation"]! + 1;
            if (metadata["deletionTimestamp"] is not null && metadata["finalizers"] is not JsonArray { Count: > 0 })
                return Remove(collection, key, changed);
            return changed.ToJsonString() == old.ToJsonString() ? Copy(old) : Save(collection, key, changed, "MODIFIED");
        }
    }

    public JsonObject? Delete(string collection, string ns, string name)
    {
        lock (_sync)
        {
            var key = Key(collection, ns, name);
            if (!_objects.TryGetValue(key, out var old))
                return null;
            if (old["metadata"]!["finalizers"] is not JsonArray { Count: > 0 })
                return Remove(collection, key, Copy(old));
            return Update(collection, ns, name, o => o["metadata"]!["deletionTimestamp"] = "2030-01-01T00:00:00Z");
        }
    }

    /// <summary>A watch of all changes after <paramref name="since"/>, past and future.</summary>
    public Channel<string> Watch(string collection, string ns, long since)
    {
        lock (_sync)
        {
            if (since < _forgotten)
                throw new RefusedException(410, "Expired", $"too old resource version: {since} ({_forgotten})");
            var lines = Channel.CreateUnbounded<string>();
            foreach (var (_, _, type, item) in _history.Where(h => h.Version > since && h.Collection == collection && IsIn(ns, h.Object)))
                lines.Writer.TryWrite(Line(type, item));
            _watches.Add((collection, ns, lines));
            return lines;
        }
    }

    public void Unwatch(Channel<string> lines)
    {
        lock (_sync)
            _watches.RemoveAll(w => w.Lines == lines);
    }

    /// <summary>Ends all watches, as a server does at their timeout.</summary>
    public void EndWatches()
    {
        lock (_sync)
            _watches.ForEach(w => w.Lines.Writer.TryComplete());
    }

    /// <summary>Writes a line to all watches of a collection.</summary>
    public void Tell(string collection, string line)
    {
        lock (_sync)
            _watches.Where(w => w.Collection == collection).ToList().ForEach(w => w.Lines.Writer.TryWrite(line));
    }

    /// <summary>Makes changes that no open watch reports, and discards the history that contains them.</summary>
    public void WhileNobodyLooks(Action changes)
    {
        lock (_sync)
        {
            var open = _watches.ToList();
            _watches.Clear();
            changes();
            _watches.AddRange(open);
            _history.Clear();
            _forgotten = ++_version;
        }
    }

    public static string Line(string type, string item) => $$"""{"type":"{{type}}","object":{{item}}}""";

    private static JsonObject Copy(JsonObject o) => o.DeepClone().AsObject();

    private static bool IsIn(string ns, string item) => ns.Length == 0 || (string?)JsonNode.Parse(item)!["metadata"]!["namespace"] == ns;

    private JsonObject Save(string collection, string key, JsonObject body, string type)
    {
        body["metadata"]!["resourceVersion"] = (++_version).ToString(System.Globalization.CultureInfo.InvariantCulture);
        _objects[key] = body;
        Record(collection, type, body);
        return Copy(body);
    }

    private JsonObject Remove(string collection, string key, JsonObject last)
    {
        _objects.Remove(key);
        last["metadata"]!["resourceVersion"] = (++_version).ToString(System.Globalization.CultureInfo.InvariantCulture);
        Record(collection, "DELETED", last);
        return last;
    }

    private void Record(string collection, string type, JsonObject body)
    {
        var item = body.ToJsonString();
        _history.Add((_version, collection, type, item));
        foreach (var watch in _watches.Where(w => w.Collection == collection && IsIn(w.Namespace, item)))
            watch.Lines.Writer.TryWrite(Line(type, item));
    }
}
