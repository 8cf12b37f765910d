namespace TokenOperator.TestBed.TokenServers;

/// <summary>Runs a <see cref="ScriptedTokenServer"/> in its own process, for load tests and the demo.</summary>
public static class TokenServerCommand
{
    /// <summary>
    /// Prints the token endpoint and serves until <paramref name="ct"/>. Arguments: <c>--port N</c> (free port),
    /// <c>--lifetime SECONDS</c> (3599), <c>--latency MILLISECONDS</c> (0), <c>--rotate</c>. Every refresh token is accepted.
    /// <c>GET /count</c> returns the number of refresh requests.
    /// </summary>
    public static async Task RunAsync(IReadOnlyList<string> args, CancellationToken ct)
    {
        var behaviour = new TokenServerBehaviour
        {
            AcceptAnyRefreshToken = true,
            TokenLifetime = TimeSpan.FromSeconds(Arguments.Number(args, "--lifetime", 3599)),
            Latency = TimeSpan.FromMilliseconds(Arguments.Number(args, "--latency", 0)),
            RotateRefreshTokens = args.Contains("--rotate"),
        };
        await using var server = await ScriptedTokenServer.StartAsync(behaviour, (int)Arguments.Number(args, "--port", 0), ct: ct);
        Console.WriteLine(server.TokenEndpoint);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = ct.Register(stopped.SetResult);
        await stopped.Task;
    }
}
