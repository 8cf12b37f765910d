// The parts of a support bundle, and what goes into each. Reads the cluster with the rights of the user; writes nothing there.
using System.Text;
using System.Text.Json;
using k8s.Models;
using KubectlOAuthToken.Doctor;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken.Report;

/// <summary>Gathers a report. What cannot be read is listed in it, and does not stop the rest.</summary>
/// <param name="cluster">The cluster, and the namespace whose OAuthTokens are checked.</param>
/// <param name="ns">The namespace of the statuses and events; empty for all.</param>
/// <param name="operatorNamespace">The namespace that the operator runs in.</param>
/// <param name="time">The clock of this machine.</param>
internal sealed class SupportReport(Cluster cluster, string ns, string operatorNamespace, TimeProvider time)
{
    private const int MaxLogLines = 20_000;
    private const int DefaultPort = 8080;
    private static readonly TimeSpan PartTimeout = TimeSpan.FromMinutes(1);
    private static readonly ResourceKind Pods = ResourceKind.Of<V1Pod>();
    private static readonly AnsiStyle Plain = new(IsOn: false);
    private readonly DateTimeOffset _started = time.GetUtcNow();
    private readonly ReportObjects _objects = new(cluster);
    private readonly List<string> _missing = [];
    private Exception? _firstError;

    /// <summary>What could not be read, and why: one sentence for each.</summary>
    public IReadOnlyList<string> Missing => _missing;

    /// <summary>Reads everything.</summary>
    /// <param name="folder">The folder in the archive.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="PluginException">Nothing could be read.</exception>
    public async Task<SupportBundle> GatherAsync(string folder, CancellationToken cancellationToken)
    {
        var bundle = new SupportBundle(folder, _started);
        var install = new OperatorInstall(operatorNamespace);
        await AddAsync(bundle, "settings.txt", async token => SettingsPage.Render((install = await OperatorInstall.FindAsync(cluster, operatorNamespace, token)).Settings
            ?? throw new PluginException($"the namespace {operatorNamespace} has no Deployment of the operator, or you have no right to read it")), cancellationToken);
        await AddAsync(bundle, "status.txt", StatusAsync, cancellationToken);
        await AddAsync(bundle, "oauthtokens.json", async token => await _objects.WholeAsync(await cluster.KindAsync<V1Beta1OAuthToken>(token), ns, token), cancellationToken);
        await AddAsync(bundle, "clusteroauthproviders.json", async token => await _objects.WholeAsync(await cluster.KindAsync<V1Beta1ClusterOAuthProvider>(token), "", token), cancellationToken);
        await AddAsync(bundle, "events.txt", token => _objects.EventsAsync(ns, $"involvedObject.kind={V1Beta1OAuthToken.KindName}", _ => true, token), cancellationToken);
        await AddAsync(bundle, "doctor.txt", token => DoctorAsync(install, token), cancellationToken);
        await AddAsync(bundle, "versions.txt", VersionsAsync, cancellationToken);
        await AddAsync(bundle, "operator/events.txt", token => _objects.EventsAsync(operatorNamespace, "", name => name.StartsWith(install.Deployment, StringComparison.Ordinal), token), cancellationToken);
        await AddAsync(bundle, "operator/pods.json", token => _objects.PodsAsync(Pods, operatorNamespace, OperatorPods.Selector, token), cancellationToken);
        await AddPodsAsync(bundle, install, cancellationToken);
        if (!bundle.Names.Any())
            throw _firstError!;
        bundle.Add("README.txt", Readme(bundle));
        return bundle;
    }

    private async Task AddPodsAsync(SupportBundle bundle, OperatorInstall install, CancellationToken cancellationToken)
    {
        IReadOnlyList<V1Pod> pods = [];
        await TryAsync("operator/logs and operator/metrics", async token => pods = (await OperatorPods.FindAsync(cluster, install, token)).Pods, cancellationToken);
        foreach (var pod in pods)
        {
            var (name, container) = (pod.Metadata.Name, OperatorPods.ContainerOf(pod.Spec));
            await AddAsync(bundle, $"operator/logs/{name}.log", token => LogAsync(pod, container, previous: false, token), cancellationToken);
            if (pod.Status?.ContainerStatuses?.Any(status => status.Name == container.Name && status.RestartCount > 0) == true)
                await AddAsync(bundle, $"operator/logs/{name}.previous.log", token => LogAsync(pod, container, previous: true, token), cancellationToken);
            await AddAsync(bundle, $"operator/metrics/{name}.txt", token => MetricsAsync(pod, container, token), cancellationToken);
        }
    }

    private async Task<string> StatusAsync(CancellationToken cancellationToken)
    {
        var items = TokenStatus.Sorted(await cluster.ListAsync(ns, cancellationToken), time.GetUtcNow());
        return items.Count == 0 ? "There are no OAuthTokens.\n" : new StatusPage(OutputFormat.Parse("wide"), isOne: false, withNamespace: true, Plain).Render(items, time.GetUtcNow());
    }

    private async Task<string> DoctorAsync(OperatorInstall install, CancellationToken cancellationToken)
    {
        var lines = new StringBuilder($"Checks of the namespace {cluster.Namespace}\n\n");
        await foreach (var (name, result) in DoctorRun.RunAsync(cluster, install, time, cancellationToken))
            lines.Append(DoctorRun.Line(name, result, Plain)).Append('\n');
        return lines.ToString();
    }

    private async Task<string> VersionsAsync(CancellationToken cancellationToken)
    {
        var server = await _objects.TextAsync(new ApiRequest("get", HttpMethod.Get, Pods, new("", "")) { Path = "version" }, cancellationToken);
        var groups = await _objects.TextAsync(new ApiRequest("get", HttpMethod.Get, Pods, new("", "")) { Path = $"apis/{V1Beta1OAuthToken.GroupName}" }, cancellationToken);
        using var group = JsonDocument.Parse(groups);
        var served = group.RootElement.GetProperty("versions").EnumerateArray().Select(version => version.GetProperty("version").GetString());
        return $"Plugin: {BuildInfo.Version}\n{V1Beta1OAuthToken.GroupName}: {string.Join(", ", served)}\nAPI server: {server}\n";
    }

    private async Task<string> LogAsync(V1Pod pod, V1Container container, bool previous, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        await foreach (var line in PodLog.ReadAsync(cluster.Api, pod.Key(), container.Name, new() { Previous = previous, TailLines = MaxLogLines }, cancellationToken))
            text.Append(line).Append('\n');
        return text.ToString();
    }

    private Task<string> MetricsAsync(V1Pod pod, V1Container container, CancellationToken cancellationToken)
    {
        var port = container.Ports?.FirstOrDefault(one => one.Name == "http")?.ContainerPort ?? DefaultPort;
        var address = new NamespacedName(pod.Metadata.NamespaceProperty, $"{pod.Metadata.Name}:{port}");
        return _objects.TextAsync(new ApiRequest("get", HttpMethod.Get, Pods, address) { Subresource = "proxy/metrics", Accept = "text/plain" }, cancellationToken);
    }

    private string Readme(SupportBundle bundle) =>
        $"""
        A report of kubectl oauthtoken, made at {Timestamps.Format(_started)}.

        OAuthTokens: {(ns.Length == 0 ? "all namespaces" : $"the namespace {ns}")}. Operator: the namespace {operatorNamespace}.

        Secrets were not read, and whatever looks like a secret is replaced by {SecretFilter.Hidden}, as are the values of header fields, request
        parameters, claims, labels and annotations in the specs. The files name accounts, namespaces, hosts and
        providers. Look through them before you send them to someone.

        Files:
        {string.Join('\n', bundle.Names.Order(StringComparer.Ordinal).Select(name => $"  {name}"))}

        Missing:
        {(_missing.Count == 0 ? "  nothing" : string.Join('\n', _missing.Select(line => $"  {line}")))}

        """;

    private Task AddAsync(SupportBundle bundle, string file, Func<CancellationToken, Task<string>> read, CancellationToken cancellationToken) =>
        TryAsync(file, async token => bundle.Add(file, await read(token)), cancellationToken);

    /// <summary>Does a part of the work. A part that fails, or takes too long, is missing.</summary>
    private async Task TryAsync(string part, Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(PartTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            await work(both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _missing.Add($"{part}: it took longer than {DurationText.Format(PartTimeout)}");
        }
        catch (Exception e) when (PluginErrors.IsExpected(e) || e is HttpRequestException or JsonException or KeyNotFoundException)
        {
            _firstError ??= e;
            _missing.Add($"{part}: {DisplayText.Line(e.Message)}");
        }
    }
}
