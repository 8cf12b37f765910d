using System.Net.Sockets;

namespace TokenOperator.Tests;

/// <summary>Lets out what SocketsHttpHandler does when a new connection breaks in the moment after it was made.</summary>
internal sealed class BrokenConnection : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        throw new SocketException((int)SocketError.NotConnected);
}
