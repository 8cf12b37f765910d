using System.Diagnostics;
using System.Globalization;

namespace TokenOperator.Benchmarks;

/// <summary>The CPU time and memory of a Linux process.</summary>
/// <param name="id">The process id.</param>
internal sealed class ProcessMeter(int id)
{
    /// <summary>USER_HZ, which is 100 on every platform that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Murmur = TimeSpan.FromMilliseconds(20);

    /// <summary>The user and system CPU time of all threads so far.</summary>
    public TimeSpan Cpu()
    {
        var stat = File.ReadAllText($"/proc/{id}/stat");
        // The second field is the program's name in parentheses, which may contain spaces. utime and stime are fields 14 and 15.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromSeconds((Number(fields[11]) + Number(fields[12])) / TicksPerSecond);
    }

    /// <summary>The largest resident set so far, in MiB.</summary>
    public double PeakMemory() => Mebibytes("VmHWM:");

    /// <summary>The resident set now, in MiB.</summary>
    public double Memory() => Mebibytes("VmRSS:");

    private double Mebibytes(string field)
    {
        var line = File.ReadLines($"/proc/{id}/status").First(l => l.StartsWith(field, StringComparison.Ordinal));
        return Number(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) / 1024.0;
    }

    /// <summary>Waits until the process has used at most two ticks of CPU time within a second.</summary>
    /// <param name="started">A timestamp of <see cref="Stopwatch"/>.</param>
    /// <param name="ct">Gives up.</param>
    /// <returns>The start of that second, counted from <paramref name="started"/>.</returns>
    public async Task<TimeSpan> QuietAfterAsync(long started, CancellationToken ct)
    {
        var samples = new Queue<(TimeSpan At, TimeSpan Cpu)>();
        while (true)
        {
            var (at, cpu) = (Stopwatch.GetElapsedTime(started), Cpu());
            samples.Enqueue((at, cpu));
            while (cpu - samples.Peek().Cpu > Murmur)
                samples.Dequeue();
            if (at - samples.Peek().At >= Silence)
                return samples.Peek().At;
            await Task.Delay(10, ct);
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
