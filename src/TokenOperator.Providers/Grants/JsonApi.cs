using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Grants;

/// <summary>The answer of an API that is not OAuth 2.0, but issues tokens.</summary>
/// <param name="Status">The HTTP status; 0 if there was no answer.</param>
/// <param name="Body">The JSON object; undefined if there is none.</param>
/// <param name="Text">What the server says is wrong, or what is wrong with the connection. Not yet redacted.</param>
/// <param name="RetryAfter">The server's Retry-After, or null.</param>
internal sealed record ApiReply(int Status, JsonElement Body, string Text, TimeSpan? RetryAfter)
{
    private static readonly TimeSpan MinLifetime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(3650);

    /// <summary>True for a status of success.</summary>
    public bool IsSuccess => Status is >= 200 and < 300;

    /// <summary>What it means, apart from what a certain API says: temporary, or a mistake in <paramref name="otherwise"/>.</summary>
    public FailureKind Kind(FailureKind otherwise) => Status switch
    {
        0 or 408 or >= 500 => FailureKind.ProviderUnavailable,
        429 => FailureKind.RateLimited,
        < 400 => FailureKind.InvalidResponse,
        _ => otherwise,
    };

    /// <summary>The failure, with nothing of <paramref name="secrets"/>.</summary>
    public TokenResponse.Failed Fail(FailureKind kind, string step, params IEnumerable<SecretValue?> secrets) =>
        new(kind, Redactor.Of(Status == 0 ? Text : $"{step}: HTTP {Status}{(Text.Length > 0 ? $": {Text}" : "")}", [.. secrets]), TokenResponse.Believable(RetryAfter));

    /// <summary>The token in an answer, or why there is none.</summary>
    /// <param name="tokenField">The name of the field that holds it.</param>
    /// <param name="expiryField">The name of the field that says when it expires (RFC 3339).</param>
    /// <param name="now">When the request was sent.</param>
    /// <param name="scopes">What the token allows; null if the answer does not say.</param>
    /// <param name="step">What was done, for messages.</param>
    public TokenResponse ReadToken(string tokenField, string expiryField, DateTimeOffset now, IReadOnlyList<string>? scopes, string step)
    {
        if (Body.ValueKind != JsonValueKind.Object || Body.Text(tokenField) is not { } token || !CredentialSyntax.IsValid(token))
            return new TokenResponse.Failed(FailureKind.InvalidResponse, $"{step}: HTTP {Status}: the response has no {tokenField} of printable ASCII characters");
        if (!DateTimeOffset.TryParse(Body.Text(expiryField), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end) || end - now < MinLifetime || end - now > MaxLifetime)
            return new TokenResponse.Failed(FailureKind.InvalidResponse, $"{step}: HTTP {Status}: {expiryField} is not a time in the next 10 years");
        return new TokenResponse.Granted(new SecretValue(token), end - now, "Bearer", scopes, null, null);
    }
}

/// <summary>Calls such an API once, without redirects and retries.</summary>
internal static class JsonApi
{
    /// <summary>GitHub describes each repository of a token, of which there can be 500, in about 5 KiB.</summary>
    private const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>Sends one request.</summary>
    /// <param name="transport">Sends it.</param>
    /// <param name="method">The method.</param>
    /// <param name="address">An address of the provider's document, with names that were validated.</param>
    /// <param name="bearer">What proves who asks.</param>
    /// <param name="body">JSON, or null.</param>
    /// <param name="headers">Further header fields.</param>
    /// <param name="timeout">For the whole request.</param>
    public static async Task<ApiReply> SendAsync(
        IGrantTransport transport, HttpMethod method, Uri address, SecretValue bearer, ReadOnlyMemory<byte>? body, IEnumerable<KeyValuePair<string, string>> headers, TimeSpan timeout)
    {
        using var request = new HttpRequestMessage(method, address);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer.Reveal());
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (body is { } json)
            request.Content = new ReadOnlyMemoryContent(json) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        var reply = await transport.SendAsync(request, MaxBytes, timeout);
        if (reply.Status == 0)
            return new ApiReply(0, default, reply.Error, null);
        var root = Parse(reply.Body);
        return new ApiReply(reply.Status, root, Describe(root), reply.RetryAfter);
    }

    /// <summary>The JSON, all of whose texts can be read; undefined for anything else.</summary>
    private static JsonElement Parse(ReadOnlyMemory<byte> content)
    {
        if (content.Length is 0 or > MaxBytes)
            return default;
        var options = new JsonReaderOptions { MaxDepth = 16 };
        try
        {
            var texts = new Utf8JsonReader(content.Span, options);
            while (texts.Read())
            {
                if (texts is { TokenType: JsonTokenType.String or JsonTokenType.PropertyName, ValueIsEscaped: true })
                    texts.GetString();
            }

            var reader = new Utf8JsonReader(content.Span, options);
            return JsonElement.ParseValue(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: the escapes of a text are not valid text.
            return default;
        }
    }

    // GitHub: {"message": ...}. Google: {"error": {"message": ..., "status": ...}}.
    private static string Describe(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            return "the body is not a JSON object";
        if (root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
            return $"{error.Text("status")}: {error.Text("message")}";
        return root.Text("message") ?? "";
    }
}
