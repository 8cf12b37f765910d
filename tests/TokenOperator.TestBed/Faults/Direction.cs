namespace TokenOperator.TestBed.Faults;

/// <summary>The direction of bytes, as seen from the client.</summary>
[Flags]
public enum Direction
{
    /// <summary>Neither direction.</summary>
    None = 0,

    /// <summary>From the client to the server.</summary>
    ToServer = 1,

    /// <summary>From the server to the client.</summary>
    ToClient = 2,

    /// <summary>Both directions.</summary>
    Both = ToServer | ToClient,
}
