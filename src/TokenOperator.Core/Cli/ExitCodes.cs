namespace TokenOperator.Core.Cli;

/// <summary>Exit codes of all verbs, for scripts.</summary>
public static class ExitCodes
{
    /// <summary>Success.</summary>
    public const int Ok = 0;

    /// <summary>A failure that no other code describes.</summary>
    public const int Failed = 1;

    /// <summary>An argument, a setting or a file is not valid: correct it.</summary>
    public const int BadInput = 2;

    /// <summary>Postgres or the API server is unavailable: try again later.</summary>
    public const int Unavailable = 3;

    /// <summary>There is no such account or object.</summary>
    public const int NotFound = 4;

    /// <summary>Refused: it would overwrite something, or a permission is missing.</summary>
    public const int Refused = 5;

    /// <summary>Interrupted by Ctrl-C, as shells expect.</summary>
    public const int Interrupted = 130;
}
