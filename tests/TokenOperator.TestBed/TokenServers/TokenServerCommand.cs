using System.Globalization;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>Runs a <see cref="ScriptedTokenServer"/> as a process of its own, for load tests and the demo.</summary>
public static class TokenServerCommand
{
    /// <summary>
    /// Serves until <paramref name="ct"/>, after printing the token endpoint on a line. Arguments: <c>--port N</c> (free port),
    /// <c>--lifetime SECONDS</c> (3599), <c>--latency MILLISECONDS</c> (0), <c>--rotate</c>. Any refresh token is an account's;
    /// <c>GET /count</c> tells how many refreshes were asked for.
    /// </summary>
    public static async Task RunAsync(IReadOnlyList<string> args, CancellationToken ct)
    {
        var behaviour = new TokenServerBehaviour
        {
            AcceptAnyRefreshToken = true,
            TokenLifetime = TimeSpan.FromSeconds(Number(args, "--lifetime", 3599)),
            Latency = TimeSpan.FromMilliseconds(Number(args, "--latency", 0)),
            RotateRefreshTokens = args.Contains("--rotate"),
        };
        await using var server = await ScriptedTokenServer.StartAsync(behaviour, Number(args, "--port", 0), ct: ct);
        Console.WriteLine(server.TokenEndpoint);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = ct.Register(stopped.SetResult);
        await stopped.Task;
    }

    private static int Number(IReadOnlyList<string> args, string name, int otherwise)
    {
        var at = args.ToList().IndexOf(name);
        return at >= 0 && at + 1 < args.Count ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : otherwise;
    }
}
