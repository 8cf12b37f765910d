using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Json;
using k8s.Models;

namespace KubeRuntime.Client;

/// <summary>The type of a watch event.</summary>
public enum WatchEventKind
{
    /// <summary>The object was created, or existed already.</summary>
    Added,

    /// <summary>The object was changed.</summary>
    Modified,

    /// <summary>The object was deleted.</summary>
    Deleted,

    /// <summary>Only the resource version increased.</summary>
    Bookmark,

    /// <summary>The server ended the watch with a status.</summary>
    Error,

    /// <summary>The object does not fit its class; only its metadata could be read.</summary>
    Unreadable,
}

/// <summary>One event of a watch.</summary>
public readonly record struct WatchEvent<T>(WatchEventKind Type, T? Resource, V1ObjectMeta? Metadata = null, V1Status? Error = null);

/// <summary>
/// Reads a watch line by line (API concepts, "Efficient detection of changes"). It reads the type of a line first, because an ERROR
/// contains a Status instead of an object.
/// </summary>
internal static class WatchStream
{
    /// <summary>The maximum length of a line, in bytes: several times the largest object that the API server accepts (3 MiB).</summary>
    public const int MaxLine = 16 * 1024 * 1024;

    public static async IAsyncEnumerable<WatchEvent<T>> ReadAsync<T>(
        Stream stream, ApiJson json, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pipe = PipeReader.Create(stream);
        while (true)
        {
            var read = await ReadAsync(pipe, cancellationToken);
            var buffer = read.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = buffer.Slice(0, end);
                buffer = buffer.Slice(buffer.GetPosition(1, end));
                if (!line.IsEmpty)
                    yield return Parse<T>(line, json);
            }

            if (buffer.Length > MaxLine)
                throw new ApiUnavailableException($"a line of the watch is longer than {MaxLine} bytes");
            pipe.AdvanceTo(buffer.Start, buffer.End);
            // A rest without a line break was cut off: the next watch delivers it again.
            if (read.IsCompleted)
                yield break;
        }
    }

    private static async ValueTask<ReadResult> ReadAsync(PipeReader pipe, CancellationToken cancellationToken)
    {
        try
        {
            return await pipe.ReadAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new ApiUnavailableException($"the connection broke: {e.InnerException?.Message ?? e.Message}", e);
        }
    }

    private static WatchEvent<T> Parse<T>(ReadOnlySequence<byte> line, ApiJson json)
    {
        try
        {
            var type = ReadType(line) switch
            {
                "ADDED" => WatchEventKind.Added,
                "MODIFIED" => WatchEventKind.Modified,
                "DELETED" => WatchEventKind.Deleted,
                "BOOKMARK" => WatchEventKind.Bookmark,
                "ERROR" => WatchEventKind.Error,
                _ => throw new JsonException(),
            };
            return type == WatchEventKind.Error ? new(type, default, null, Read<V1Status>(line, json)) : ReadObject<T>(type, line, json);
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            // The text of the exception and of its inner exceptions can quote the line.
            throw new ApiUnavailableException("a line of the watch cannot be read as an event");
        }
    }

    private static WatchEvent<T> ReadObject<T>(WatchEventKind type, ReadOnlySequence<byte> line, ApiJson json)
    {
        try
        {
            return new(type, Read<T>(line, json));
        }
        catch (Exception e) when (type != WatchEventKind.Bookmark && IsUnreadable(e))
        {
            return new(WatchEventKind.Unreadable, default, Read<PartialObjectMetadata>(line, json)?.Metadata);
        }
    }

    /// <summary>True for every exception that reading an object can throw because of its JSON.</summary>
    // The converters of KubernetesClient throw FormatException and others. An escape that is not valid text throws InvalidOperationException.
    public static bool IsUnreadable(Exception e) =>
        e is JsonException or FormatException or InvalidOperationException or ArgumentException or OverflowException or NotSupportedException;

    private static T? Read<T>(ReadOnlySequence<byte> line, ApiJson json)
    {
        var reader = new Utf8JsonReader(line);
        return Find(ref reader, "object"u8) ? JsonSerializer.Deserialize(ref reader, json.Info<T>()) : default;
    }

    private static string? ReadType(ReadOnlySequence<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        return Find(ref reader, "type"u8) ? reader.GetString() : null;
    }

    /// <summary>Moves to the value of a property of the line; false when the line has no property of that name.</summary>
    private static bool Find(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMatch = reader.ValueTextEquals(name);
            reader.Read();
            if (isMatch)
                return true;
            reader.Skip();
        }

        return false;
    }
}
