namespace TokenOperator.TestBed.Faults;

/// <summary>Which way bytes go, seen from the one that connects.</summary>
[Flags]
public enum Direction
{
    /// <summary>No way.</summary>
    None = 0,

    /// <summary>From the client to the server.</summary>
    ToServer = 1,

    /// <summary>From the server to the client.</summary>
    ToClient = 2,

    /// <summary>Both ways.</summary>
    Both = ToServer | ToClient,
}
