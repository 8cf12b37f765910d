using System.Text;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;

namespace TokenOperator.Tests.Hostile;

public sealed class WatchStreamFuzzTests
{
    private static readonly ApiJson Json = new(OAuthTokenJson.Default);

    private static readonly string[] Streams =
    [
        """
        {"type":"ADDED","object":{"apiVersion":"tokenoperator.dev/v1beta1","kind":"OAuthToken","metadata":{"name":"m","namespace":"mail","uid":"u","resourceVersion":"5","creationTimestamp":"2026-01-31T12:00:00Z","generation":1,"annotations":{"a":"MARKED"}},"spec":{"provider":"google","account":"marcus","clientSecretRef":{"name":"client"},"suspend":false},"status":{"failures":1}}}
        {"type":"BOOKMARK","object":{"kind":"OAuthToken","apiVersion":"tokenoperator.dev/v1beta1","metadata":{"resourceVersion":"12746","creationTimestamp":null}}}
        {"type":"DELETED","object":{"metadata":{"name":"m","namespace":"mail","resourceVersion":"6","ownerReferences":[{"apiVersion":"v1","kind":"K","name":"n","uid":"u","controller":true}],"managedFields":[{"manager":"m","operation":"Apply","time":"2026-01-31T12:00:00Z","fieldsV1":{"f:data":{"f:access_token":{}}}}]}}}

        """,
        """
        {"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410,"details":{"name":"MARKED","causes":[{"field":"f"}]}}}

        """,
    ];

    [Fact]
    public Task A_damaged_watch_is_read_or_ends_with_an_exception_that_the_reflector_handles() =>
        Fuzz.RunAsync(Streams, content =>
        {
            Read<V1Beta1OAuthToken>(content);
            Read<PartialObjectMetadata>(content);
        });

    [Fact]
    public async Task A_line_without_an_end_is_refused_before_it_fills_the_memory()
    {
        await using var endless = new EndlessStream();

        var read = async () => await WatchStream.ReadAsync<PartialObjectMetadata>(endless, Json, CancellationToken.None).ToListAsync();

        (await read.Should().ThrowAsync<ApiUnavailableException>()).WithMessage("*longer than*");
        endless.Position.Should().BeLessThan(4 * WatchStream.MaxLine);
    }

    [Fact]
    public async Task One_object_that_does_not_fit_its_class_does_not_end_the_watch()
    {
        var stream = """
            {"type":"ADDED","object":{"metadata":{"name":"bad","namespace":"mail","resourceVersion":"5"},"spec":{"suspend":"no"}}}
            {"type":"ADDED","object":{"metadata":{"name":"good","namespace":"mail","resourceVersion":"6"}}}

            """;

        var read = await WatchStream.ReadAsync<V1Beta1OAuthToken>(new MemoryStream(Encoding.UTF8.GetBytes(stream)), Json, CancellationToken.None).ToListAsync();

        read.Select(e => (e.Type, (e.Resource?.Metadata ?? e.Metadata)!.Name)).Should().Equal((WatchEventKind.Unreadable, "bad"), (WatchEventKind.Added, "good"));
    }

    private static void Read<T>(byte[] content)
    {
        // No read waits, because the whole stream is in memory.
        var events = WatchStream.ReadAsync<T>(new MemoryStream(content), Json, CancellationToken.None).GetAsyncEnumerator();
        try
        {
            while (events.MoveNextAsync().AsTask().GetAwaiter().GetResult())
            {
            }
        }
        catch (ApiUnavailableException e)
        {
            Fuzz.RefuseEcho(e.ToString());
            Fuzz.RequireShowable(e.Message, 300);
        }
    }
}
