using System.Globalization;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>
/// Scrapes an operator once a second, as Prometheus would once a minute, and keeps all samples. A second since the start is a
/// minute for promtool: values stay as they are, and the distance of a timestamp (<c>*_timestamp_seconds</c>) from the start is
/// scaled from seconds to minutes. A token of 60 s becomes one of 60 minutes. On a busy machine a scrape can come late: until
/// then, the one before it holds. If two come in the same second, the first one counts: a test may have read it already.
/// </summary>
internal sealed class Scraper : IAsyncDisposable
{
    private const double Stretch = 60;

    private readonly Func<OperatorProcess> _target;
    private readonly List<Dictionary<string, double>> _scrapes = [];
    private readonly DateTimeOffset _start = DateTimeOffset.UtcNow;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromMinutes(1) };
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    /// <summary>Starts to scrape.</summary>
    public Scraper(Func<OperatorProcess> target)
    {
        _target = target;
        _running = RunAsync();
    }

    /// <summary>The next minute.</summary>
    public int Now
    {
        get
        {
            lock (_scrapes)
                return _scrapes.Count;
        }
    }

    /// <summary>All series, with a value or null for each minute.</summary>
    public IReadOnlyDictionary<string, double?[]> Series
    {
        get
        {
            lock (_scrapes)
            {
                return _scrapes.SelectMany(scrape => scrape.Keys).Distinct().ToDictionary(
                    series => series,
                    series => _scrapes.Select(scrape => scrape.TryGetValue(series, out var value) ? value : (double?)null).ToArray());
            }
        }
    }

    /// <summary>The latest value of the only series of a metric with a label; null if there is none.</summary>
    public double? Latest(string metric, string label)
    {
        lock (_scrapes)
            return _scrapes.Count == 0 ? null : Find(_scrapes[^1], metric, label);
    }

    /// <summary>The first minute from <paramref name="from"/> on at which the series of a metric with a label passes <paramref name="test"/>.</summary>
    public int First(string metric, string label, Func<double, bool> test, int from = 0)
    {
        lock (_scrapes)
        {
            var found = _scrapes.FindIndex(from, scrape => Find(scrape, metric, label) is { } value && test(value));
            return found >= 0 ? found : throw new InvalidOperationException($"No scrape from minute {from} on has {metric} of {label} so.");
        }
    }

    /// <summary>Waits for a number of further scrapes.</summary>
    public Task PassAsync(int minutes)
    {
        var end = Now + minutes;
        return Eventually.IsTrueAsync(() => Now > end, TimeSpan.FromMinutes(2));
    }

    /// <summary>Waits for a scrape in which the series of a metric with a label passes <paramref name="test"/>.</summary>
    public Task SeesAsync(string metric, string label, Func<double, bool> test) =>
        Eventually.IsTrueAsync(() => Latest(metric, label) is { } value && test(value), TimeSpan.FromMinutes(3));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _http.Dispose();
        _stop.Dispose();
    }

    private static double? Find(Dictionary<string, double> scrape, string metric, string label) =>
        scrape.Where(sample => sample.Key.StartsWith(metric + "{", StringComparison.Ordinal) && sample.Key.Contains(label, StringComparison.Ordinal))
            .Select(sample => (double?)sample.Value).FirstOrDefault();

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
                await ScrapeAsync();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The test is over.
        }
    }

    private async Task ScrapeAsync()
    {
        var address = _target().Address;
        var target = $"instance=\"{address.Authority}\",job=\"token-operator\"";
        var samples = new Dictionary<string, double>();
        try
        {
            var text = await _http.GetStringAsync(new Uri(address, "/metrics"), _stop.Token);
            foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith('#')))
                Add(samples, line, target, -Stretch * _start.ToUnixTimeMilliseconds() / 1000);
            samples[$"up{{{target}}}"] = 1;
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !_stop.IsCancellationRequested))
        {
            samples = new() { [$"up{{{target}}}"] = 0 };
        }

        lock (_scrapes)
        {
            var minute = (int)(DateTimeOffset.UtcNow - _start).TotalSeconds;
            while (_scrapes.Count < minute)
                _scrapes.Add(_scrapes.Count > 0 ? _scrapes[^1] : samples);
            if (_scrapes.Count == minute)
                _scrapes.Add(samples);
        }
    }

    /// <summary>Adds the target's labels to those of a sample, as Prometheus does with honor_labels.</summary>
    private static void Add(Dictionary<string, double> samples, string line, string target, double origin)
    {
        // NAME{LABELS} VALUE, or NAME VALUE; a timestamp may follow.
        var end = line.LastIndexOf('}') is var brace and > 0 ? brace + 1 : line.IndexOf(' ');
        var name = line[..(line.IndexOf('{') is var open and > 0 && open < end ? open : end)];
        var own = name.Length == end ? "" : line[(name.Length + 1)..(end - 1)];
        var labels = own.Length == 0 ? target : own + "," + target;
        var value = double.Parse(line[end..].Trim().Split(' ')[0].Replace("+Inf", "Infinity"), CultureInfo.InvariantCulture);
        samples[$"{name}{{{labels}}}"] = name.EndsWith("_timestamp_seconds", StringComparison.Ordinal) ? origin + (Stretch * value) : value;
    }
}
