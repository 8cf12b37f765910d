using System.Globalization;

namespace TokenOperator.Benchmarks;

/// <summary>The options of a benchmark.</summary>
/// <param name="N">The number of objects.</param>
/// <param name="Rounds">The number of rounds. Their medians are reported.</param>
/// <param name="Reuse">True reuses the programs of an earlier publish.</param>
internal sealed record Options(int N, int Rounds, bool Reuse)
{
    public const string Usage = "Usage: TokenOperator.Benchmarks [providers | refreshes] [--n OBJECTS (1000, or N of the environment)] [--rounds ROUNDS (3)] [--reuse]";

    /// <summary>Reads the arguments; null if one is not valid.</summary>
    public static Options? Parse(string[] args)
    {
        var options = new Options(1000, 3, Reuse: false);
        if (Environment.GetEnvironmentVariable("N") is { Length: > 0 } n)
            args = ["--n", n, .. args];
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--reuse")
                options = options with { Reuse = true };
            else if (i + 1 >= args.Length || !int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < 1)
                return null;
            else if (args[i++] == "--n")
                options = options with { N = number };
            else if (args[i - 1] == "--rounds")
                options = options with { Rounds = number };
            else
                return null;
        }

        return options;
    }
}
