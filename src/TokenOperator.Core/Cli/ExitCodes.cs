namespace TokenOperator.Core.Cli;

/// <summary>Exit codes of all verbs, for scripts.</summary>
public static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>Something went wrong that no other code names.</summary>
    public const int Failed = 1;

    /// <summary>The words of the call, a setting or a file are not right: correct them.</summary>
    public const int BadInput = 2;

    /// <summary>Postgres, or the API server, cannot be used now: try again later.</summary>
    public const int Unavailable = 3;

    /// <summary>There is no such account or object.</summary>
    public const int NotFound = 4;

    /// <summary>Refused: it would overwrite something, or a right is missing.</summary>
    public const int Refused = 5;

    /// <summary>Ended by Ctrl-C before it was done; what a shell expects then.</summary>
    public const int Interrupted = 130;
}
