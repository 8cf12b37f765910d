using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>Debian's Chromium in headless mode, driven by chromedriver (W3C WebDriver).</summary>
public sealed class Chromium : IAsyncDisposable
{
    private readonly ChildProcess _driver;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromMinutes(2) };
    private readonly string _folder;
    private Uri _session;

    private Chromium(ChildProcess driver, Uri address, string folder) => (_driver, _session, _folder) = (driver, address, folder);

    /// <summary>The path of chromedriver on PATH, or null if there is none.</summary>
    public static string? Driver => Command.Find("chromedriver");

    /// <summary>Starts a browser with an empty profile that logs to <paramref name="logFile"/>.</summary>
    public static async Task<Chromium> StartAsync(string logFile, CancellationToken ct = default)
    {
        var program = Driver ?? throw new InvalidOperationException("There is no chromedriver on PATH. Run hack/chromium.sh, or apt-get install chromium chromium-driver.");
        var port = Ports.Free();
        var folder = Directory.CreateTempSubdirectory("token-operator-chromium-").FullName;
        var driver = ChildProcess.Start(new ChildProcessOptions(program, [$"--port={port}"]) { LogFile = logFile, FolderToRemoveWhenOrphaned = folder });
        var browser = new Chromium(driver, new Uri($"http://127.0.0.1:{port}/"), folder);
        await Eventually.SeesAsync(() => browser._http.GetFromJsonAsync<JsonNode>(new Uri(browser._session, "status"), ct), status => (bool?)status?["value"]?["ready"] == true, TimeSpan.FromSeconds(60), ct);
        // These stop Chromium from contacting Google's hosts at each start. As root, Chromium runs only without its sandbox.
        string[] arguments =
        [
            "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", $"--user-data-dir={folder}", .. Environment.UserName == "root" ? (string[])["--no-sandbox"] : [],
        ];
        var started = await browser.PostAsync("session", new JsonObject
        {
            ["capabilities"] = new JsonObject
            {
                ["alwaysMatch"] = new JsonObject
                {
                    ["goog:chromeOptions"] = new JsonObject { ["args"] = new JsonArray([.. arguments.Select(argument => (JsonNode)argument)]) },
                },
            },
        }, ct);
        browser._session = new Uri(browser._session, $"session/{(string)started!["sessionId"]!}/");
        return browser;
    }

    /// <summary>Opens a page.</summary>
    public Task OpenAsync(Uri address, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        return PostAsync("url", new JsonObject { ["url"] = address.AbsoluteUri }, ct);
    }

    /// <summary>Clicks the element that a CSS selector finds.</summary>
    public async Task ClickAsync(string selector, CancellationToken ct = default) => await PostAsync($"element/{await FindAsync(selector, ct)}/click", [], ct);

    /// <summary>The current HTML of the page.</summary>
    public async Task<string> SourceAsync(CancellationToken ct = default) => (string)(await _http.GetFromJsonAsync<JsonNode>(new Uri(_session, "source"), ct))!["value"]!;

    /// <summary>The address of the current page.</summary>
    public async Task<Uri> AddressAsync(CancellationToken ct = default) => new((string)(await _http.GetFromJsonAsync<JsonNode>(new Uri(_session, "url"), ct))!["value"]!);

    /// <summary>The value of a JavaScript expression in the page.</summary>
    public async Task<string?> EvaluateAsync(string expression, CancellationToken ct = default) =>
        (await PostAsync("execute/sync", new JsonObject { ["script"] = $"return {expression}", ["args"] = new JsonArray() }, ct))?.ToString();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            // Ends the browser. It would outlive the driver.
            using var ended = await _http.DeleteAsync(new Uri(_session.AbsoluteUri.TrimEnd('/')));
            if (!ended.IsSuccessStatusCode)
                throw new InvalidOperationException($"chromedriver cannot end its browser: {await ended.Content.ReadAsStringAsync()}");
        }
        catch (HttpRequestException) when (_driver.HasExited)
        {
            // The driver has already ended, and its browser with it.
        }

        await _driver.StopAsync();
        await _driver.DisposeAsync();
        _http.Dispose();
        // The last processes of the browser still write to the profile for a moment.
        await Eventually.IsTrueAsync(() =>
        {
            Directory.Delete(_folder, recursive: true);
            return true;
        });
    }

    private async Task<string> FindAsync(string selector, CancellationToken ct)
    {
        // A click does not wait for the next page.
        var found = await Eventually.SeesAsync(
            () => PostAsync("element", new JsonObject { ["using"] = "css selector", ["value"] = selector }, ct), element => element is not null, ct: ct);
        return (string)found!.AsObject().Single().Value!;
    }

    private async Task<JsonNode?> PostAsync(string path, JsonObject body, CancellationToken ct)
    {
        // A body of known length: chromedriver closes the connection on a chunked body.
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await _http.PostAsync(new Uri(_session, path), content, ct);
        var json = await answer.Content.ReadFromJsonAsync<JsonNode>(ct);
        return answer.IsSuccessStatusCode ? json!["value"] : throw new InvalidOperationException($"chromedriver: {json!["value"]?["error"]}: {json["value"]?["message"]}");
    }
}
