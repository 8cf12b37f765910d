using System.Buffers;
using System.Text;
using System.Text.Json;
using KubeRuntime.Client;

namespace TokenOperator.Tests.KubeRuntime.Client;

public sealed class ListStreamTests
{
    private static readonly ApiJson Json = new();

    [Theory]
    [InlineData("""{"kind":"List","metadata":{"resourceVersion":"7","continue":"c"},"items":[{"a":1},{"b":[{},"}"]}]}""", "{\"a\":1}", "{\"b\":[{},\"}\"]}")]
    [InlineData("""{"items":[{"a":1}],"metadata":{"resourceVersion":"7","continue":"c"}}""", "{\"a\":1}")]
    [InlineData(""" { "x" : {"items":[1]}, "items" : [ ] , "metadata" : {"continue":"c","resourceVersion":"7"} } """)]
    [InlineData("""{"metadata":{"resourceVersion":"7","continue":"c"},"items":null}""")]
    [InlineData("""{"metadata":{"resourceVersion":"7","continue":"c"}}""")]
    public async Task A_list_is_read_item_by_item_however_it_is_cut_into_parts(string text, params string[] items)
    {
        foreach (var size in new[] { 1, 2, 7, 4096 })
        {
            var read = new List<string>();
            var page = (await ListStream.ReadAsync(
                new SlicedStream([Encoding.UTF8.GetBytes(text)], size), Json, item => read.Add(Encoding.UTF8.GetString(item.ToArray())), long.MaxValue, default))!.Value;
            read.Should().Equal(items, $"in parts of {size}");
            (page.Metadata.ResourceVersion, page.Metadata.ContinueProperty, page.Count, page.Bytes).Should().Be(("7", "c", items.Length, items.Sum(item => (long)item.Length)));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("<h1>Welcome</h1>")]
    [InlineData("""{"items":{}}""")]
    [InlineData("""{"items":7}""")]
    [InlineData("""{"metadata":{},"items":[{"a":1},""")]
    [InlineData("""{"metadata":{},"items":[{"a":1}""")]
    [InlineData("""{"metadata":{},"items":[{"a":1}]""")]
    public async Task A_document_that_is_not_a_whole_list_is_an_error(string text)
    {
        foreach (var size in new[] { 1, 4096 })
        {
            var read = () => ListStream.ReadAsync(new SlicedStream([Encoding.UTF8.GetBytes(text)], size), Json, _ => { }, long.MaxValue, default);
            await read.Should().ThrowAsync<JsonException>($"in parts of {size}");
        }
    }

    [Fact]
    public async Task A_page_that_is_too_long_is_not_read_to_its_end()
    {
        var item = Encoding.UTF8.GetBytes($$$"""{"a":"{{{new string('x', 100_000)}}}"},""");
        var stream = new SlicedStream([Encoding.UTF8.GetBytes("""{"items":["""), .. Enumerable.Repeat(item, 100), Encoding.UTF8.GetBytes("{}]}")], 32 * 1024);
        (await ListStream.ReadAsync(stream, Json, _ => { }, maxBytes: 1_000_000, default)).Should().BeNull();
        stream.Position.Should().BeLessThan(2_000_000);
    }

    [Fact]
    public async Task A_page_of_large_objects_is_never_in_memory_as_a_whole()
    {
        const int Count = 200;
        var item = Encoding.UTF8.GetBytes($$$$"""{"metadata":{"annotations":{"a":"{{{{new string('x', 250_000)}}}}"}}},""");
        var stream = new SlicedStream([Encoding.UTF8.GetBytes("""{"items":["""), .. Enumerable.Repeat(item, Count), Encoding.UTF8.GetBytes("{}]}")], 32 * 1024);
        var (done, ahead) = (0L, 0L);

        await ListStream.ReadAsync(
            stream, Json,
            json =>
            {
                done += json.Length;
                ahead = Math.Max(ahead, stream.Position - done);
            },
            long.MaxValue,
            default);

        done.Should().BeGreaterThan(Count * 250_000);
        ahead.Should().BeLessThan(item.Length, "no item is read before those in front of it are done, but for the buffer");
    }

    /// <summary>Bytes that arrive in parts of a certain size.</summary>
    private sealed class SlicedStream(IEnumerable<byte[]> parts, int size) : Stream
    {
        private readonly IEnumerator<byte[]> _parts = parts.GetEnumerator();
        private ReadOnlyMemory<byte> _rest;
        private long _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => _position; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            while (_rest.IsEmpty)
            {
                if (!_parts.MoveNext())
                    return 0;
                _rest = _parts.Current;
            }

            var length = Math.Min(Math.Min(size, count), _rest.Length);
            _rest.Span[..length].CopyTo(buffer.AsSpan(offset));
            _rest = _rest[length..];
            _position += length;
            return length;
        }

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
