using System.Net;
using System.Text.RegularExpressions;

namespace TokenOperator.TestBed;

/// <summary>A minimal browser that supports pages with one form, cookies, and one redirect at a time.</summary>
public sealed partial class PlainBrowser : IDisposable
{
    private readonly HttpClientHandler _handler = new() { AllowAutoRedirect = false, CookieContainer = new CookieContainer() };
    private readonly HttpClient _http;

    /// <summary>Creates a browser without cookies.</summary>
    public PlainBrowser() => _http = new HttpClient(_handler);

    /// <summary>Its cookies.</summary>
    public CookieContainer Cookies => _handler.CookieContainer;

    /// <summary>Opens a page.</summary>
    public Task<BrowserPage> OpenAsync(Uri address, CancellationToken ct = default) => SendAsync(new HttpRequestMessage(HttpMethod.Get, address), ct);

    /// <summary>Opens a link from a status as soon as the replica at its address has seen that status.</summary>
    public Task<BrowserPage> OpenLinkAsync(Uri link, CancellationToken ct = default) => Eventually.SeesAsync(() => OpenAsync(link, ct), page => page.Status != 410, ct: ct);

    /// <summary>Posts an empty form, as a button does.</summary>
    public Task<BrowserPage> PostAsync(Uri address, CancellationToken ct = default) => SendAsync(new HttpRequestMessage(HttpMethod.Post, address), ct);

    /// <summary>Submits the form of <paramref name="page"/> with the values of its fields, changed by <paramref name="changes"/>; null removes a field.</summary>
    public Task<BrowserPage> SubmitAsync(BrowserPage page, CancellationToken ct = default, params (string Name, string? Value)[] changes)
    {
        ArgumentNullException.ThrowIfNull(page);
        var form = FormTag().Match(page.Text) is { Success: true } match ? match.Groups[1].Value : throw new InvalidOperationException($"No form in: {page.Text}");
        var fields = InputTag().Matches(page.Text)
            .Select(input => (Name: WebUtility.HtmlDecode(input.Groups[1].Value), Value: (string?)WebUtility.HtmlDecode(input.Groups[2].Value)))
            .Where(field => !changes.Any(change => change.Name == field.Name))
            .Concat(changes)
            .Where(field => field.Value is not null)
            .Select(field => KeyValuePair.Create(field.Name, field.Value!));
        var action = new Uri(page.Address, WebUtility.HtmlDecode(form));
        return SendAsync(new HttpRequestMessage(HttpMethod.Post, action) { Content = new FormUrlEncodedContent(fields) }, ct);
    }

    /// <summary>Consents at <paramref name="address"/> as <paramref name="login"/>, and returns the redirect address.</summary>
    public async Task<Uri> ConsentAsync(Uri address, string login, bool allow = true, CancellationToken ct = default)
    {
        var page = await OpenAsync(address, ct);
        var after = await SubmitAsync(page, ct, ("login", login), (allow ? "allow" : "deny", "1"));
        return after.Redirect ?? throw new InvalidOperationException($"No redirect, but: {after.Text}");
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<BrowserPage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        using (request)
        {
            using var response = await _http.SendAsync(request, ct);
            var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
            return new BrowserPage(request.RequestUri!, (int)response.StatusCode, await response.Content.ReadAsStringAsync(ct), response.Headers.Location, headers);
        }
    }

    [GeneratedRegex("<form[^>]* action=\"([^\"]*)\"")]
    private static partial Regex FormTag();

    [GeneratedRegex("<input[^>]*? name=\"([^\"]*)\"[^>]*? value=\"([^\"]*)\"")]
    private static partial Regex InputTag();
}

/// <summary>A page in a <see cref="PlainBrowser"/>.</summary>
/// <param name="Address">The requested address.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Text">The page.</param>
/// <param name="Redirect">The redirect address, or null.</param>
/// <param name="Headers">The headers of the answer.</param>
public sealed record BrowserPage(Uri Address, int Status, string Text, Uri? Redirect, IReadOnlyDictionary<string, string> Headers);
