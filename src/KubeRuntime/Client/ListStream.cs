using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using k8s.Models;

namespace KubeRuntime.Client;

/// <summary>One page of a LIST, without its items.</summary>
/// <param name="Metadata">The version of the collection, and the token for the next page.</param>
/// <param name="Count">How many items the page had.</param>
/// <param name="Bytes">How many bytes its items had.</param>
internal readonly record struct ListPage(V1ListMeta Metadata, int Count, long Bytes);

/// <summary>
/// Reads a LIST item by item. Only one item is in memory at a time, whatever the page holds: objects can have a megabyte, and everyone with the right to
/// create Secrets in some namespace determines the size of a page.
/// </summary>
internal static class ListStream
{
    private const int ReadSize = 64 * 1024;

    /// <summary>Reads the page, and hands the JSON of each item to <paramref name="item"/>, which must not keep it.</summary>
    /// <param name="stream">The page.</param>
    /// <param name="json">Reads the metadata of the list.</param>
    /// <param name="item">Receives the items.</param>
    /// <param name="maxBytes">Reads no further once the items have more bytes than this.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <returns>The page; null if it is longer than <paramref name="maxBytes"/>.</returns>
    /// <exception cref="JsonException">The page is not a list.</exception>
    public static async Task<ListPage?> ReadAsync(
        Stream stream, ApiJson json, Action<ReadOnlySequence<byte>> item, long maxBytes, CancellationToken cancellationToken)
    {
        var pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: ReadSize, leaveOpen: true));
        var parser = new Parser(json, item);
        while (true)
        {
            var read = await pipe.ReadAsync(cancellationToken);
            var consumed = parser.Parse(read.Buffer, read.IsCompleted);
            if (parser.Bytes > maxBytes)
                return null;
            if (parser.Page is { } page)
                return page;
            if (read.Buffer.Slice(consumed).Length > WatchStream.MaxLine || read.IsCompleted)
                throw new JsonException();
            pipe.AdvanceTo(consumed, read.Buffer.End);
        }
    }

    /// <summary>Continues with each part of the document where the previous one ended.</summary>
    private sealed class Parser(ApiJson json, Action<ReadOnlySequence<byte>> item)
    {
        private JsonReaderState _state;
        private V1ListMeta _metadata = new();
        private int _count;
        private bool _isInItems;
        private bool _isStarted;

        /// <summary>The page when the document has ended; null before.</summary>
        public ListPage? Page { get; private set; }

        /// <summary>How many bytes the items had so far.</summary>
        public long Bytes { get; private set; }

        /// <summary>Parses what is complete, and returns where the rest begins.</summary>
        public SequencePosition Parse(ReadOnlySequence<byte> buffer, bool isFinal)
        {
            var reader = new Utf8JsonReader(buffer, isFinal, _state);
            var consumed = buffer.Start;
            while (Page is null && Step(ref reader, buffer))
            {
                consumed = reader.Position;
                _state = reader.CurrentState;
            }

            return consumed;
        }

        /// <summary>Reads one item or one property as a whole; false if it is not complete.</summary>
        private bool Step(ref Utf8JsonReader reader, ReadOnlySequence<byte> buffer)
        {
            if (!reader.Read())
                return false;
            if (!_isStarted)
                return _isStarted = reader.TokenType == JsonTokenType.StartObject ? true : throw new JsonException();
            if (_isInItems)
                return ReadItem(ref reader, buffer);
            if (reader.TokenType == JsonTokenType.EndObject)
            {
                Page = new ListPage(_metadata, _count, Bytes);
                return true;
            }

            var (isItems, isMetadata) = (reader.ValueTextEquals("items"u8), reader.ValueTextEquals("metadata"u8));
            if (!reader.Read())
                return false;
            if (isItems && reader.TokenType == JsonTokenType.StartArray)
                return _isInItems = true;
            // An empty list of metadata has null for its items (seen on Kubernetes 1.20).
            if (isItems && reader.TokenType != JsonTokenType.Null)
                throw new JsonException();
            if (Whole(ref reader, buffer) is not { } value)
                return false;
            if (isMetadata)
            {
                var inner = new Utf8JsonReader(value);
                _metadata = JsonSerializer.Deserialize(ref inner, json.Info<V1ListMeta>()) ?? new();
            }

            return true;
        }

        private bool ReadItem(ref Utf8JsonReader reader, ReadOnlySequence<byte> buffer)
        {
            if (reader.TokenType == JsonTokenType.EndArray)
            {
                _isInItems = false;
                return true;
            }

            if (Whole(ref reader, buffer) is not { } value)
                return false;
            item(value);
            _count++;
            Bytes += value.Length;
            return true;
        }

        private static ReadOnlySequence<byte>? Whole(ref Utf8JsonReader reader, ReadOnlySequence<byte> buffer)
        {
            var start = reader.TokenStartIndex;
            return reader.TrySkip() ? buffer.Slice(start, reader.BytesConsumed - start) : null;
        }
    }
}
