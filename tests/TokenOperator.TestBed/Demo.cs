// The demo: shows the operator at work, and verifies everything that it shows. It knows the product as a user does, by its
// manifests, its program and the output of kubectl.
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>One run of the demo.</summary>
public sealed class Demo(DemoPage page, DemoFixture fixture)
{
    /// <summary>The operator refreshes after half of this. A takeover after a crash takes about 20 s and fits into that half.</summary>
    public static readonly TimeSpan TokenLifetime = TimeSpan.FromSeconds(75);

    private const string Secret = "marcus-gmail-token";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private static readonly string[] Keys = ["access_token", "account", "expires_at", "provider", "scope", "token_type"];

    private const string AsFiles =
        """{{range $k, $v := .data}}{{$k}}: {{if eq $k "access_token"}}({{len (base64decode $v)}} characters){{else}}{{base64decode $v}}{{end}}{{"\n"}}{{end}}""";

    private Kubectl Kubectl => fixture.Plane.Kubectl;

    /// <summary>Runs all steps.</summary>
    /// <exception cref="DemoException">A claim does not hold.</exception>
    public async Task RunAsync(CancellationToken ct)
    {
        await InstallAsync(ct);
        await StartOperatorAsync(ct);
        await using var watch = await ApplySamplesAsync(ct);
        await ReadAsAppAsync(ct);
        await RefreshAsync("Wait for the first refresh", asked: 2, ct);
        await CrashAsync(ct);
        await RefreshAsync("Wait for the second refresh, by the new process", asked: 3, ct);
        await LookBackAsync(ct);
    }

    private async Task InstallAsync(CancellationToken ct)
    {
        page.Step("Install the CRD and the operator's RBAC rules");
        await ApplyAsync("config/crds", ct);
        await Kubectl.RunAsync("wait --for=condition=Established crd/oauthtokens.tokenoperator.dev --timeout=30s", ct);
        await fixture.Plane.CreateNamespaceAsync(DemoFixture.OperatorNamespace, ct);
        await ApplyAsync("config/rbac", ct);
    }

    private async Task StartOperatorAsync(CancellationToken ct)
    {
        page.Step("Start the operator in its own process, with the token of its own ServiceAccount");
        page.Command("DATABASE_URL=postgresql://... Encryption__KeyringPath=... token-operator run &");
        var process = await (await fixture.StartOperatorAsync(ct)).ReadyAsync(ct);
        page.Output($"process {process.Id}; {process.Address}readyz answers: ready");
        await LeadsAsync(before: "", ct);
    }

    private async Task<ChildProcess> ApplySamplesAsync(CancellationToken ct)
    {
        page.Step("Apply the samples and watch the OAuthToken");
        var watch = Kubectl.Start("get oauthtokens -n mail --watch", fixture.Watch);
        await ApplyAsync("config/samples", ct);
        page.Say("(There is no kubelet here, so the Deployment is stored and no pod starts.)");
        page.Command("kubectl get oauthtokens -n mail --watch");
        var rows = await Eventually.SeesAsync(Rows, seen => seen.Count > 0 && seen[^1].Ready == "True", Timeout, ct, "the OAuthToken is Ready");
        page.Output(await File.ReadAllTextAsync(fixture.Watch, ct));
        page.Claim(rows[0].Status == "Pending", "The OAuthToken was Pending first.", rows[0].Status);
        page.Claim(rows[^1].Status == "Refreshed", "A refresh made it Ready.", rows[^1].Status);
        ClaimAsked(1);
        return watch;
    }

    private async Task ReadAsAppAsync(CancellationToken ct)
    {
        page.Step("Read the token as an application does: each key is a file in the mounted directory");
        page.Command($"kubectl get secret {Secret} -n mail -o go-template='{{{{range $k, $v := .data}}}}...'");
        page.Output(await Kubectl.RunAsync(["get", "secret", Secret, "-n", "mail", "-o", "go-template=" + AsFiles], ct: ct));
        var secret = await SecretAsync(ct);
        page.Claim(secret.Keys.SequenceEqual(Keys), "The Secret contains exactly these keys: no refresh token and no client secret.", string.Join(", ", secret.Keys));
        page.Claim(!secret.Keys.Any(key => secret[key]!.Contains("sample-", StringComparison.Ordinal)), "It contains nothing of the input Secrets.");
        page.Claim(fixture.Tokens.IsValid(secret["access_token"]!), "The token endpoint accepts the access token.");
        page.Claim(secret.ExpiresAt > DateTimeOffset.UtcNow, $"It expires at {secret["expires_at"]}, {TokenLifetime.TotalSeconds:0} s after it was issued.");
    }

    private async Task RefreshAsync(string title, int asked, CancellationToken ct)
    {
        page.Step($"{title}: when half of the token's {TokenLifetime.TotalSeconds:0} s is left, because refreshBefore is longer");
        var before = await SecretAsync(ct);
        var after = await Eventually.SeesAsync(() => SecretAsync(ct), s => s["access_token"] != before["access_token"], Timeout, ct, "the Secret holds a new token");
        var oldIsValid = fixture.Tokens.IsValid(before["access_token"]!);
        await Eventually.SeesAsync(Rows, seen => seen[^1].Expires == after["expires_at"], Timeout, ct, "the status shows the new expiry");
        await ShowAsync("get oauthtokens -n mail", ct);
        page.Claim(fixture.Tokens.IsValid(after["access_token"]!) && after.ExpiresAt > before.ExpiresAt, $"The Secret contains a new token, valid until {after["expires_at"]}.");
        page.Claim(oldIsValid, "The old token was still valid then: an application that had just read it was not affected.");
        ClaimAsked(asked);
    }

    private async Task CrashAsync(CancellationToken ct)
    {
        page.Step("Crash: kill -9 the operator and start it again");
        var (secret, token, holder) = (await SecretAsync(ct), await ObjectVersionAsync(ct), await HolderAsync(ct));
        var crashed = fixture.Operator!;
        page.Command($"kill -9 {crashed.Id}; token-operator run &");
        await crashed.KillAsync(ct);
        var restarted = await (await fixture.StartOperatorAsync(ct)).ReadyAsync(ct);
        page.Output($"process {restarted.Id}");
        page.Say("A killed process cannot release its lease. The new process waits until the lease expires, a little more than 15 s.");
        page.Say("The token in the Secret stays valid meanwhile. (After an orderly stop there is no wait.)");
        await LeadsAsync(holder, ct);
        await Eventually.SeesAsync(() => HasReconciledAsync(restarted, ct), done => done, Timeout, ct, "the new process has reconciled the OAuthToken");
        var after = await SecretAsync(ct);
        ClaimAsked(2);
        page.Claim(after.Version == secret.Version, "The Secret was not written again, because it was up to date.", $"resourceVersion {after.Version}, was {secret.Version}");
        page.Claim(await ObjectVersionAsync(ct) == token, "The status of the OAuthToken was not written either.");
        page.Claim(fixture.Tokens.IsValid(after["access_token"]!), "Its token is still valid.");
    }

    private async Task LookBackAsync(CancellationToken ct)
    {
        page.Step("Look back");
        await ShowAsync("get oauthtokens -n mail -o wide", ct);
        page.Command("kubectl describe oauthtoken marcus-gmail -n mail | sed -n '/^Events:/,$p'");
        var description = await Kubectl.RunAsync("describe oauthtoken marcus-gmail -n mail", ct);
        var at = description.IndexOf("Events:", StringComparison.Ordinal);
        page.Output(at < 0 ? description : description[at..]);
        page.Claim(at > 0 && description[at..].Contains("FirstToken", StringComparison.Ordinal), "An event reports the first token. Routine refreshes create no events.");
        var rows = Rows();
        page.Claim(rows.SkipWhile(row => row.Ready != "True").All(row => row.Ready == "True"), "Since it was first Ready, the watch has never shown another status.");
        page.Claim(!fixture.Operator!.Log.Contains(DemoFixture.SampleRefreshToken, StringComparison.Ordinal), "The operator's log does not contain the refresh token.");
    }

    /// <summary>Waits until an operator other than <paramref name="before"/> holds the lease.</summary>
    private async Task LeadsAsync(string before, CancellationToken ct)
    {
        var line = $"get lease {DemoFixture.Lease} -n {DemoFixture.OperatorNamespace}";
        await Eventually.SeesAsync(() => HolderAsync(ct), holder => holder.Length > 0 && holder != before, Timeout, ct, "the operator leads");
        await ShowAsync(line, ct);
    }

    private Task<string> HolderAsync(CancellationToken ct) =>
        Kubectl.RunAsync($"get lease {DemoFixture.Lease} -n {DemoFixture.OperatorNamespace} -o jsonpath={{.spec.holderIdentity}}", ct);

    private Task<string> ObjectVersionAsync(CancellationToken ct) =>
        Kubectl.RunAsync("get oauthtoken marcus-gmail -n mail -o jsonpath={.metadata.resourceVersion}", ct);

    private async Task<SecretView> SecretAsync(CancellationToken ct) => new(JsonNode.Parse(await Kubectl.RunAsync($"get secret {Secret} -n mail -o json", ct))!);

    private static async Task<bool> HasReconciledAsync(OperatorProcess process, CancellationToken ct)
    {
        using var http = new HttpClient { BaseAddress = process.Address };
        var metrics = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), ct);
        return metrics.Split('\n').Any(line => line.StartsWith("controller_runtime_reconcile_total{", StringComparison.Ordinal) && !line.Contains("} 0 ", StringComparison.Ordinal));
    }

    private void ClaimAsked(int expected)
    {
        var asked = fixture.AskedCount;
        page.Claim(asked == expected, $"The token endpoint has received {expected} token {(expected == 1 ? "request" : "requests")} in all.", $"{asked}");
    }

    private async Task ApplyAsync(string folder, CancellationToken ct)
    {
        page.Command($"kubectl apply -k {folder}");
        page.Output(await Kubectl.RunAsync(["apply", "-k", Repository.File(folder)], ct: ct));
    }

    private async Task ShowAsync(string line, CancellationToken ct)
    {
        page.Command($"kubectl {line}");
        page.Output(await Kubectl.RunAsync(line, ct));
    }

    /// <summary>The complete lines that the watch has printed so far.</summary>
    private IReadOnlyList<WatchedRow> Rows() =>
        !File.Exists(fixture.Watch) ? [] : [.. File.ReadAllText(fixture.Watch).Split('\n')[..^1]
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length > 4 && words[0] == "marcus-gmail")
            .Select(words => new WatchedRow(words[3], words[4], words.Length > 6 ? words[5] : ""))];

    private sealed record WatchedRow(string Ready, string Status, string Expires);
}
