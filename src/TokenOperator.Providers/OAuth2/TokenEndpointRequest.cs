using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>One request to an endpoint of a provider.</summary>
/// <param name="Provider">How the request is formed and its reply is read.</param>
/// <param name="Endpoint">Where secrets are sent: an address of the document, never from an OAuthToken or a reply.</param>
/// <param name="Parameters">The parameters.</param>
internal sealed record TokenEndpointRequest(ProviderDocument Provider, Uri Endpoint, IEnumerable<KeyValuePair<string, string>> Parameters)
{
    /// <summary>The header field Authorization, or null.</summary>
    public AuthenticationHeaderValue? Authorization { get; init; }

    /// <summary>True if the reply is that to a code, which some providers form differently.</summary>
    public bool IsCodeExchange { get; init; }

    /// <summary>The message to send.</summary>
    /// <param name="beginSending">Called before the first byte of the body is written. Every message has a body, because the transport may send one without a body twice.</param>
    public HttpRequestMessage ToMessage(Action beginSending)
    {
        var format = Provider.Request.Format;
        var method = Provider.Request.Method ?? (format == RequestFormat.Query ? HttpMethod.Get : HttpMethod.Post);
        var message = new HttpRequestMessage(method, format == RequestFormat.Query ? WithQuery() : Endpoint)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
            Content = format switch
            {
                RequestFormat.Form => new ObservedForm(Parameters, beginSending),
                RequestFormat.Json => new ObservedBytes(Json(), "application/json", beginSending),
                _ => new ObservedBytes([], null, beginSending),
            },
        };
        foreach (var (name, value) in Provider.Request.Headers)
            message.Headers.TryAddWithoutValidation(name, value);
        message.Headers.Authorization = Authorization;
        return message;
    }

    private Uri WithQuery()
    {
        var query = string.Join('&', Parameters.Select(parameter => $"{Uri.EscapeDataString(parameter.Key)}={Uri.EscapeDataString(parameter.Value)}"));
        return query.Length == 0 ? Endpoint : new Uri($"{Endpoint.AbsoluteUri}{(Endpoint.Query.Length > 0 ? '&' : '?')}{query}");
    }

    /// <summary>A JSON object. A parameter with several values is a list.</summary>
    private byte[] Json()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var parameter in Parameters.GroupBy(parameter => parameter.Key, parameter => parameter.Value))
            {
                writer.WritePropertyName(parameter.Key);
                var values = parameter.ToList();
                if (values.Count > 1)
                    writer.WriteStartArray();
                values.ForEach(writer.WriteStringValue);
                if (values.Count > 1)
                    writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    /// <summary>A form that reports the moment before its first byte is written.</summary>
    private sealed class ObservedForm(IEnumerable<KeyValuePair<string, string>> fields, Action beginSending) : FormUrlEncodedContent(fields)
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            beginSending();
            return base.SerializeToStreamAsync(stream, context);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            SerializeToStreamAsync(stream, context);
    }

    /// <summary>The same for any other body, also an empty one.</summary>
    private sealed class ObservedBytes : ByteArrayContent
    {
        private readonly Action _beginSending;

        public ObservedBytes(byte[] content, string? type, Action beginSending)
            : base(content)
        {
            _beginSending = beginSending;
            Headers.ContentType = type is null ? null : new MediaTypeHeaderValue(type);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            _beginSending();
            return base.SerializeToStreamAsync(stream, context);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            SerializeToStreamAsync(stream, context);
    }
}
