using System.Net.Sockets;

namespace TokenOperator.Tests;

/// <summary>Throws what SocketsHttpHandler throws when a new connection breaks immediately.</summary>
internal sealed class BrokenConnection : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        throw new SocketException((int)SocketError.NotConnected);
}
