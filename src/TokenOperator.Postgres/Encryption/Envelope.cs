using System.Buffers;
using System.Text;
using System.Text.Json;
using TokenOperator.Core.Documents;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// An encrypted document in the column <c>token_data</c>: a JSON object whose members have the names of RFC 7516 (JSON Web
/// Encryption): <c>enc</c>, <c>kid</c>, <c>iv</c>, <c>ciphertext</c>, <c>tag</c>. The last three are in base64.
/// </summary>
/// <param name="KeyId">The name of the key.</param>
/// <param name="Iv">The initialization vector of 12 bytes, a new one for each encryption.</param>
/// <param name="Ciphertext">The encrypted document.</param>
/// <param name="Tag">The authentication tag of 16 bytes.</param>
internal sealed record Envelope(string KeyId, byte[] Iv, byte[] Ciphertext, byte[] Tag)
{
    /// <summary>The algorithm (RFC 7518, section 5.3).</summary>
    public const string Algorithm = "A256GCM";

    /// <summary>The size that NIST SP 800-38D recommends, in bytes.</summary>
    public const int IvSize = 12;

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
                && ciphertext.ValueKind == JsonValueKind.String && ciphertext.TryGetBytesFromBase64(out var encrypted))
            {
                envelope = new Envelope(keyId, iv, encrypted, tag);
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
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static byte[]? Bytes(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out var bytes) ? bytes : null;
}
