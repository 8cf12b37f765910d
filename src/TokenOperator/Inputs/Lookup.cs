using TokenOperator.Api;

namespace TokenOperator.Inputs;

/// <summary>The result of looking something up.</summary>
/// <typeparam name="T">What was looked up.</typeparam>
public abstract record Lookup<T>
    where T : class
{
    private Lookup()
    {
    }

    /// <summary>It was not looked up, because nothing depends on it.</summary>
    public sealed record NotRead : Lookup<T>;

    /// <summary>It does not exist.</summary>
    /// <param name="Message">Where it was looked for.</param>
    public sealed record Absent(string Message) : Lookup<T>;

    /// <summary>It exists, or may exist, and cannot be used.</summary>
    /// <param name="Problem">What is wrong.</param>
    public sealed record Faulty(Problem Problem) : Lookup<T>;

    /// <summary>It was found.</summary>
    /// <param name="Value">What was found.</param>
    public sealed record Found(T Value) : Lookup<T>;
}
