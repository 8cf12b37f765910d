using System.Globalization;
using System.Text;

namespace TokenOperator.Tests.Hostile;

/// <summary>
/// Feeds a reader with damaged copies of valid documents. The same seed creates the same copies, so that a failure can be
/// reproduced. Set FUZZ_SEED and FUZZ_ROUNDS in the environment to search further than a test run does.
/// </summary>
internal static class Fuzz
{
    /// <summary>Replaces the word MARKED, which stands for every secret in the documents.</summary>
    public const string Canary = "Qz7marked-Wv4secret-Xk9value";

    /// <summary>The number of characters of the canary that no message may repeat.</summary>
    private const int Piece = 8;

    // Far more than any reader needs, and far less than an input that expands exponentially would take.
    private const int BytesForEach = 1024 * 1024;
    private const int BytesForEachByte = 4096;

    private static readonly TimeSpan Hanging = TimeSpan.FromMinutes(3);

    private static readonly byte[][] Splinters =
    [
        .. new[]
        {
            "\"", "\\", "\\u0000", "\\ud800", "{", "}", "[", "]", ":", ",", "null", "true", "-1", "0", "1e999", "-1e-999", "99999999999999999999", "NaN",
            "1769860800", "2026-99-31T12:00:00Z", "0001-01-01T00:00:00Z", ";", "=", "@", "&", "%", "%zz", "%00", "?", "/", "//", "'", "#", " ", "\r\n", "\n", "\0",
            "\u202E", "\u2028", "\uFEFF", "\U0001F511", "../", "Password=", "password=", "\"refresh_token\":", Canary, Canary[..12],
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF], [0xC3, 0x28], [0x80, 0x04], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
    ];

    /// <summary>Feeds <paramref name="read"/>, which throws if anything is wrong, and limits its allocations.</summary>
    /// <param name="documents">Valid documents, with MARKED in place of secrets.</param>
    /// <param name="read">Reads a document on the thread that calls it.</param>
    /// <param name="rounds">The number of damaged copies.</param>
    public static Task RunAsync(IReadOnlyList<string> documents, Action<byte[]> read, int rounds = 3000)
    {
        var seed = Setting("FUZZ_SEED", 20260501);
        var valid = documents.Select(text => Encoding.UTF8.GetBytes(text.Replace("MARKED", Canary, StringComparison.Ordinal))).ToArray();
        // On a thread of its own, so that a reader that hangs fails its test instead of blocking all tests.
        return Task.Factory.StartNew(
            () =>
            {
                foreach (var document in valid)
                    Feed(document, read, "a valid document");
                for (var round = 0; round < Setting("FUZZ_ROUNDS", rounds); round++)
                    Feed(Damage(new Random(HashCodeOf(seed, round)), valid), read, $"FUZZ_SEED={seed}, round {round}");
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(Hanging);
    }

    /// <summary>Throws if <paramref name="text"/> repeats a part of the canary.</summary>
    public static void RefuseEcho(string text)
    {
        for (var i = 0; i + Piece <= Canary.Length; i++)
        {
            if (text.Contains(Canary.AsSpan(i, Piece), StringComparison.OrdinalIgnoreCase))
                throw new InvalidOperationException($"A part of the canary is repeated: {text}");
        }
    }

    /// <summary>Throws if <paramref name="text"/> is not suitable for a status, an event or a log line.</summary>
    public static void RequireShowable(string text, int longest)
    {
        if (text.Length > longest)
            throw new InvalidOperationException($"{text.Length} characters are shown: {text}");
        if (text.Any(c => char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator))
            throw new InvalidOperationException($"A character that changes how a line looks is shown: {text}");
    }

    private static void Feed(byte[] document, Action<byte[]> read, string what)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            read(document);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {Convert.ToBase64String(document)}", e);
        }

        var taken = GC.GetAllocatedBytesForCurrentThread() - before;
        if (taken > BytesForEach + (document.Length * BytesForEachByte))
            throw new InvalidOperationException($"{what}: {document.Length} bytes made the reader allocate {taken}: {Convert.ToBase64String(document.AsSpan(0, Math.Min(document.Length, 4096)))}");
    }

    private static byte[] Damage(Random random, byte[][] valid)
    {
        var document = valid[random.Next(valid.Length)].ToList();
        for (var times = random.Next(1, 5); times > 0; times--)
            DamageOnce(random, document, valid);
        return [.. document];
    }

    private static void DamageOnce(Random random, List<byte> document, byte[][] valid)
    {
        var at = random.Next(document.Count + 1);
        var length = random.Next(Math.Min(40, document.Count - at + 1));
        switch (random.Next(8))
        {
            case 0 when at < document.Count:
                document[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                document.RemoveRange(at, length);
                break;
            case 2:
                document.RemoveRange(at, document.Count - at);
                break;
            case 3:
                document.InsertRange(at, document.GetRange(at, length));
                break;
            case 4:
                var piece = Splinters[random.Next(Splinters.Length)];
                document.InsertRange(at, Enumerable.Repeat(piece, random.Next(20) == 0 ? random.Next(5000) : 1).SelectMany(b => b));
                break;
            case 5:
                document.RemoveRange(at, length);
                document.InsertRange(at, Splinters[random.Next(Splinters.Length)]);
                break;
            case 6:
                var other = valid[random.Next(valid.Length)];
                document.RemoveRange(at, document.Count - at);
                document.AddRange(other.AsSpan(random.Next(other.Length)));
                break;
            default:
                var bytes = new byte[random.Next(1, 9)];
                random.NextBytes(bytes);
                document.InsertRange(at, bytes);
                break;
        }
    }

    // Random's constructor gives neighbouring seeds similar first numbers.
    private static int HashCodeOf(int seed, int round) => (int)((((uint)seed * 0x9E3779B1u) ^ ((uint)round * 0x85EBCA77u)) & int.MaxValue);

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
