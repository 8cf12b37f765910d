using System.Buffers;
using System.Text;
using System.Text.Json;
using TokenOperator.Core.Documents;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// An encrypted document in the column <c>token_data</c>: a JSON object whose members have the names of RFC 7516 (JSON Web
/// Encryption): <c>enc</c>, <c>kid</c>, <c>iv</c>, <c>ciphertext</c>, <c>tag</c>. The last three are in base64. Three more members bind
/// the document to a state of its row: <c>generation</c>, <c>access</c> and <c>seal</c>. Earlier versions ignore them and write documents without.
/// </summary>
/// <param name="KeyId">The name of the key.</param>
/// <param name="Iv">The initialization vector of 12 bytes, a new one for each encryption.</param>
/// <param name="Ciphertext">The encrypted document.</param>
/// <param name="Tag">The authentication tag of 16 bytes.</param>
internal sealed record Envelope(string KeyId, byte[] Iv, byte[] Ciphertext, byte[] Tag)
{
    /// <summary>The size of <see cref="RowSeal.Code"/> in bytes.</summary>
    private const int SealSize = 32;

    /// <summary>The algorithm (RFC 7518, section 5.3).</summary>
    public const string Algorithm = "A256GCM";

    /// <summary>The size that NIST SP 800-38D recommends, in bytes.</summary>
    public const int IvSize = 12;

    /// <summary>The state of the row for which the document was written; null in a document of an earlier version.</summary>
    public RowSeal? Seal { get; init; }

    /// <summary>True when <paramref name="stored"/> is an encrypted document of any form; false for any other text.</summary>
    /// <param name="stored">The content of the column.</param>
    /// <param name="envelope">The parts; null when the document does not have the form that this version writes.</param>
    public static bool IsEncrypted(string stored, out Envelope? envelope)
    {
        envelope = null;
        try
        {
            using var json = JsonDocument.Parse(stored);
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("ciphertext", out var ciphertext))
                return false;
            if (root.Text("enc") == Algorithm && root.Text("kid") is { } keyId && KeyFolder.IsName(keyId)
                && Bytes(root, "iv") is { Length: IvSize } iv && Bytes(root, "tag") is { Length: DataKey.TagSizeInBytes } tag
                && ciphertext.ValueKind == JsonValueKind.String && ciphertext.TryGetBytesFromBase64(out var encrypted)
                && TryReadSeal(root, out var seal))
            {
                envelope = new Envelope(keyId, iv, encrypted, tag) { Seal = seal };
            }

            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, or an escape sequence that is not text. TokenDocument reports what is wrong.
            return false;
        }
    }

    /// <summary>Writes the JSON object.</summary>
    public string Write()
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("enc", Algorithm);
            writer.WriteString("kid", KeyId);
            writer.WriteBase64String("iv", Iv);
            writer.WriteBase64String("ciphertext", Ciphertext);
            writer.WriteBase64String("tag", Tag);
            if (Seal is { } seal)
            {
                writer.WriteNumber("generation", seal.Generation);
                if (seal.Access is { } access)
                    writer.WriteNumber("access", access);
                writer.WriteBase64String("seal", seal.Code);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>False when only a part of the seal is there, or a part is not what this version writes.</summary>
    private static bool TryReadSeal(JsonElement root, out RowSeal? seal)
    {
        seal = null;
        var hasGeneration = root.TryGetProperty("generation", out var generation);
        if (!hasGeneration && !root.TryGetProperty("seal", out _))
            return true;
        if (!hasGeneration || generation.ValueKind != JsonValueKind.Number || !generation.TryGetInt64(out var number) || Bytes(root, "seal") is not { Length: SealSize } code)
            return false;
        long? access = null;
        if (root.TryGetProperty("access", out var version))
        {
            if (version.ValueKind != JsonValueKind.Number || !version.TryGetInt64(out var value))
                return false;
            access = value;
        }

        seal = new RowSeal(number, access, code);
        return true;
    }

    private static byte[]? Bytes(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out var bytes) ? bytes : null;
}

/// <summary>Binds a document to the generation of its row, so that an old document of the same account is noticed when someone takes it back.</summary>
/// <param name="Generation">The generation of the row that the document was written for.</param>
/// <param name="Access">The version of the row's access when the document was written, so that an earlier one is noticed; null if it was not sealed.</param>
/// <param name="Code">The authentication code of account, generation, access and ciphertext.</param>
internal sealed record RowSeal(long Generation, long? Access, byte[] Code);
